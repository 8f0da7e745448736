"""``crossimage export`` and ``crossimage push``: models elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from crossimage.checkpoints.from_hub import check_repo
from crossimage.cli.arguments import Changes, Model
from crossimage.cli.early import check_early, check_paths
from crossimage.inference.exported.about import check_name
from crossimage.utils.paths import as_path
from crossimage.utils.streams import print_line

Repo = Annotated[str, tyro.conf.arg(metavar="OWNER/NAME")]
Licence = Annotated[str | None, tyro.conf.arg(metavar="ID", aliases=["--licence"])]
File = Annotated[str | None, tyro.conf.arg(metavar="FILE")]
Folder = Annotated[str | None, tyro.conf.arg(metavar="DIR")]
Exported = Annotated[str, tyro.conf.arg(metavar="OUT.onnx")]


def export(
    model: Positional[Model],
    out: Positional[Exported],
    *,
    to: str | None = None,
    int8: Folder = None,
    web: Folder = None,
    sample: Annotated[str | None, tyro.conf.arg(metavar="IMG")] = None,
    runtime: Folder = None,
    set: Changes = (),
) -> None:
    """Write a trained model as ONNX, for other programs and without PyTorch.

    Args:
        model: A run folder or a model file.
        out: The file to write (.onnx). Encoders of styles are written beside it, as OUT.style.onnx
            and OUT.mapping.onnx.
        to: The target domain; by default the only possible one, or the second one. Models with
            labels or references have it as an input instead.
        int8: Run convolutions in int8, calibrated on this folder of images to translate.
        web: Folder for a page that translates in the visitor's browser: static files for any web
            host.
        sample: An image that visitors of the page can try at once.
        runtime: The unpacked npm package onnxruntime-web, which the page needs; by default npm
            fetches it once.
        set: Settings that may be changed after training, such as test_mode=eval; --set may
            be omitted.
    """
    check_early(model)
    path = as_path(out, "OUT.onnx")
    check_name(path)
    check_paths(int8=int8, sample=sample, runtime=runtime)
    if web is None and (sample or runtime):
        raise ValueError(
            "--sample and --runtime belong to a page; add --web DIR, or leave them out"
        )
    from crossimage.cli.overrides import parse_overrides
    from crossimage.export.web.write import Site
    from crossimage.export.write import export_model
    from crossimage.inference.load import load

    folder = None if int8 is None else as_path(int8, "--int8")
    loaded = load(model, "cpu", settings=parse_overrides(set))
    site = None
    if web is not None:
        places = (None if each is None else Path(each) for each in (runtime, sample))
        site = Site(loaded, as_path(web, "--web"), *places)
    written = export_model(loaded, path, to, folder)
    about = written.about
    for file in written.files:
        print_line(f"{file}  {file.stat().st_size / 1e6:,.1f} MB")
    if about.psnr is None:
        print_line(f"values differ by at most {written.difference:.1g} from those of PyTorch")
    else:
        print_line(
            f"int8: PSNR {about.psnr:.1f} dB against fp32 on {about.compared} held-out images; "
            f"ranges measured on {about.calibrated} others"
        )
    if site:
        letter = about.to or loaded.networks.letters[0]
        page = site.write(path, letter, loaded.networks.names[letter] if about.to else "")
        print_line(f"{page}  serve it with `python -m http.server --directory {page.parent}`")


def push(
    model: Positional[Model],
    repo: Positional[Repo],
    *,
    license: Licence = None,
    private: bool = False,
    report: File = None,
    out: Folder = None,
) -> None:
    """Upload a trained model, with a model card, to the Hugging Face Hub.

    Args:
        model: A run folder, a model file or an exported model (.onnx).
        repo: The repository, created if it does not exist.
        license: The licence of the weights: apache-2.0, cc-by-4.0, cc-by-nc-4.0, other, ...
        private: Make the repository private.
        report: A report.json of `crossimage evaluate`, whose figures the card shows; by default the
            newest ones in the run's folder and in evaluation.
        out: Write the folder that would be uploaded here instead, and upload nothing.
    """
    check_early(model)
    check_paths(report=report)
    check_repo(repo)
    from crossimage.hub.push import CARD, prepare, push_model

    given = None if report is None else as_path(report, "--report")
    if out is not None:
        prepared = prepare(model, repo, license, as_path(out, "--out"), given)
        print_line(f"{prepared.folder / CARD}  the card; nothing was uploaded")
        notes = prepared.notes
    else:
        pushed = push_model(model, repo, license, private=private, report=given)
        print_line(pushed.url)
        print_line(f"use: crossimage.load({pushed.address!r})")
        notes = pushed.notes
    for note in notes:
        print_line(f"– {note}")
