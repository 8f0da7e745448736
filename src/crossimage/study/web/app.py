"""The pages of a study."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from crossimage.server.guard import Guard, Refused
from crossimage.study import assign
from crossimage.study.questions import TEACHING
from crossimage.study.settings import IMAGES, Settings
from crossimage.study.store import NotYours, OtherAnswer, Person, Store
from crossimage.study.trial import shown_trial
from crossimage.study.web import fields
from crossimage.study.web.admin import overview, votes_csv
from crossimage.study.web.forms import FORMS, parse_form
from crossimage.utils.html import page_template

STATIC = Path(__file__).parent / "static"
_TYPES = {"study.js": "text/javascript", "study.css": "text/css"}
_FOREVER = "private, max-age=31536000, immutable"

Handler = Callable[["StudyApp", Request], Awaitable[Response]]


class StudyApp:
    """The pages of one study; all access to the database is from the event loop.

    Args:
        folder: Folder of the study.
        settings: Its settings.
        store: Its database.
        admin_token: Opens the admin page.
        hosts: Other host names to accept, such as a reverse proxy's.
    """

    def __init__(
        self, folder: Path, settings: Settings, store: Store, admin_token: str,
        hosts: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.folder, self.settings, self.store = folder, settings, store
        self._admin_token = admin_token
        self._cookie = f"study-{(store.get('secret') or '')[:8]}"
        self._images = {path.name: path for path in (folder / IMAGES).glob("*.png")}
        routes = [
            ("/", self.welcome, "GET"), ("/begin", self.begin, "POST"),
            ("/trial", self.trial, "GET"), ("/vote", self.vote, "POST"),
            ("/feedback", self.feedback, "GET"), ("/done", self.done, "GET"),
            ("/stop", self.ask_to_stop, "GET"), ("/stop", self.stop, "POST"),
            ("/withdraw", self.withdraw, "POST"), ("/images/{name}", self.image, "GET"),
            ("/static/{name}", self.static, "GET"), ("/favicon.ico", self.no_icon, "GET"),
            ("/admin", self.admin, "GET"), ("/admin/votes.csv", self.votes, "GET"),
        ]  # fmt: skip
        pages = Starlette(
            routes=[Route(path, page, methods=[method]) for path, page, method in routes],
            exception_handlers={
                Refused: self._refused, NotYours: self._not_yours, OtherAnswer: self._other_answer,
                sqlite3.OperationalError: self._not_stored, sqlite3.DatabaseError: self._not_stored,
                404: self._missing,
            },
        )  # fmt: skip
        self.asgi = Guard(pages, FORMS, hosts)

    # Pages of participants

    async def welcome(self, request: Request) -> Response:
        """Show what the study is about and ask for consent."""
        query = parse_form(request.url.query.encode())
        platform = fields.platform_number(query)
        person = self._person(request)
        if person and (platform is None or platform == person.platform):
            return RedirectResponse("trial", 303)
        return self._page("welcome.html", platform=platform)

    async def begin(self, request: Request) -> Response:
        """Add a person who consents."""
        form = parse_form(await request.body())
        if form.get("consent") != "yes":
            raise Refused(400, "To take part, please tick the box that you agree.")
        platform = fields.platform_number(form)
        person = self._person(request)
        if not person or platform != person.platform:
            try:
                person = self.store.join(assign.group_for_next(self.store), platform)
            except NotYours:
                raise Refused(
                    403,
                    "This participant number has begun already, in another browser. Please go on "
                    "there.",
                ) from None
        response = RedirectResponse("trial", 303)
        response.set_cookie(
            self._cookie, person.secret, max_age=60 * 86400, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    async def trial(self, request: Request) -> Response:
        """Show the next question."""
        person = self._person(request)
        if person is None:
            return RedirectResponse(".", 303)
        handout = assign.next_handout(self.store, self.settings, person)
        if handout is None:
            self.store.end(person, stopped=False)
            return RedirectResponse("done", 303)
        total = assign.amount(self.store, self.settings, person)
        return self._page("trial.html", trial=shown_trial(self.settings, handout, total))

    async def vote(self, request: Request) -> Response:
        """Store an answer, and say so when it is on the disk."""
        form = parse_form(await request.body())
        person = self._person(request)
        if person is None:
            raise Refused(403, "Your browser is not known here; please begin again.")
        shown = fields.number(form, "answer")
        if shown is None:
            raise Refused(400, "The answer is missing.")
        token = fields.token(form)
        taken, seen = fields.milliseconds(form), fields.exposures(form)
        try:
            question = self.store.vote(person, token, shown, taken, seen)
        except (NotYours, OtherAnswer):
            raise
        except ValueError as error:
            raise Refused(400, str(error)) from None
        follows = f"feedback?trial={token}" if question.kind in TEACHING else "trial"
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"next": follows})
        return RedirectResponse(follows, 303)

    async def feedback(self, request: Request) -> Response:
        """Show whether an answer in the practice was right."""
        person = self._person(request)
        query = parse_form(request.url.query.encode())
        rows = self.store.rows(
            "SELECT known, answer, kind FROM handout JOIN vote USING (person, question) "
            "JOIN question ON question.id = vote.question WHERE token = ? AND person = ?",
            (fields.token(query), person.id if person else 0),
        )
        if not rows or rows[0]["kind"] not in TEACHING:
            raise NotYours("this question was not handed out to you")
        known, answer = rows[0]["known"], rows[0]["answer"]
        return self._page("feedback.html", known=known, right=known == answer, kind=rows[0]["kind"])

    async def done(self, request: Request) -> Response:
        """Thank a person who has answered everything, or stopped."""
        person = self._person(request)
        if person is None or person.ended is None:
            return RedirectResponse(".", 303)
        rows = self.store.rows("SELECT stopped FROM person WHERE id = ?", (person.id,))
        votes = self.store.rows("SELECT count(*) AS n FROM vote WHERE person = ?", (person.id,))
        stopped = bool(rows[0]["stopped"])
        code = self.settings.completion_code if votes[0]["n"] and not stopped else ""
        return self._page("done.html", code=code, stopped=stopped, votes=votes[0]["n"])

    async def ask_to_stop(self, request: Request) -> Response:
        """Ask whether to stop, and whether the answers may be kept."""
        if self._person(request) is None:
            return RedirectResponse(".", 303)
        return self._page("stop.html")

    async def stop(self, request: Request) -> Response:
        """Stop, and keep the answers so far."""
        person = self._person(request)
        if person is None:
            raise Refused(403, "Your browser is not known here.")
        self.store.end(person, stopped=True)
        return RedirectResponse("done", 303)

    async def withdraw(self, request: Request) -> Response:
        """Delete a person's votes."""
        person = self._person(request)
        if person is None:
            raise Refused(403, "Your browser is not known here.")
        self.store.withdraw(person)
        response = self._page("withdrawn.html")
        response.delete_cookie(self._cookie)
        return response

    # Files

    async def image(self, request: Request) -> Response:
        """Send an image."""
        path = self._images.get(request.path_params["name"])
        if path is None:
            raise Refused(404, "There is no such image.")
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": _FOREVER})

    async def static(self, request: Request) -> Response:
        """Send the script or the style sheet."""
        name = request.path_params["name"]
        if name not in _TYPES:
            raise Refused(404, "There is no such file.")
        return FileResponse(STATIC / name, media_type=_TYPES[name])

    async def no_icon(self, request: Request) -> Response:
        """Answer that there is no icon."""
        return Response(status_code=204)

    # Admin

    async def admin(self, request: Request) -> Response:
        """Show progress and agreement."""
        token = self._check_admin(request)
        facts = await run_in_threadpool(overview, self.store.path, self.settings)
        return self._page("admin.html", facts=facts, token=token)

    async def votes(self, request: Request) -> Response:
        """Send the votes as CSV."""
        self._check_admin(request)
        text = await run_in_threadpool(votes_csv, self.store.path, self.settings)
        headers = {"Content-Disposition": 'attachment; filename="votes.csv"'}
        return Response(text, media_type="text/csv", headers=headers)

    def _check_admin(self, request: Request) -> str:
        token = parse_form(request.url.query.encode()).get("token", "")
        if not hmac.compare_digest(token.encode(), self._admin_token.encode()):
            raise Refused(403, "This page needs the token that the server printed when it started.")
        return token

    # Helpers

    def _person(self, request: Request) -> Person | None:
        secret = request.cookies.get(self._cookie)
        return self.store.person(secret) if secret else None

    def _page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        page = page_template(f"study/{template}")
        return HTMLResponse(page.render(settings=self.settings, static=False, **values), status)

    def _sorry(self, request: Request, status: int, reason: str) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"error": reason}, status)
        return self._page("sorry.html", status, reason=reason)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return self._sorry(request, error.status, error.reason)

    async def _not_yours(self, request: Request, error: Exception) -> Response:
        return self._sorry(
            request, 403, "This question was not handed out to you, or was given to someone else "
            "after a long pause.",
        )  # fmt: skip

    async def _other_answer(self, request: Request, error: Exception) -> Response:
        return self._sorry(
            request, 409, "You have answered this question; the first answer counts."
        )

    async def _missing(self, request: Request, error: Exception) -> Response:
        return self._sorry(request, 404, "There is no such page.")

    async def _not_stored(self, request: Request, error: Exception) -> Response:
        full = "full" in str(error)
        why = "The disk of this study is full" if full else "The study cannot be written to"
        return self._sorry(
            request, 507 if full else 503, f"{why}, so nothing can be stored now. Please tell the "
            "people who run the study, and try again later; your other answers are kept.",
        )  # fmt: skip
