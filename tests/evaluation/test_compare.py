"""Galleries open by the kind of model, and all are checked before the first is evaluated."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crossimage.config import build
from crossimage.evaluation import compare as module
from crossimage.evaluation.compare import compare, open_gallery
from crossimage.evaluation.galleries.base import FolderGallery
from crossimage.evaluation.galleries.labels import LabelGallery
from crossimage.evaluation.galleries.samples import SampleGallery
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.galleries.videos import ModelVideo
from crossimage.evaluation.options import Options
from crossimage.inference.translator import Translator
from crossimage.methods import METHODS
from tests.conftest import small
from tests.evaluation.helpers import model, of_classes, pictures


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def folder(fake: Path, real: Path) -> Callable[[], tuple[FolderGallery]]:
    return lambda: (FolderGallery(fake, real),)


def gan() -> Translator:
    torch.manual_seed(0)
    kind = METHODS["gan"]
    return Translator(kind(build(kind.Config, small("gan")), training=False), "cpu")


def test_every_kind_of_model_has_its_gallery(folders: Path, labelled: Path) -> None:
    munit = open_gallery("run", model(), str(folders), Options())
    stargan = open_gallery("run", of_classes(), str(labelled), Options(to="y"))
    samples = open_gallery("run", gan(), str(labelled), Options(inputs=3))
    assert [type(gallery) for gallery in (munit, stargan, samples)] == [
        TranslationGallery, LabelGallery, SampleGallery
    ]  # fmt: skip
    assert samples.total == 3


def test_a_model_of_noise_takes_neither_a_target_nor_samples(labelled: Path) -> None:
    with pytest.raises(ValueError, match="leave out --samples; --inputs says how many"):
        open_gallery("run", gan(), str(labelled), Options(samples=3))
    with pytest.raises(ValueError, match="makes images from noise: leave out --to"):
        open_gallery("run", gan(), str(labelled), Options(to="x"))


@pytest.mark.parametrize("channels", [(3, 3), (4, 3)])
def test_a_model_of_label_maps_is_not_given_images(channels: tuple[int, int], pairs: Path) -> None:
    kind = METHODS["pix2pix"]
    config = build(kind.Config, small("pix2pix") | {"classes": 3, "channels": channels})
    maps = Translator(kind(config, training=False), "cpu")
    with pytest.raises(ValueError, match="run translates label maps of class numbers, and data"):
        open_gallery("run", maps, str(pairs), Options())
    with pytest.raises(ValueError, match="translates label maps, which no video holds"):
        ModelVideo("run", maps, pairs, None, 0)


def test_all_galleries_are_checked_before_the_first_is_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, real = (pictures(tmp_path / name, "a.png", "b.png") for name in ("fake", "real"))
    monkeypatch.setattr(module, "run_metrics", lambda *_: pytest.fail("evaluated too early"))
    galleries = [folder(fake, real), folder(fake, tmp_path / "no")]
    options = Options(features="random", metrics="fid", device="cpu")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        compare(galleries, options, None)
    with pytest.raises(FileNotFoundError, match=r"weights .*alexnet|does not exist"):
        more = Options(metrics="lpips_paired", lpips_weights=str(tmp_path / "w.pth"), device="cpu")
        compare(galleries[:1], more, None)


def test_reasons_are_kept_beside_the_figures(tmp_path: Path) -> None:
    fake, one = pictures(tmp_path / "fake", "a.png", "b.png"), pictures(tmp_path / "one", "a.png")
    galleries = [folder(fake, real) for real in (fake, one)]
    options = Options(metrics="fid,kid,is", features="random", device="cpu")
    both, few = compare(galleries, options, None)
    assert [figure.name for figure in both.figures] == ["fid", "kid", "is"] and not both.missing
    assert [figure.name for figure in few.figures] == ["is"]
    assert few.missing == dict.fromkeys(["fid", "kid"], "it needs at least 2 real images, found 1")
