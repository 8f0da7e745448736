"""Segmenters are fitted to real photos and score what was made from label maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassJaccardIndex,
)
from torchvision.models import mobilenet_v3_large

from crossimage.evaluation.fitting import segmenter as fitting_segmenter
from crossimage.evaluation.fitting.segmenter import fit_segmenter
from crossimage.evaluation.galleries.translations import TranslationGallery
from crossimage.evaluation.metrics.segmentation import ConfusionScores
from crossimage.evaluation.networks.label_maps import find_photo_pairs
from crossimage.evaluation.networks.palette import VOID, Palette, read_palette
from crossimage.evaluation.networks.segmenter import (
    SEGMENTERS,
    Segmenter,
    SegmenterArchitecture,
    SegmenterNetwork,
    load_segmenter,
    save_segmenter,
)
from crossimage.evaluation.report.figures import Figure
from crossimage.utils.progress import StderrProgress
from tests.evaluation.helpers import evaluated, model, networks

CPU = torch.device("cpu")
LIGHT = "lraspp_mobilenet_v3_large"
PALETTE = Palette(
    ("red", "green", "blue"), ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)), (0, 1, 2, VOID)
)


class Tiny(nn.Module):
    """Stands for a torchvision network."""

    def __init__(self, num_classes: int, **weights: None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, num_classes, 1),
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.layers(x)}


class Brightest(nn.Module):
    """Takes the strongest colour for the class."""

    def forward(self, x: Tensor) -> Tensor:
        return x


SEGMENTER = Segmenter(Brightest(), LIGHT, PALETTE, 8, CPU, {})


def colours(classes: list[list[int]], size: int = 1) -> Tensor:
    """A label map (3, H, W) of these classes, each a square of pixels."""
    table = torch.tensor([*PALETTE.colours], dtype=torch.uint8)
    picture = table[torch.tensor(classes)].permute(2, 0, 1)
    return picture.repeat_interleave(size, 1).repeat_interleave(size, 2)


def values(figures: list[Figure]) -> dict[str, float]:
    return {figure.name: figure.value for figure in figures}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs: label maps of two halves, and photos of these colours under noise."""
    root = tmp_path_factory.mktemp("labels")
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 3)):
        for domain in ("label", "photo"):
            (root / split / domain).mkdir(parents=True)
        for i in range(count):
            labels = colours([[i % 3, (i + 1) % 3]], 40).permute(1, 2, 0).numpy()
            photo = np.clip(labels * 0.6 + rng.integers(0, 80, labels.shape), 0, 255)
            Image.fromarray(labels).save(root / split / "label" / f"{i}.png")
            Image.fromarray(photo.astype(np.uint8)).save(root / split / "photo" / f"{i}.png")
    table = "name,r,g,b\nred,255,0,0\ngreen,0,255,0\nblue,0,0,255\nvoid,0,0,0\n"
    (root / "classes.csv").write_text(table)
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits are of a tiny network."""
    monkeypatch.setitem(SEGMENTERS, LIGHT, SegmenterArchitecture("tiny network", Tiny, None))


def fit(
    data: Path, out: Path, epochs: int = 1, seed: int = 0, progress: StderrProgress | None = None
) -> dict[str, float]:
    found = fit_segmenter(
        str(data), out, palette=data / "classes.csv", network=LIGHT, size=32, epochs=epochs,
        batch_size=4, seed=seed, device=CPU, progress=progress,
    )  # fmt: skip
    return values(found)


def test_scores_are_those_of_a_case_by_hand() -> None:
    scores = ConfusionScores(SEGMENTER)
    truth = torch.tensor([[0, 0, 0, 1], [1, 1, VOID, VOID]], dtype=torch.uint8)
    found = torch.tensor([[[0, 0, 1, 1], [1, 2, 0, 2]]])
    scores.add(found, truth)
    pixel, classes, iou = scores.figures()
    assert scores.confusion.tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 0]]
    assert pixel.value == pytest.approx(4 / 6)
    assert classes.value == pytest.approx((2 / 3 + 2 / 3) / 2)  # blue is not in the label map
    assert iou.value == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert (pixel.name, classes.name, iou.name) == ("fcn_pixel", "fcn_class", "fcn_iou")
    assert "left out: blue" in iou.note and "red 0.667, green 0.500" in iou.note
    assert pixel.count == 1 and "torchmetrics" in pixel.library


def test_scores_agree_with_torchmetrics_and_do_not_depend_on_batches() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 4, (5, 20, 24), generator=generator)
    truth[truth == 3] = VOID
    found = torch.randint(0, 3, (5, 2, 20, 24), generator=generator)
    scores = ConfusionScores(SEGMENTER)
    for own, one in zip(found, truth, strict=True):
        scores.add(own, one.byte())
    every = truth[:, None].expand_as(found)
    score = values(scores.figures())
    confusion = MulticlassConfusionMatrix(3, ignore_index=VOID)(found, every)
    assert torch.equal(scores.confusion, confusion)
    for name, metric in (
        ("fcn_iou", MulticlassJaccardIndex(3, ignore_index=VOID)),
        ("fcn_class", MulticlassAccuracy(3, average="macro", ignore_index=VOID)),
        ("fcn_pixel", MulticlassAccuracy(3, average="micro", ignore_index=VOID)),
    ):
        assert score[name] == pytest.approx(float(metric(found, every)), rel=1e-6)


def test_perfect_pictures_of_another_size_than_the_label_map_score_one() -> None:
    labels = colours([[0, 1, 2, 3], [2, 2, 1, 0]])
    pictures = colours([[0, 1, 2, 0], [2, 2, 1, 0]], 4)[None].repeat(2, 1, 1, 1)
    scores = ConfusionScores(SEGMENTER, "fcn_real", "the real photos")
    scores.update(pictures, labels, Path("a.png"))
    figures = scores.figures()
    assert [figure.value for figure in figures] == [1.0, 1.0, 1.0]
    assert figures[0].name == "fcn_real_pixel" and figures[0].count == 2
    assert "of the real photos" in figures[0].protocol
    wrong = ConfusionScores(SEGMENTER)
    wrong.update(255 - pictures, labels, Path("a.png"))
    assert wrong.figures()[0].value < 0.5


def test_results_are_scored_beside_the_real_photos_by_their_label_maps(pairs: Path) -> None:
    gallery = TranslationGallery("run", model("pix2pix"), str(pairs), None, 0)
    found = evaluated(gallery, "fcn", own=networks(segmenter=True))
    score = values(found.figures)
    assert list(score) == [
        f"fcn{real}_{s}" for real in ("", "_real") for s in ("pixel", "class", "iou")
    ]
    right: dict[str, list[Tensor]] = {"fcn_pixel": [], "fcn_real_pixel": []}
    for item in gallery.items(None, None):
        assert item.target is not None
        white = gallery.label_map(item.path)[0] == 255
        for name, picture in (("fcn_pixel", item.outputs[0]), ("fcn_real_pixel", item.target)):
            right[name].append((picture.float().mean(0) > 127.5) == white)
    for name, pixels in right.items():
        assert score[name] == pytest.approx(float(torch.stack(pixels).double().mean()))
    assert all(figure.count == 2 for figure in found.figures)
    assert "the ceiling" in found.figures[3].protocol
    assert not any(figure.comparable for figure in found.figures)  # the segmenter is the user's


def test_unknown_colours_are_an_error_and_nearest_ones_are_said() -> None:
    labels = colours([[0, 1]], 8) // 2 + 100
    pictures = colours([[0, 1]], 8)[None]
    scores = ConfusionScores(SEGMENTER)
    with pytest.raises(ValueError, match=r"a\.png has the colour"):
        scores.update(pictures, labels, Path("a.png"))
    scores.update(pictures, labels, Path("a.jpg"))
    assert all("taken as the nearest" in figure.note for figure in scores.figures())


def test_void_alone_gives_no_scores() -> None:
    scores = ConfusionScores(SEGMENTER)
    scores.update(colours([[0, 1]], 8)[None], colours([[3, 3]], 8), Path("a.png"))
    with pytest.raises(ValueError, match="found none, or only void"):
        scores.figures()


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

    class Watched(Tiny):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            seen.add((self.training, self.layers(x).dtype))
            return super().forward(x)

    monkeypatch.setitem(SEGMENTERS, LIGHT, SegmenterArchitecture("tiny network", Watched, None))
    monkeypatch.setattr("crossimage.evaluation.fitting.classifier.find_device", lambda _: CPU)
    monkeypatch.setattr("crossimage.evaluation.fitting.classifier.arithmetic", lambda _: "bf16")
    fit(data, tmp_path / "s.safetensors", 3, progress=StderrProgress({"training": 3}))
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    lines = [line.split(" · ")[:2] for line in capsys.readouterr().err.splitlines()]
    assert lines == [["training", f"{n}/6"] for n in (2, 4, 6)] + [["held-out photos", "3/3"]]


def test_label_maps_are_told_from_photos_and_a_tenth_is_held_out(
    data: Path, tmp_path: Path
) -> None:
    palette = read_palette(data / "classes.csv")
    train, held_out = find_photo_pairs(str(data), palette, 0)
    assert {path.parent.name for path in train.photos + held_out.photos} == {"photo"}
    assert (len(train.photos), len(held_out.photos)) == (8, 3)
    (tmp_path / "train").mkdir()
    for i in range(8):
        pair = [np.array(Image.open(data / "train" / d / f"{i}.png")) for d in ("photo", "label")]
        Image.fromarray(np.concatenate(pair, 1)).save(tmp_path / "train" / f"{i}.png")
    train, held_out = find_photo_pairs(str(tmp_path), palette, 0)
    assert train.halves == held_out.halves == (0, 1)
    assert (len(train.photos), len(held_out.photos)) == (7, 1)
    assert not set(train.photos) & set(held_out.photos)
    assert find_photo_pairs(str(tmp_path), palette, 0)[1].photos == held_out.photos
    photo, labels = train.read(0)
    assert photo.shape == labels.shape == (3, 40, 80)
    assert palette.distance(labels, Path("a.png")) == 0


def test_data_and_numbers_that_make_no_sense_are_refused(data: Path, tmp_path: Path) -> None:
    palette, out = data / "classes.csv", tmp_path / "s.safetensors"
    with pytest.raises(ValueError, match=r"s\.pth is not a file name for a segmenter"):
        fit_segmenter(str(data), tmp_path / "s.pth", palette=palette, device=CPU)
    with pytest.raises(ValueError, match="--epochs must be at least 1, found 0"):
        fit_segmenter(str(data), out, palette=palette, epochs=0, device=CPU)
    (tmp_path / "few.csv").write_text("name,r,g,b\nred,255,0,0\ngreen,0,255,0\n")
    with pytest.raises(ValueError, match=r"has the colour \(0, 0, 255\)"):
        fit_segmenter(
            str(data), out, palette=tmp_path / "few.csv", network=LIGHT, size=32, epochs=1,
            device=CPU,
        )  # fmt: skip
    assert not out.exists()


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


@pytest.mark.usefixtures("tiny")
def test_a_file_that_is_no_segmenter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors does not exist; .*fit-segm"):
        load_segmenter(tmp_path / "none.safetensors", CPU)
    with pytest.raises(ValueError, match="is a folder"):
        load_segmenter(tmp_path, CPU)
    path = tmp_path / "s.safetensors"
    path.write_bytes(b"noise")
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        load_segmenter(path, CPU)
    save_segmenter(path, replace(SEGMENTER, network=SegmenterNetwork(LIGHT, 3)))
    assert load_segmenter(path, CPU).palette == PALETTE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load_segmenter(path, CPU)
    save_segmenter(path, SEGMENTER)
    with pytest.raises(ValueError, match=r"s\.safetensors is damaged .*fit-segmenter"):
        load_segmenter(path, CPU)
