"""A model that makes images of noise is measured by what `crossimage sample` writes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossimage.config import build
from crossimage.evaluation.compare import open_gallery
from crossimage.evaluation.galleries.samples import SampleGallery
from crossimage.evaluation.metrics.base import Amounts
from crossimage.evaluation.options import Options
from crossimage.evaluation.run_metrics import run_metrics
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small
from tests.evaluation.helpers import chosen, networks, setup


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def data(folders: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train").symlink_to(folders / "trainA")
    (tmp_path / "data" / "test").symlink_to(folders / "testA")
    return tmp_path / "data"


@pytest.fixture
def gan() -> Translator:
    torch.manual_seed(0)
    kind = METHODS["gan"]
    return Translator(kind(build(kind.Config, small("gan")), training=False), "cpu")


def test_there_are_as_many_samples_as_test_images_or_as_asked_for(
    gan: Translator, data: Path
) -> None:
    for inputs, count in ((None, 2), (5, 5)):
        gallery = open_gallery("run", gan, str(data), Options(inputs=inputs))
        names = ("fid", "kid", "is")
        by_default = set(chosen((), gallery, networks("x", "y"), Amounts(inputs)))
        assert by_default >= set(names) and not by_default & {"lpips", "l1", "accuracy", "error"}
        found = run_metrics(setup(gallery, amounts=Amounts(inputs)), names)
        assert [figure.count for figure in found.figures] == [count] * 3
        fid, *_ = found.figures
        assert f"of {count} generated and 2 real images" in fid.protocol
        assert fid.protocol.endswith(f"; {count} samples")
        assert [block.title for block in found.blocks][-1] == "Random samples"
        images = [image for block in found.blocks for s in block.strips for image in s.images]
        assert {image.kind for image in images} == {"output"}


def test_samples_are_the_files_that_the_command_writes(
    gan: Translator, data: Path, tmp_path: Path
) -> None:
    gallery = SampleGallery("run", gan, str(data), 3, 7)
    gan.sample_files(3, tmp_path / "out", seed=7)
    for item in gallery.items(None, None):
        written = np.asarray(Image.open(tmp_path / "out" / f"{item.name}.png"))
        difference = item.outputs[0].permute(1, 2, 0).numpy().astype(int) - written
        assert np.abs(difference).max() <= 1 and item.input is None
    other = next(SampleGallery("run", gan, str(data), 3, 8).items(1, None)).outputs
    assert not torch.equal(next(gallery.items(1, None)).outputs, other)


def test_training_images_stand_in_for_missing_test_images(gan: Translator, data: Path) -> None:
    (data / "test").unlink()
    gallery = SampleGallery("run", gan, str(data), None, 0)
    assert len(gallery.real) == gallery.total == 7
    assert gallery.warnings() == ["no test images of data: training images were used"]


def test_what_needs_inputs_is_refused(gan: Translator, data: Path) -> None:
    gallery = SampleGallery("run", gan, str(data), None, 0)
    for metric, sentence in (
        ("lpips", "one output per input"), ("l1", "makes images from noise, which have no targets"),
        ("accuracy", "not in folders of the classifier's classes"),
        ("error", "no class of the target domain's name"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=sentence):
            chosen((metric,), gallery, networks("x", "y"))
    with pytest.raises(ValueError, match="leave out --samples; --inputs says how many"):
        open_gallery("run", gan, str(data), Options(samples=3))
    with pytest.raises(ValueError, match="makes images from noise: leave out --to"):
        open_gallery("run", gan, str(data), Options(to="x"))
