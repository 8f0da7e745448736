import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from crossimage.cli.overrides import parse_overrides
from crossimage.data.make.combine import combine
from crossimage.data.make.labels import make_labels
from crossimage.data.make.made import MadeDataset, beside, combining, training_command
from crossimage.data.make.photo_pairs import PHOTO_MAKERS
from crossimage.data.make.split import make_split
from crossimage.utils.texts.setting_text import names_text
from tests.data.make.test_photo_pairs import contents, photos


@pytest.mark.parametrize(
    ("maker", "inputs"),
    [
        *((PHOTO_MAKERS[name], ["photos"]) for name in PHOTO_MAKERS),
        (make_labels, ["originals"]),
        (make_split, ["originals"]),
        (combine, ["a", "b"]),
    ],
)
def test_results_are_not_written_among_the_inputs_of_a_later_call(
    tmp_path: Path, maker: Callable[..., MadeDataset], inputs: list[str]
) -> None:
    folders = {name: photos(tmp_path / name, ["1.png", "2.png"]) for name in inputs}
    before = contents(tmp_path)
    for folder in folders.values():
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(folder)
        for out in (folder / "deep/out", tmp_path / "link/out"):
            with pytest.raises(ValueError, match=f"is inside {folder}, .* choose a folder else"):
                maker(out, **folders)
    (tmp_path / "link").unlink()
    assert contents(tmp_path) == before


def test_a_folder_beside_another_is_outside_it_however_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my set/cats").mkdir(parents=True)
    for start, way in (
        ("my set", "."), ("my set", "../my set/."), ("my set/cats", ".."), ("", "my set/cats/.."),
        ("", "my set/"), ("", f"{tmp_path}/my set"),
    ):  # fmt: skip
        monkeypatch.chdir(tmp_path / start)
        assert beside(Path(way), "_new").resolve() == tmp_path / "my set_new"


@pytest.mark.parametrize(
    "name",
    ["photo", "x: y", "x:", "#1", "x #1", "- x", "-x", "a=b", "a,b", "it's", '"a"', " a", "a ",
     "\t", "[a]", "{a: b}", "*a", "&a", "!a", "%a", "@a", "?", "~", "null", "1", "1e3", "a\\b"],
)  # fmt: skip
def test_names_are_read_as_they_are_printed(name: str) -> None:
    for names in ([name, "photo"], ["photo", name]):
        read = parse_overrides([f"domains={names_text(names)}"])["domains"]
        assert (read.split(",") if isinstance(read, str) else read) == names
    assert names_text(["edges", "shoes"]) == "edges,shoes"


def test_folders_are_not_taken_for_options() -> None:
    for name in ("-out", "@out"):
        words = shlex.split(training_command("cut", Path(name)))
        assert words == ["crossimage", "train", "cut", "--data", f"./{name}"]
        assert shlex.split(combining(Path(name)))[-1] == f"./{name}_pairs"
