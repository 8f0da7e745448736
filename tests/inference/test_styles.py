"""Random styles made by a network, truncation, and references of few-shot methods."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor

from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build, settings
from crossimage.inference.references import find_references
from crossimage.inference.translator import Translator
from crossimage.labels import ReferencesConfig
from crossimage.methods import METHODS
from crossimage.methods.base import Method
from crossimage.methods.munit import MUNIT
from tests.conftest import small
from tests.methods.test_base import Weights

CLASSES = ("cat", "dog", "owl")


@settings
class MappedConfig(ReferencesConfig):
    weights: Weights = field(default_factory=Weights)


class Mapped(Method):
    """Adds the style's mean to an image; a class's styles are its codes' sum plus 10 k."""

    Config = MappedConfig
    letters, targets = ("x",), ("x",)
    layout = "classes"
    style_dim = 3
    inference_players = player_order = ("generators",)
    training_step = preview = None  # type: ignore[assignment]

    def __init__(self, config: MappedConfig, *, training: bool = True) -> None:
        super().__init__(config)
        self.labels = config.labels
        self.generators = torch.nn.Conv2d(3, 3, 1)

    @property
    def latent_dim(self) -> int:
        return 2

    def style_from(self, z: Tensor, to: Tensor) -> Tensor:
        number = to.argmax(1, keepdim=True).float()
        return (z.sum(1, keepdim=True) / 10 + number).expand(len(to), 3)

    def encode_style(self, x: Tensor, domain: Tensor) -> Tensor:
        return x.mean((2, 3)) + domain.argmax(1, keepdim=True)

    def translate(self, x: Tensor, to: Tensor, style: Tensor | None = None) -> Tensor:
        assert style is not None
        return (x.repeat_interleave(len(style) // len(x), 0) + style[:, :, None, None]) / 4


class FewShot(Mapped):
    few_shot = True

    def encode_style(self, x: Tensor, domain: str) -> Tensor:
        assert domain == "x"
        return x.mean((2, 3))


def model(cls: type[Method] = Mapped) -> Translator:
    values = {"domains": CLASSES, "categorical": True, "channels": 3, "crop": 8}
    return Translator(cls(build(MappedConfig, values)), "cpu")


def images(count: int) -> Tensor:
    return torch.rand(count, 3, 8, 8) * 2 - 1


def flat(path: Path, level: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(path)
    return path


def test_random_styles_are_those_of_the_target() -> None:
    mapped = model()
    styles = {name: mapped.sample_style(4, name, seed=1) for name in CLASSES}
    for number, name in enumerate(CLASSES):
        torch.testing.assert_close(styles[name], styles["cat"] + number)
    assert torch.equal(mapped.sample_style(2, "dog", seed=1), styles["dog"][:2])
    with pytest.raises(ValueError, match="styles of this Mapped depend on their domain: give one"):
        mapped.sample_style(4, seed=1)


def test_every_row_of_label_vectors_has_a_style_of_its_target() -> None:
    mapped, x = model(), images(3)
    each = mapped.translate(x, torch.eye(3), seed=1, samples=2)
    for number, name in enumerate(CLASSES):
        alone = mapped.translate(x, name, seed=1, samples=2)
        torch.testing.assert_close(each[number], alone[number])


def test_truncation_moves_styles_towards_the_mean_of_their_domain() -> None:
    mapped = model()
    whole = mapped.sample_style(5, "dog", seed=3)
    half, none = (mapped.sample_style(5, "dog", seed=3, truncation=t) for t in (0.5, 0.0))
    torch.testing.assert_close(none, torch.ones(5, 3), atol=0.01, rtol=0)  # of 10,000 codes
    torch.testing.assert_close(half, (whole + none) / 2)
    x = images(1)
    y = mapped.translate(x, "dog", seed=3, truncation=0.5)
    torch.testing.assert_close(y, mapped.translate(x, "dog", style=half[:1]))


@pytest.mark.parametrize("truncation", [-0.1, 1.5, float("nan"), True, "0.5"])
def test_a_truncation_is_a_number_from_0_to_1(truncation: Any) -> None:
    with pytest.raises(ValueError, match="truncation must be a number from 0 to 1"):
        model().sample_style(1, "cat", truncation=truncation)


def test_truncation_is_refused_where_there_is_nothing_to_truncate() -> None:
    with pytest.raises(ValueError, match="random styles, so it excludes style and reference"):
        model().translate(images(1), "cat", style=torch.zeros(1, 3), truncation=0.5)
    munit = Translator(MUNIT(build(MUNIT.Config, small("munit"))), "cpu")
    with pytest.raises(ValueError, match="no network that makes styles.*leave out truncation"):
        munit.sample_style(1, truncation=0.5)


def test_files_have_the_styles_of_python_for_every_label_and_truncation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, source = model(), flat(tmp_path / "in" / "a.png", 100)
    monkeypatch.setitem(METHODS, "mapped", Mapped)
    save_model(tmp_path / "model.safetensors", mapped.networks)
    main([
        "translate", str(tmp_path / "model.safetensors"), str(source), "--out", str(tmp_path / "o"),
        "--to", "all", "--seed", "4", "--truncation", "0.5", "--device", "cpu",
    ])  # fmt: skip
    x = torch.full((1, 3, 8, 8), 100 / 127.5 - 1)
    for name in CLASSES:
        target = mapped.target(name).encode(1)
        y = mapped.predict(x, target, [[mapped.draw(4, "a.png", 0, target, 0.5)]])[0, 0]
        written = np.asarray(Image.open(tmp_path / "o" / f"a_{name}.png"))
        expected = ((y.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255)
        assert np.array_equal(written, expected.numpy())


def test_every_label_has_its_samples_and_its_references(tmp_path: Path) -> None:
    mapped, source = model(), flat(tmp_path / "a.png", 100)
    done = mapped.translate_files(source, tmp_path / "all", "all", samples=2, seed=1)
    expected = [f"a_{name}_{k}.png" for name in CLASSES for k in (1, 2)]
    assert [path.name for path in done.written] == expected
    for name in CLASSES:
        alone = mapped.translate_files(source, tmp_path / name, name, samples=2, seed=1)
        for k, path in enumerate(alone.written, 1):
            together = tmp_path / "all" / f"a_{name}_{k}.png"
            assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(together)))
    with Image.open(tmp_path / "all" / "sheet.png") as sheet:
        assert sheet.width > 7 * 16  # the input and six results, enlarged
    references = [flat(tmp_path / f"r{level}.png", level) for level in (0, 250)]
    done = mapped.translate_files(source, tmp_path / "given", "all", reference=references)
    assert [path.name for path in done.written] == expected


def test_a_reference_is_encoded_as_an_image_of_the_target(tmp_path: Path) -> None:
    mapped, x, y = model(), images(3), images(3)
    torch.testing.assert_close(mapped.encode_style(y, "owl"), y.mean((2, 3)) + 2)
    given = mapped.translate(x, "owl", reference=y)
    torch.testing.assert_close(
        given, mapped.translate(x, "owl", style=mapped.encode_style(y, "owl"))
    )
    each = mapped.translate(x, torch.eye(3), reference=y[:1])
    for number, name in enumerate(CLASSES):
        alone = mapped.translate(x[number : number + 1], name, reference=y[:1])
        torch.testing.assert_close(each[number], alone[0])
    with pytest.raises(ValueError, match="domain is missing"):
        mapped.encode_style(y)
    one = flat(tmp_path / "y.png", 200)
    torch.testing.assert_close(
        mapped.translate(x, torch.eye(3), reference=one)[1],
        mapped.translate(x, "dog", reference=[one])[1],
    )


def test_a_folder_of_references_stands_for_its_images(tmp_path: Path) -> None:
    for number in range(3):
        flat(tmp_path / "refs" / f"{number}.png", 50 * number)
    mapped, source = model(), flat(tmp_path / "in.png", 10)
    (tmp_path / "refs" / "notes.txt").write_text("no image")
    done = mapped.translate_files(source, tmp_path / "out", "dog", reference=tmp_path / "refs")
    assert [path.name for path in done.written] == ["in_1.png", "in_2.png", "in_3.png"]
    assert done.left_out == "left out: 1 not an image (.txt)"
    single = mapped.translate_files(
        source, tmp_path / "one", "dog", reference=tmp_path / "refs" / "1.png"
    )
    assert single.written[0].read_bytes() == done.written[1].read_bytes()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="there is no image in .*empty"):
        mapped.translate_files(source, tmp_path / "out", "dog", reference=tmp_path / "empty")


def test_references_of_a_few_shot_method_describe_one_target(tmp_path: Path) -> None:
    few, x, y = model(FewShot), images(2), images(5)
    expected = few.translate(x, style=y.mean((0, 2, 3))[None])
    torch.testing.assert_close(few.translate(x, reference=y), expected)
    paths = [flat(tmp_path / "fox" / f"{n}.png", 40 * n) for n in range(3)]
    other = [flat(tmp_path / "elk" / f"{n}.png", 90 * n) for n in range(2)]
    folders = few.translate_files(
        paths[0], tmp_path / "o", reference=[tmp_path / "fox", tmp_path / "elk"]
    )
    assert len(folders.written) == 2
    for folder, files in zip(folders.written, (paths, other), strict=True):
        listed = few.translate_files(paths[0], tmp_path / "p", reference=files)
        assert len(listed.written) == 1
        assert listed.written[0].read_bytes() == folder.read_bytes()
    with pytest.raises(ValueError, match=r"several classes, in elk, fox.*; give the folder of one"):
        few.translate(x, reference=tmp_path)


def test_a_few_shot_method_needs_references_and_no_target(tmp_path: Path) -> None:
    few, x = model(FewShot), images(1)
    source = flat(tmp_path / "a.png", 1)
    with pytest.raises(ValueError, match="no random styles: give reference images"):
        few.translate(x)
    with pytest.raises(ValueError, match="class of reference images, and there are none"):
        few.translate_files(source, tmp_path / "o")
    with pytest.raises(ValueError, match="leave out to"):
        few.translate(x, "dog", reference=x)
    with pytest.raises(ValueError, match="gives one output per input"):
        few.translate(x, samples=3)
    assert few.encode_style(x).shape == (1, 3) and not few.multimodal


def test_images_given_beside_folders_are_a_class_of_their_own(tmp_path: Path) -> None:
    a, b = flat(tmp_path / "f" / "a.png", 1), flat(tmp_path / "b.png", 2)
    assert find_references([tmp_path / "f", b], True) == [[b], [a]]
    assert find_references([tmp_path / "f", b], False) == [[a], [b]]
    with pytest.raises(ValueError, match="reference is an empty list"):
        find_references([], False)


def test_values_beyond_the_range_are_clipped_where_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = model()
    y = mapped.translate(torch.ones(1, 3, 8, 8), style=torch.full((1, 3), 9.0), to="cat")
    assert y.max() == 2.5  # tensors are what the networks make
    white = mapped.translate(np.full((8, 8, 3), 255, np.uint8), "cat", torch.full((1, 3), 9.0))
    assert white.min() == 255
    values = {"domains": CLASSES, "categorical": True, "channels": 3, "crop": 8}
    mapped.networks.config = build(MappedConfig, values, {"value_range": (0, 4000)})
    monkeypatch.setattr(Mapped, "style_from", lambda self, z, to: torch.full((len(z), 3), 9.0))
    done = mapped.translate_files(
        flat(tmp_path / "a.png", 255), tmp_path / "o", "cat", format="tif"
    )
    assert tifffile.imread(done.written[0]).max() == 4000
