"""Models of the Hugging Face hub: downloaded once, and read from its cache afterwards."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

from crossimage.utils.machine.usage_reports import send_no_reports
from crossimage.utils.texts.shown import cut, few, first_line

MODEL, EXPORTED = "model.safetensors", "model.onnx"
"""The file of a model in a repository, and that of an exported model."""

_SECONDS = 10.0  # to wait for an answer about a repository
_REPOSITORY = re.compile(r"(?!.*(?:--|\.\.))\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Address(NamedTuple):
    """A repository of models on the hub.

    Attributes:
        repo: Owner and name, ``owner/name``.
        revision: A branch, a tag or a commit; None: the newest.
    """

    repo: str
    revision: str | None

    def __str__(self) -> str:
        """Return it as users write it."""
        return f"hf://{self.repo}" + (f"@{self.revision}" if self.revision else "")


def parse_repo(text: str, name: str, example: str) -> str:
    """Return the owner and name of a repository, if a text is such.

    Args:
        text: What the user gave.
        name: How error messages show it.
        example: What they say that is expected.

    Raises:
        ValueError: It is not ``owner/name``.
    """
    if not _REPOSITORY.fullmatch(text) or text.endswith((".git", "-", ".")):
        raise ValueError(
            f"{cut(name)} does not name a repository of the hub; expected OWNER/NAME, both of "
            f"letters, digits, -, _ and ., such as {example}"
        )
    return text


def check_repo(repo: str) -> None:
    """Refuse what is not the owner and name of a repository that a model can be put into.

    Raises:
        ValueError: It is not ``owner/name``.
    """
    parse_repo(repo, f"'{cut(repo)}'", "jane/shoes")


def parse_address(text: str) -> Address:
    """Return the address of a model on the hub.

    Args:
        text: What follows ``hf://``.

    Raises:
        ValueError: It is not ``owner/name`` or ``owner/name@revision``.
    """
    repo, at, revision = text.partition("@")
    if at and (not revision or ".." in revision or re.search(r"[\s\x00-\x1f]", revision)):
        raise ValueError(
            f"hf://{cut(text)} has no revision after the @; expected a branch, a tag or a commit"
        )
    example = "hf://jane/shoes, and for a certain branch, tag or commit hf://jane/shoes@REVISION"
    return Address(parse_repo(repo, f"hf://{text}", example), revision or None)


def require_hub() -> ModuleType:
    """Import the hub's package.

    Raises:
        ValueError: It is not installed.
    """
    send_no_reports()
    try:
        import huggingface_hub
    except ImportError:
        raise ValueError(
            "models of the hub need the package huggingface_hub; run `pip install "
            "'crossimage[hub]'`"
        ) from None
    return huggingface_hub


def download_model(address: Address) -> Path:
    """Return the path of a model on the hub, in the cache, downloading it if it is not there.

    A commit never changes, so what the cache has of it is used without asking the hub. Of
    branches and tags, the newest is asked for; if the hub cannot be reached, what was downloaded
    last is used, and a warning says so.

    Raises:
        FileNotFoundError: The repository or the revision does not exist, or holds no model.
        PermissionError: It is gated, or the token is refused.
        ConnectionError: The hub cannot be reached, and the cache does not have it.
        ValueError: The package is missing.
        OSError: The file cannot be written.
    """
    hub = require_hub()
    if _COMMIT.fullmatch(address.revision or "") and (found := _cached(hub, address)):
        return found
    try:
        api = hub.HfApi()
        info = api.model_info(address.repo, revision=address.revision, timeout=_SECONDS)
        names = _model_files([each.rfilename for each in info.siblings or ()], address)
        revision = address.revision
        for name in names:
            path = Path(api.hf_hub_download(address.repo, name, revision=revision))
            revision = path.parent.name  # the files of one commit, whatever is pushed meanwhile
    except Exception as error:
        found = _cached(hub, address) if is_unreachable(error) else None
        if found is None:
            reraise(error, str(address), ", and the model is not in the cache")
        warnings.warn(
            f"the hub cannot be reached ({why(error)}), so {address} is what was downloaded "
            f"before, commit {found.parent.name[:12]}",
            stacklevel=2,
        )
        return found
    return path


def _model_files(names: list[str], address: Address) -> list[str]:
    """Return the names of a model's files in the order of their download.

    The translation is the last, so that a model in the cache is complete.
    """
    if MODEL in names:
        return [MODEL]
    if EXPORTED in names:
        stem = EXPORTED.removesuffix("onnx")
        parts = [f"{stem}{part}.onnx" for part in ("style", "mapping")]
        return [*(part for part in parts if part in names), EXPORTED]
    held = few(sorted(names), separator=", ") or "nothing"
    raise FileNotFoundError(
        f"{address} is not a model of crossimage: it holds {held}, and no {MODEL} or {EXPORTED}; "
        "give a repository that `crossimage push` has written"
    )


def _cached(hub: ModuleType, address: Address) -> Path | None:
    for name in (MODEL, EXPORTED):
        path = hub.try_to_load_from_cache(address.repo, name, revision=address.revision)
        if isinstance(path, str):
            return Path(path)
    return None


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error means that the hub did not answer, or that offline mode is on."""
    status = _status(error)
    if status is not None:
        return status >= 500 or status == 429
    # the package's versions use different clients, whose errors have no class in common
    client = type(error).__module__.partition(".")[0]
    return isinstance(error, ConnectionError | TimeoutError) or client in {
        "httpx", "httpx2", "httpcore", "requests", "urllib3"
    }  # fmt: skip


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return status if isinstance(status, int) else None


def why(error: BaseException) -> str:
    """Return why the hub did not answer, in a few words."""
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE is set"
    status = _status(error)
    return f"it answers {status}" if status is not None else first_line(error)


def reraise(error: Exception, what: str, lacking: str = "") -> NoReturn:
    """Raise an error of the hub's package again as one sentence, and others as they are.

    Args:
        error: The error.
        what: The repository or the address that it is about, as the user wrote it.
        lacking: What else is wrong if the hub cannot be reached, after a comma.

    Raises:
        ConnectionError: The hub did not answer.
        FileNotFoundError: The repository or the revision does not exist.
        PermissionError: It is gated, or the token is refused.
        OSError: Anything else went wrong there, or on the disk.
    """
    cause = error.__cause__
    if type(error) is RuntimeError and isinstance(cause, Exception):  # around errors of uploads
        error = cause
    sentence = _translated(error, what, lacking)
    if sentence is error:
        raise error
    raise sentence from error


def _remedy(error: Exception) -> str:
    """Return what to do if the hub did not answer."""
    if type(error).__name__ == "OfflineModeIsEnabled":
        return "unset HF_HUB_OFFLINE"
    if _status(error) is not None:
        return "try again later"
    return "connect to the network and run the same command again"


def _translated(error: Exception, what: str, lacking: str) -> Exception:
    names = {cls.__name__ for cls in type(error).__mro__}
    status = _status(error)
    if is_unreachable(error):
        return ConnectionError(
            f"{what}: the hub cannot be reached ({why(error)}){lacking}; {_remedy(error)}"
        )
    if "GatedRepoError" in names:
        return PermissionError(
            f"{what} is gated: its owner grants access individually; request it on its page, "
            "and log in with `hf auth login`"
        )
    if "RevisionNotFoundError" in names:
        return FileNotFoundError(
            f"{what}: the repository has no such branch, tag or commit; leave out @ and what "
            "follows for the newest version"
        )
    if "RepositoryNotFoundError" in names:
        return FileNotFoundError(
            f"{what} is not on the hub, or it is private and you have no access; check the name, "
            "or log in with `hf auth login`"
        )
    if status in (401, 403):
        return PermissionError(
            f"{what}: the hub refuses your token ({status}); log in again with `hf auth login`, "
            "with a token that may do this, or correct HF_TOKEN"
        )
    if isinstance(error, OSError) and error.errno is not None:
        return error  # of the disk
    if "HfHubHTTPError" in names or "EntryNotFoundError" in names or isinstance(error, OSError):
        if isinstance(error, FileNotFoundError) and status is None:
            return error  # our own
        return OSError(f"{what}: the hub answers with an error ({first_line(error)})")
    return error
