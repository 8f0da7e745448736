"""Translation of a model with labels: what `to` may be, in Python and on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

import crossimage
from crossimage.checkpoints.model_file import save_model
from crossimage.cli.app import main
from crossimage.config import build
from crossimage.inference.files.names import name_outputs
from crossimage.inference.input_files import InputFile
from crossimage.inference.translator import Translator
from crossimage.methods.stargan import StarGAN, StarGANConfig
from tests.conftest import small

NAMES = ("Black_Hair", "Blond_Hair", "Male", "Young")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    settings = {"domains": NAMES, "exclusive": [NAMES[:2]]}
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, StarGAN(build(StarGANConfig, small("stargan"), settings)))
    return path


@pytest.fixture(scope="module")
def model(file: Path) -> Translator:
    return crossimage.load(file, device="cpu")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for name, size in (("ann", (16, 16)), ("bob", (24, 20)), ("cy", (16, 16))):
        Image.linear_gradient("L").resize(size).convert("RGB").save(folder / f"{name}.png")
    return folder


X = torch.linspace(-1, 1, 2 * 3 * 16 * 16).reshape(2, 3, 16, 16)


def test_a_model_with_labels_says_what_it_translates_to(model: Translator) -> None:
    assert (model.method, model.domains, model.targets) == ("stargan", NAMES, NAMES)


@pytest.mark.parametrize(
    ("to", "vector"),
    [
        ("Blond_Hair", [0, 1, 0, 0]),
        ("blond_hair", [0, 1, 0, 0]),
        ({"Male": 1, "Young": 0}, [0, 0, 1, 0]),
        ({"Male": True, "Black_Hair": 1}, [1, 0, 1, 0]),
        ({"Male": 0}, [0, 0, 0, 0]),
        ({"Male": 0.5, "Black_Hair": 0.25, "Blond_Hair": 0.75}, [0.25, 0.75, 0.5, 0]),
        (torch.tensor([0.0, 1, 0, 1]), [0, 1, 0, 1]),
        (torch.tensor([[0, 1, 0, 1]]), [0, 1, 0, 1]),
    ],
)
def test_labels_that_are_not_named_are_0(model: Translator, to, vector: list[float]) -> None:
    goal = torch.tensor([vector], dtype=torch.float).expand(2, -1)
    expected = model.networks.translate(X, goal)
    torch.testing.assert_close(model.translate(X, to), expected)


def test_every_image_may_have_labels_of_its_own(model: Translator) -> None:
    to = torch.eye(4)[[2, 0]]
    result = model.translate(X, to)
    torch.testing.assert_close(result, model.networks.translate(X, to))


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("Blond", "no label 'Blond', only .*did you mean 'Blond_Hair'"),
        ({"Mal": 1}, "did you mean 'Male'"),
        ({"Male": 2}, "Male must be a number from 0 to 1, found 2"),
        ({"Black_Hair": 1, "Blond_Hair": 1}, "are mutually exclusive"),
        ({}, "found no label"),
        (None, "to is missing; expected some of Black_Hair"),
        (torch.zeros(3), r"expected label vectors \(1 or 2, 4\)"),
        (torch.zeros(3, 4), r"expected label vectors \(1 or 2, 4\) .*found \(3, 4\)"),
    ],
)
def test_mistakes_name_what_is_known(model: Translator, to, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.translate(X, to)


def test_without_styles_there_is_one_output(
    model: Translator, inputs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="has no styles"):
        model.translate_files(inputs, tmp_path, "Male", samples=2)
    with pytest.raises(ValueError, match="has no styles"):
        model.translate_files(inputs, tmp_path, "all", reference=inputs / "ann.png")


def test_all_labels_are_files_and_a_sheet(model: Translator, inputs: Path, tmp_path: Path) -> None:
    report = model.translate_files(inputs, tmp_path / "out", "all")
    expected = [f"{stem}_{name}.png" for stem in ("ann", "bob", "cy") for name in NAMES]
    assert [path.name for path in report.written] == expected
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *expected, "sheet.png", "crossimage.jsonl"
    }  # fmt: skip
    one = model.translate_files(inputs / "bob.png", tmp_path / "one", "Male").written[0]
    with Image.open(one) as alone, Image.open(tmp_path / "out" / "bob_Male.png") as result:
        assert alone.size == (24, 20) and alone.tobytes() == result.tobytes()
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        # three rows of an input and four labels, of the size of the training images, doubled
        assert sheet.width >= 5 * 32 and sheet.height >= 3 * 32


def test_the_sheet_shows_sixteen_inputs_at_most(model: Translator, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(18):
        Image.new("RGB", (16, 16), (10 * i, 0, 0)).save(folder / f"{i:02}.png")
    heights = {}
    for count in (15, 16, 18):
        files = sorted(folder.iterdir())[:count]
        model.translate_files(files, tmp_path / "out", "all", batch_size=3)
        with Image.open(tmp_path / "out" / "sheet.png") as sheet:
            heights[count] = sheet.height
    assert heights[15] < heights[16] == heights[18]


def test_a_sheet_overwrites_no_input(model: Translator, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "sheet.png")
    with pytest.raises(ValueError, match=r"sheet.png would overwrite an input"):
        model.translate_files(tmp_path / "sheet.png", tmp_path, "all")


def test_a_label_called_all_is_that_label(inputs: Path, tmp_path: Path) -> None:
    settings = {"domains": ("all", "some")}
    model = Translator(StarGAN(build(StarGANConfig, small("stargan"), settings)), "cpu")
    report = model.translate_files(inputs, tmp_path, "all")
    assert [path.name for path in report.written] == ["ann.png", "bob.png", "cy.png"]


def test_names_of_labels_are_made_fit_for_files(inputs: Path) -> None:
    sources = [InputFile(inputs / "ann.png", Path())]
    assert name_outputs(sources, lambda path: path.suffix, ["a/b", "c"]) == [
        [Path("ann_a_b.png"), Path("ann_c.png")]
    ]
    with pytest.raises(ValueError, match="two results would be called ann_a_b.png"):
        name_outputs(sources, lambda path: path.suffix, ["a/b", "a:b"])


@pytest.mark.parametrize(
    ("to", "same"),
    [
        ("Male", "Male"),
        ("male=1,Young=0", "Male"),
        ("Male=1, Young=1", {"Male": 1, "Young": 1}),
        ("Male=0.25,Young=.5", {"Male": 0.25, "Young": 0.5}),
    ],
)
def test_command(
    to: str,
    same: str | dict[str, float],
    file: Path,
    model: Translator,
    inputs: Path,
    tmp_path: Path,
) -> None:
    given = [str(inputs / "ann.png"), "--out", str(tmp_path), "--to", to, "--device", "cpu"]
    assert main(["translate", str(file), *given]) == 0
    with Image.open(tmp_path / "ann.png") as result:
        expected = model.translate(inputs / "ann.png", same)
        assert result.tobytes() == expected.tobytes()


def test_command_to_all(
    file: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(inputs), "--out", str(tmp_path), "--to", "all", "--device", "cpu"]
    assert main(["translate", str(file), *given]) == 0
    assert "12 images written" in capsys.readouterr().out
    assert (tmp_path / "sheet.png").is_file()


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ([], "to is missing; expected some of Black_Hair, Blond_Hair, Male, Young"),
        (["--to", "Yuong"], "did you mean 'Young'?"),
        (["--to", "Male=maybe"], "the value of Male must be a number from 0 to 1, found 'maybe'"),
        (
            ["--to", "Male=1,Young"],
            "'Young' is not understood: expected name=value, such as Black_Hair=1",
        ),
    ],
)
def test_mistakes_on_the_command_line_are_one_sentence(
    to: list[str],
    message: str,
    file: Path,
    inputs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(inputs), "--out", str(tmp_path), *to, "--device", "cpu"]
    assert main(["translate", str(file), *given]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1


def test_all_labels_of_an_input_are_there_or_are_made_again(
    model: Translator, inputs: Path, tmp_path: Path
) -> None:
    options = {"skip_existing": True, "seed": 1}
    first = model.translate_files(inputs, tmp_path, "all", **options)  # type: ignore[arg-type]
    assert len(first.written) == 12 and (tmp_path / "sheet.png").is_file()
    sheet = (tmp_path / "sheet.png").read_bytes()
    again = model.translate_files(inputs, tmp_path, "all", **options)  # type: ignore[arg-type]
    assert not again.written and len(again.existing) == 12 and not again.notes
    (tmp_path / "bob_Male.png").unlink()
    mended = model.translate_files(inputs, tmp_path, "all", **options)  # type: ignore[arg-type]
    assert {path.name for path in mended.written} == {f"bob_{name}.png" for name in NAMES}
    assert len(mended.existing) == 8 and "are missing" in mended.notes[0]
    assert (tmp_path / "sheet.png").read_bytes() == sheet  # with the rows of all inputs
