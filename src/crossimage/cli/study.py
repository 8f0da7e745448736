"""``crossimage study``."""

from __future__ import annotations

import shlex
from typing import Annotated

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import Changes, Hosts, MaxPixels, Name, limit_pixels
from crossimage.cli.commands import Commands
from crossimage.cli.early import check_data, check_early, check_paths
from crossimage.cli.overrides import parse_overrides
from crossimage.data.stores.missing import is_missing, missing
from crossimage.study.settings import check_protocol, named_methods
from crossimage.utils.paths import as_path
from crossimage.utils.streams import print_line

study_app = Commands("Ask people which results are better: make a study, serve it, analyse it.")

Methods = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN|NAME=DIR...")]
Folder = Annotated[str, tyro.conf.arg(metavar="DIR")]
Studies = Annotated[tuple[str, ...], tyro.conf.arg(metavar="STUDY...")]
File = Annotated[str, tyro.conf.arg(metavar="FILE.zip")]
Files = Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE...")]
Maybe = Annotated[str | None, tyro.conf.arg(metavar="DIR")]
Config = Annotated[str | None, tyro.conf.arg(metavar="study.yaml")]
Targets = Annotated[tuple[str, ...], tyro.conf.arg(metavar="DOMAIN|LABEL...")]
Protocol = Annotated[str, tyro.conf.arg(metavar="PROTOCOL")]


@study_app.named("make")
def study_make(
    protocol: Positional[Protocol] = "",
    methods: Positional[Methods] = (),
    *,
    out: Folder,
    data: Maybe = None,
    to: Targets = (),
    set: Changes = (),
    config: Config = None,
    add: bool = False,
    max_pixels: MaxPixels = None,
) -> None:
    """Make a study from trained models or folders of results.

    Args:
        protocol: One of preference (which of two translations is better), real-or-fake (which image
            was generated), choice (the best of several) and opinion (ratings from 1 to 5).
        methods: Runs, model files, or folders of results as NAME=DIR.
        out: Folder of the study.
        data: The data set whose test images the models translate; for folders of results, the
            folder of their inputs, or of real images for real-or-fake.
        to: Targets or attributes that images are translated to.
        set: Settings of the study, such as questions=100 or trials=20; study.yaml lists them all.
        config: Make a study again, with the settings of an earlier one.
        add: Add questions to a study; its votes are kept.
        max_pixels: Most pixels an image may have, by default 268,435,456; larger
            images are refused.
    """
    limit_pixels(max_pixels)
    folder, changes = as_path(out, "--out"), parse_overrides(set)
    check_paths(config=config)
    named = named_methods(methods)
    if config is None:
        check_protocol(protocol)
        for name, path in named.items():
            if path in methods:
                check_early(path)
            elif is_missing(path, "the folder of a method"):
                raise missing(path, advice=f"expected the folder of the results of {name}")
        check_data(data)
    from crossimage.study.make import make_study, remake_study
    from crossimage.utils.progress import StderrProgress

    with StderrProgress() as progress:
        if config is not None:
            if protocol or methods or data or to or set or add:
                raise ValueError("--config holds everything; leave out all others but --out")
            made = remake_study(folder, as_path(config, "--config"), progress)
        else:
            made = make_study(
                folder,
                protocol,
                named,
                data=data,
                to=to,
                changes=changes,
                add=add,
                progress=progress,
            )
    for note in made.notes:
        print_line(note)
    settings = made.settings
    print_line(
        f"{made.questions} questions, {settings.answers} answers each, {settings.trials} per "
        f"person: study written to {folder}"
    )


@study_app.named("serve")
def study_serve(
    study: Positional[Name],
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    allow_host: Hosts = (),
) -> None:
    """Serve a study to people's browsers until interrupted.

    Args:
        study: Folder of the study.
        port: Port; 0 picks a free one.
        host: Address to listen on; 0.0.0.0 for this machine's whole network.
        allow_host: Other host names to accept, such as a reverse proxy's.
    """
    from crossimage.study.web.serve import serve_study

    serve_study(as_path(study, "the study"), host, port, allow_host, _announce)


def _announce(address: str, admin: str) -> None:
    import segno

    segno.make(address, error="l").terminal(compact=True)  # a QR code
    print_line(f"the study: {address}")
    print_line(f"for you:   {admin}")


@study_app.named("export")
def study_export(study: Positional[Name], *, out: File) -> None:
    """Write a study as static pages, for a plain web host or a crowd platform.

    Each person has a page, which saves the answers as a file for `study import`.

    Args:
        study: Folder of the study.
        out: The archive to write (.zip).
    """
    from crossimage.study.sheets import export_study

    sheets = export_study(as_path(study, "the study"), as_path(out, "--out"))
    print_line(f"{sheets} pages, sheet-1.html to sheet-{sheets}.html, written to {out}")


@study_app.named("import")
def study_import(study: Positional[Name], answers: Positional[Files]) -> None:
    """Add the answers that static pages saved to their study.

    Args:
        study: Folder of the study.
        answers: Files of answers; one that was added before changes nothing.
    """
    from crossimage.study.sheets import import_answers

    paths = [as_path(path, "a file of answers") for path in answers]
    new, known = import_answers(as_path(study, "the study"), paths)
    print_line(f"{new} votes added, {known} known already")


@study_app.named("analyse")
def study_analyse(studies: Positional[Studies]) -> None:
    """Analyse studies: figures, report.html, report.json, votes.csv and study.yaml.

    Each study is analysed by itself; votes of several are not pooled.

    Args:
        studies: Folders of studies; the files are written to the folder analysis of each.
    """
    if not studies:
        raise ValueError("no study is named; expected the folder of one or more")
    folders = [as_path(study, "the study") for study in studies]
    for folder in folders:
        if folder.is_file():
            command = shlex.join(["crossimage", "study", "import", "STUDY", str(folder)])
            raise ValueError(
                f"{folder} is a file; `{command}` adds a file of answers to its study, which can "
                "then be analysed"
            )
    for study in folders:
        if not study.exists():
            raise missing(str(study), advice="expected the folder of a study")
    from crossimage.study.analysis.analyse import analyse_study

    for study in folders:
        analysis = analyse_study(study)
        if len(studies) > 1:
            print_line(f"{study}\n")
        print_line(str(analysis))
        print_line(f"report written to {analysis.report_html}")
    if len(studies) > 1:
        print_line(f"{len(studies)} studies, each analysed by itself: their votes are not pooled")
