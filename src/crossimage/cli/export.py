"""``crossimage export``."""

from __future__ import annotations

from typing import Annotated

import tyro
from tyro.conf import Positional

from crossimage.cli.arguments import Changes, Model
from crossimage.utils.files import as_path
from crossimage.utils.streams import printable

Exported = Annotated[str, tyro.conf.arg(metavar="OUT.onnx")]


def export(
    model: Positional[Model],
    out: Positional[Exported],
    *,
    to: str | None = None,
    int8: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None,
    set: Changes = (),
) -> None:
    """Write a trained model as ONNX, for other programs and without PyTorch.

    Args:
        model: A run folder or a model file.
        out: The file to write (.onnx). Encoders of styles are written beside it, as OUT.style.onnx
            and OUT.mapping.onnx.
        to: The target domain; by default the only possible one, or the second one. Models with
            labels or references have it as an input instead.
        int8: Let convolutions compute in int8; a folder of images to translate, on which the ranges
            of their values are measured.
        set: Settings that may be changed after training, such as test_mode=eval; also without
            --set.
    """
    from crossimage.cli.overrides import parse_overrides
    from crossimage.export.write import export_model
    from crossimage.inference.translator import load

    path = as_path(out, "OUT.onnx")
    folder = None if int8 is None else as_path(int8, "--int8")
    loaded = load(model, "cpu", settings=parse_overrides(set))
    written = export_model(loaded, path, to, folder)
    about = written.about
    for file in written.files:
        print(printable(f"{file}  {file.stat().st_size / 1e6:,.1f} MB"))
    if about.psnr is None:
        print(f"values differ by at most {written.difference:.1g} from those of PyTorch")
    else:
        print(
            f"int8: PSNR {about.psnr:.1f} dB against fp32 on {about.compared} held-out images; "
            f"ranges measured on {about.calibrated} others"
        )
