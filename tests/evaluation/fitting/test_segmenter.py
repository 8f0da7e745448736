"""Segmenters learn the classes of photos, the same for every seed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.models import mobilenet_v3_large

from crossimage.evaluation.fitting import segmenter as fitting_segmenter
from crossimage.evaluation.fitting.segmenter import fit_segmenter
from crossimage.evaluation.networks.segmenter import (
    SEGMENTERS,
    SegmenterArchitecture,
    load_segmenter,
)
from crossimage.evaluation.report.figures import Figure
from crossimage.utils.progress import StderrProgress
from tests.evaluation.scenes import (
    LIGHT,
    PALETTE,
    TinySegmenter,
    write_scenes,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits are of a tiny network."""
    monkeypatch.setitem(
        SEGMENTERS, LIGHT, SegmenterArchitecture("tiny network", TinySegmenter, None)
    )


def values(figures: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}


def fit(
    data: Path, out: Path, epochs: int = 1, seed: int = 0, progress: StderrProgress | None = None
) -> dict[str, float]:
    found = fit_segmenter(
        str(data), out, palette=data / "classes.csv", network=LIGHT, size=32, epochs=epochs,
        batch_size=4, seed=seed, device=CPU, progress=progress,
    )  # fmt: skip
    return values(found)


@pytest.mark.usefixtures("tiny")
def test_a_fitted_segmenter_knows_photos_that_it_has_not_seen(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting_segmenter, "_RATE", 0.02)
    out = tmp_path / "new" / "segmenter.safetensors"
    figures = fit(data, out, epochs=25)
    assert figures["held_out_pixel"] > 0.8
    segmenter = load_segmenter(out, CPU)
    assert segmenter.palette == PALETTE and segmenter.size == 32
    assert f"mean IoU {figures['held_out_iou']:.3f} on 3 held-out photos" in segmenter.name
    photo = torch.from_numpy(np.array(Image.open(data / "test" / "photo" / "0.png")))
    found = segmenter(photo.permute(2, 0, 1)[None])
    assert found.shape == (1, 40, 80)
    assert (found[0, :, :30] == 0).double().mean() > 0.7
    assert (found[0, :, 50:] == 1).double().mean() > 0.7


@pytest.mark.usefixtures("tiny")
def test_fits_of_one_seed_agree_exactly(data: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    found = [fit(data, path, seed=seed) for path, seed in zip(files, (0, 0, 1), strict=True)]
    assert found[0] == found[1]
    states = [load_segmenter(path, CPU).network.state_dict() for path in files]
    assert all(torch.equal(x, states[1][name]) for name, x in states[0].items())
    assert any(not torch.equal(x, states[2][name]) for name, x in states[0].items())


def test_fits_use_the_hardwares_arithmetic_and_tell_every_epoch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[tuple[bool, torch.dtype]] = set()

    class Watched(TinySegmenter):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            seen.add((self.training, self.layers(x).dtype))
            return super().forward(x)

    monkeypatch.setitem(SEGMENTERS, LIGHT, SegmenterArchitecture("tiny network", Watched, None))
    monkeypatch.setattr("crossimage.evaluation.fitting.classifier.find_device", lambda _: CPU)
    monkeypatch.setattr("crossimage.evaluation.fitting.classifier.arithmetic", lambda _: "bf16")
    fit(data, tmp_path / "s.safetensors", 3, progress=StderrProgress({"training": 3}))
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    lines = [line.split(" · ")[:2] for line in capsys.readouterr().err.splitlines()]
    assert lines.pop(0) == ["checking held-out photos", "3/3"]
    assert lines == [["training", f"{n}/6"] for n in (2, 4, 6)] + [["held-out photos", "3/3"]]


def test_data_and_numbers_that_make_no_sense_are_refused(data: Path, tmp_path: Path) -> None:
    palette, out = data / "classes.csv", tmp_path / "s.safetensors"
    with pytest.raises(ValueError, match=r"s\.pth is not a file name for a segmenter"):
        fit_segmenter(str(data), tmp_path / "s.pth", palette=palette, device=CPU)
    with pytest.raises(ValueError, match="--epochs must be at least 1, found 0"):
        fit_segmenter(str(data), out, palette=palette, epochs=0, device=CPU)
    (tmp_path / "few.csv").write_text("name,r,g,b\nred,255,0,0\ngreen,0,255,0\n")
    with pytest.raises(ValueError, match="in the table's colours"):
        fit_segmenter(
            str(data), out, palette=tmp_path / "few.csv", network=LIGHT, size=32, epochs=1,
            device=CPU,
        )  # fmt: skip
    assert not out.exists()


@pytest.mark.usefixtures("tiny")
def test_held_out_pairs_that_cannot_be_used_are_named_before_training(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting_segmenter, "_train", lambda *_: pytest.fail("trained for nothing"))
    scenes = shutil.copytree(data, tmp_path / "scenes")
    maps = sorted((scenes / "test" / "label").iterdir())

    def expect(sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            fit(scenes, tmp_path / "s.safetensors")

    for path in maps:
        Image.new("RGB", (80, 40)).save(path)
    expect("label maps of all 3 held-out photos, such as .*, hold nothing but void")
    Image.new("RGB", (80, 40), (9, 9, 9)).save(maps[1])
    expect(r"1\.png has the colour \(9, 9, 9\) at column 0, row 0, which the table")
    maps[2].write_bytes(b"noise")
    maps[1].write_bytes(maps[0].read_bytes())
    expect(r"2\.png can't be read")


def test_training_can_begin_with_published_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(mobilenet_v3_large().state_dict(), tmp_path / "mobile.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")

    def begin(weights: str) -> None:
        fit_segmenter(
            str(data), tmp_path / "s.safetensors", palette=data / "classes.csv", network=LIGHT,
            size=32, epochs=1, batch_size=8, weights=weights, device=CPU,
        )  # fmt: skip

    begin(str(tmp_path / "mobile.pth"))
    assert load_segmenter(tmp_path / "s.safetensors", CPU).facts["begun"] == "mobile.pth"
    with pytest.raises(ValueError, match=r"other\.pth does not hold .* MobileNetV3"):
        begin(str(tmp_path / "other.pth"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError("offline"))
    )
    with pytest.raises(FileNotFoundError, match=r"put mobilenet_v3_large.*--weights FILE"):
        begin("imagenet")
