"""``crossimage push``: put a trained model on the hub, with a card."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from crossimage._version import __version__
from crossimage.checkpoints.addresses import model_path
from crossimage.checkpoints.from_hub import (
    EXPORTED,
    MODEL,
    check_repo,
    require_hub,
    reraise,
)
from crossimage.checkpoints.load import load_networks
from crossimage.checkpoints.model_file import model_hash, save_model
from crossimage.hub.card import CardFacts, Origin, shortened, write_card
from crossimage.inference.display import run_folder_of
from crossimage.inference.exported.about import Part, beside
from crossimage.inference.exported.load import is_onnx, load_exported
from crossimage.inference.exported.method import ExportedMethod
from crossimage.inference.predictor import Predictor
from crossimage.methods.base import Method
from crossimage.runs.listing import read_summary
from crossimage.runs.reports import figures_of
from crossimage.training.environment import command_words
from crossimage.training.resume import read_facts
from crossimage.utils.files import new_folder, write_text
from crossimage.utils.sheet_files import sheet_files
from crossimage.utils.texts.shown import cut
from crossimage.utils.writing.scratch import scratch_folder

CARD = "README.md"
_PARTS: tuple[Part, ...] = ("translation", "style", "mapping")
_OWN = [
    MODEL,
    *(str(beside(Path(EXPORTED), part)) for part in _PARTS),
    "samples.jpg",
    "samples.png",
]
"""What an earlier push has uploaded, which would be taken for a part of the new model."""
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


class Prepared(NamedTuple):
    """A folder that is ready for the hub.

    Attributes:
        folder: The folder.
        method: Name of the model's method.
        notes: What the card lacks, one sentence each.
    """

    folder: Path
    method: str
    notes: list[str]


class Pushed(NamedTuple):
    """A model on the hub.

    Attributes:
        url: Address of its page.
        address: What names this very version: ``hf://OWNER/NAME@COMMIT``.
        notes: What its card lacks, one sentence each.
    """

    url: str
    address: str
    notes: list[str]


def push_model(
    model: str | Path, repo: str, licence: str | None, *, private: bool = False,
    report: Path | None = None,
) -> Pushed:  # fmt: skip
    """Upload a trained model, with a card, to a repository of the hub, which is made if need be.

    Args:
        model: A run folder, a model file, an exported model, or the address of one.
        repo: Owner and name of the repository.
        licence: Identifier of the licence of the weights, such as ``apache-2.0``.
        private: Make the repository private.
        report: The report of an evaluation whose figures the card shows; by default those in the
            run's folder and in ``evaluation``.

    Raises:
        FileNotFoundError: There is no model.
        PermissionError: Nobody is logged in, or the token does not suffice.
        ConnectionError: The hub cannot be reached.
        ValueError: The name, the licence or the report does not serve, or the repository is public
            although a private one was asked for.
        OSError: A file cannot be written, or the hub answers with another error.
    """
    hub = require_hub()
    check_words(repo, licence)
    if hub.get_token() is None:
        raise PermissionError(
            "you are not logged in to the hub; run `hf auth login` with a token that may write, or "
            "set HF_TOKEN"
        )
    with scratch_folder() as temporary:
        prepared = prepare(model, repo, licence, temporary / "model", report)
        api = hub.HfApi()
        url = _asked(lambda: api.create_repo(repo, private=private, exist_ok=True), repo)
        if private and not _asked(lambda: api.model_info(repo), repo).private:
            raise ValueError(
                f"{repo} exists on the hub and is public, so nothing was uploaded; make it private "
                "in its settings, choose another name, or leave out --private"
            )
        commit = _asked(
            lambda: api.upload_folder(
                repo_id=repo, folder_path=str(prepared.folder),
                commit_message=f"A {prepared.method} model, by crossimage {__version__}",
                delete_patterns=_OWN,
            ),
            repo,
        )  # fmt: skip
    return Pushed(str(url), f"hf://{repo}@{commit.oid}", prepared.notes)


def check_words(repo: str, licence: str | None) -> None:
    """Refuse names of repositories and licences that the hub would refuse.

    Raises:
        ValueError: One is missing or malformed.
    """
    check_repo(repo)
    if not licence:
        raise ValueError(
            "--license is missing: the licence under which others may use the weights, such as "
            "apache-2.0, cc-by-4.0, cc-by-nc-4.0 or other"
        )
    if not _LICENCE.fullmatch(licence):
        raise ValueError(
            f"--license is '{cut(licence)}', and the hub knows licences by identifiers in "
            "lower case, such as apache-2.0, cc-by-4.0 or other"
        )


def prepare(
    model: str | Path, repo: str, licence: str | None, folder: Path, report: Path | None = None
) -> Prepared:
    """Write the folder of a repository: the model, its card and sample images.

    Args:
        model: A run folder, a model file, an exported model, or the address of one.
        repo: Owner and name of the repository.
        licence: Identifier of the licence of the weights.
        folder: The folder to write, which must not hold anything yet.
        report: See :func:`push_model`.

    Raises:
        FileNotFoundError: There is no model.
        ValueError: A file is not a model, a word is malformed, the report does not serve, or the
            folder is not empty.
        OSError: A file cannot be written.
    """
    check_words(repo, licence)
    assert licence is not None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists already; give the name of a new folder")
    path = model_path(model, "MODEL")
    networks = load_exported(path) if is_onnx(path) else load_networks(path)
    predictor, run = Predictor(networks, "cpu"), run_folder_of(path)
    figures = figures_of(path, report)
    notes = []
    if not figures:
        notes.append(
            "the card has no figures: run `crossimage evaluate "
            f"{shlex.quote(str(model))} --data DIR` first, or give its --report"
        )
    sheets = sheet_files(run) if run else []
    newest = sheets[-1][1] if sheets else None
    if newest is None:
        notes.append("the card shows no images: the model is not in the folder of its run")
    origin = _origin(run)
    if not origin.command:
        notes.append("the card does not say how the model was trained, which is not recorded")
    exported = networks.about.precision if isinstance(networks, ExportedMethod) else None
    samples = f"samples{newest.suffix}" if newest else None
    facts = CardFacts(repo, licence, origin, figures, samples, exported, model_hash(networks))
    card = write_card(predictor, facts)
    with new_folder(folder) as new:
        _write_files(path, networks, new)
        if newest and samples:
            shutil.copyfile(newest, new / samples)
        write_text(new / CARD, card)
    return Prepared(folder, predictor.method, notes)


def _write_files(path: Path, networks: Method, folder: Path) -> None:
    if is_onnx(path):
        for part in _PARTS:
            own = beside(path, part)
            if own.is_file():
                shutil.copyfile(own, beside(folder / EXPORTED, part))
        return
    file = path / MODEL if path.is_dir() else path
    if file.suffix == ".safetensors":
        shutil.copyfile(file, folder / MODEL)
    else:  # a checkpoint
        save_model(folder / MODEL, networks)


def _origin(run: Path | None) -> Origin:
    """Return where a run's model comes from, without the places of its files."""
    facts = read_facts(run / "environment.json") if run else {}
    summary = read_summary(run) if run else None
    data, device = facts.get("data"), facts.get("device")
    texts = [data] if isinstance(data, str) else list(data) if isinstance(data, dict | list) else []
    return Origin(
        ",".join(shortened(str(text)) for text in texts),
        summary.step if summary and summary.step else None,
        shlex.join(map(shortened, command_words(facts.get("command")))),
        device if isinstance(device, str) else "",
    )


def _asked(request: Callable[[], Any], repo: str) -> Any:
    try:
        return request()
    except Exception as error:  # of the hub's package, whose versions have different classes
        reraise(error, repo)
