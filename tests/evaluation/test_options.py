"""Options read metric names as users write them, and refuse numbers that make no sense."""

from pathlib import Path

import pytest

from crossimage.evaluation.options import Options


def test_metric_names_may_have_spaces_and_capitals() -> None:
    assert Options(metrics=" FID, kid,,lpips ").names == ("fid", "kid", "lpips")
    assert Options().names == ()


@pytest.mark.parametrize(
    ("key", "value"), [("inputs", 0), ("samples", -1), ("size", 0), ("references", 0)]
)
def test_amounts_below_one_are_refused(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"--{key} must be at least 1, found {value}"):
        Options(**{key: value}).check()  # type: ignore[arg-type]
    Options(inputs=1, samples=1).check()


@pytest.mark.parametrize(
    "key",
    [
        "features",
        "lpips_weights",
        "classifier",
        "segmenter",
        "face_network",
        "unseen_classifier",
        "vgg_weights",
    ],
)  # fmt: skip
def test_files_that_do_not_exist_are_named_with_their_option(key: str, tmp_path: Path) -> None:
    flag = f"--{key.replace('_', '-')}"
    with pytest.raises(FileNotFoundError, match=f"x.pth, given with {flag}, does not exist"):
        Options(**{key: str(tmp_path / "x.pth")}).check()  # type: ignore[arg-type]
    (tmp_path / "x.pth").touch()
    Options(**{key: str(tmp_path / "x.pth")}).check()  # type: ignore[arg-type]
    Options(features="random", lpips_weights="random").check()


def test_plain_data_holds_what_was_chosen() -> None:
    assert Options(metrics="fid", inputs=3).to_dict() == {
        "metrics": "fid", "inputs": 3, "seed": 0, "features": "inception", "lpips": "alex",
        "face_threshold": 0.6, "device": "auto", "resize": "tensorflow",
        "references": 1,
    }  # fmt: skip
