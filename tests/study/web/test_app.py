"""The pages: taking part from consent to completion code, retries, stopping and withdrawing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossimage.study.store import Store
from tests.study.people import Server, Visitor, answer_all, make_small, serving, token_in


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small(tmp_path_factory.mktemp("pages"), "preference", answers=30, people=30).folder


@pytest.fixture(scope="module")
def server(study: Path) -> Iterator[Server]:
    with serving(study) as one:
        yield one


@pytest.fixture
def visitor(server: Server) -> Iterator[Visitor]:
    one = Visitor(server.port)
    yield one
    one.close()


def stored(study: Path) -> int:
    store = Store(study / "study.sqlite")
    number = store.count_votes()
    store.close()
    return number


def test_a_person_consents_answers_everything_and_gets_a_code(
    visitor: Visitor, study: Path
) -> None:
    welcome = visitor.get("/")
    assert "agree" in welcome.text and not visitor.cookie
    visitor.begin()
    before = stored(study)
    assert answer_all(visitor) == 6 + 1  # trials and a check
    assert stored(study) - before == 7
    assert "completion code" in visitor.get("/done").text


def test_a_number_that_is_not_one_is_refused_before_the_first_question(visitor: Visitor) -> None:
    reply = visitor.get("/?PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D")
    assert reply.status == 400 and "PROLIFIC_PID is not the number of a participant" in reply.text


def test_nobody_takes_part_without_consent(visitor: Visitor) -> None:
    assert visitor.send("POST", "/begin", {}).status == 400
    assert visitor.get("/trial").status == 303


def test_a_vote_that_is_sent_again_counts_once(visitor: Visitor, study: Path) -> None:
    visitor.begin()
    token = token_in(visitor.trial())
    before = stored(study)
    assert [visitor.vote(token, 0).status for _ in range(3)] == [200, 200, 200]
    assert visitor.vote(token, 1).status == 409  # another answer than the first
    assert stored(study) == before + 1


def test_a_page_that_is_opened_again_shows_the_same_question(visitor: Visitor) -> None:
    visitor.begin()
    assert token_in(visitor.trial()) == token_in(visitor.trial())


def test_nobody_votes_for_another_person(server: Server, visitor: Visitor) -> None:
    other = Visitor(server.port)
    other.begin()
    token = token_in(other.trial())
    other.close()
    visitor.begin()
    assert visitor.vote(token, 0).status == 403
    visitor.cookie = ""
    assert visitor.vote(token, 0).status == 403


def test_a_participant_number_takes_part_once(server: Server, visitor: Visitor) -> None:
    assert 'value="abc123"' in visitor.get("/?PROLIFIC_PID=abc123").text
    visitor.begin(participant="abc123")
    other = Visitor(server.port)
    assert other.send("POST", "/begin", {"consent": "yes", "participant": "abc123"}).status == 403
    other.close()
    assert visitor.get("/?PROLIFIC_PID=abc123").status == 303  # the same browser goes on


def test_whoever_stops_keeps_votes_and_whoever_withdraws_deletes_them(
    visitor: Visitor, study: Path
) -> None:
    visitor.begin()
    before = stored(study)
    visitor.vote(token_in(visitor.trial()), 0)
    assert visitor.get("/stop").status == 200
    assert visitor.send("POST", "/stop", {}).status == 303
    assert "stopped" in visitor.get("/done").text
    assert "completion code" not in visitor.get("/done").text
    assert visitor.trial().status == 303
    assert stored(study) == before + 1
    assert visitor.send("POST", "/withdraw", {}).status == 200
    assert stored(study) == before


def test_pages_say_nothing_of_the_methods(visitor: Visitor, study: Path) -> None:
    visitor.begin()
    text = visitor.trial().text
    assert not [name for name in ("one", "two", "photo", "scrambled") if f">{name}" in text]
    assert "photo0" not in text and str(study) not in text


def test_pages_allow_no_inline_scripts_and_no_other_host(visitor: Visitor) -> None:
    reply = visitor.get("/")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "http://" not in reply.text and "https://" not in reply.text
    assert "<style" not in reply.text and "style=" not in reply.text


def test_images_are_sent_as_they_are(visitor: Visitor, study: Path) -> None:
    path = next((study / "images").glob("*.png"))
    reply = visitor.get(f"/images/{path.name}")
    assert reply.body == path.read_bytes()
    assert reply.headers["content-type"] == "image/png"


def test_the_admin_page_needs_its_token(server: Server, visitor: Visitor) -> None:
    assert visitor.get("/admin").status == 403
    assert visitor.get("/admin?token=wrong").status == 403
    path = server.admin.partition(str(server.port))[2]
    assert "Krippendorff" in visitor.get(path).text
    lines = visitor.get(path.replace("/admin?", "/admin/votes.csv?")).text.splitlines()
    assert lines[0].startswith("person,participant,kind") and len(lines) > 1
