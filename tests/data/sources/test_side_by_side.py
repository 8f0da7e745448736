from pathlib import Path

import pytest
from PIL import Image

from crossimage.config import Config
from crossimage.data.build import find_source
from crossimage.data.sources.domains.scan import scan_domains


def put(root: Path, *sizes: tuple[int, int], split: str = "train") -> str:
    (root / split).mkdir(exist_ok=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(root / split / f"{number}.png")
    return str(root)


@pytest.mark.parametrize("width", [32, 96, 60])
def test_one_file_of_another_shape_is_named_wherever_it_is(tmp_path: Path, width: int) -> None:
    data = put(tmp_path, *[(64, 32)] * 8, (width, 32), (64, 32))
    if width == 60:  # pairs may differ a little
        assert len(scan_domains(data)[0].train) == 10
        return
    with pytest.raises(ValueError, match=rf"1 of 10 files in .*train do not .*8\.png is {width}"):
        scan_domains(data)
    assert len(scan_domains(data, rules=1)[0].train) == 10


def test_single_test_images_beside_pairs_are_named(tmp_path: Path) -> None:
    data = put(tmp_path, *[(64, 32)] * 4)
    put(tmp_path, (32, 32), split="test")
    with pytest.raises(ValueError, match=r"1 of 5 files in .*train and .*test .*test/0.png is 32"):
        scan_domains(data)


@pytest.mark.parametrize("size", [(96, 54), (192, 120), (96, 64)])
@pytest.mark.parametrize("paired", [True, False])
def test_photos_are_never_halved(tmp_path: Path, size: tuple[int, int], paired: bool) -> None:
    data = put(tmp_path, size, size, size)
    with pytest.raises(ValueError, match="the shape of a photo .*expected the folders trainA"):
        scan_domains(data, paired=paired)


def test_pairs_in_sub_folders_are_asked_about(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / "train" / folder).mkdir(parents=True)
        Image.new("RGB", (64, 32)).save(tmp_path / "train" / folder / "1.png")
    with pytest.raises(ValueError, match=r"twice as wide as high; .*set domains=one,two"):
        find_source(str(tmp_path), Config(), "paired")
    assert find_source(str(tmp_path), Config(domains=("one", "two")), "paired")
    assert find_source(str(tmp_path), Config(data_rules=1), "paired")
    assert find_source(str(tmp_path), Config())
    Image.new("RGB", (66, 32)).save(tmp_path / "train" / "two" / "1.png")
    assert find_source(str(tmp_path), Config(), "paired")


def test_only_methods_of_pairs_take_other_shapes_than_two_squares(tmp_path: Path) -> None:
    data = put(tmp_path, (80, 30), (80, 30))
    assert scan_domains(data)[0].half == 0
    with pytest.raises(ValueError, match="80 x 30, not twice as wide as high"):
        scan_domains(data, paired=False)
    squares = tmp_path / "squares"
    squares.mkdir()
    assert scan_domains(put(squares, (60, 30)), paired=False)[0].half == 0


def test_the_config_of_a_run_states_which_half_each_domain_is(tmp_path: Path) -> None:
    data = put(tmp_path, (64, 32), (66, 32), (64, 32))
    for layout in ("paired", "unpaired"):
        config = Config(domains=("photo", "label"))
        completed = config.complete(find_source(data, config, layout).facts)  # type: ignore[arg-type]
        assert (completed.halves, completed.pair_aspect) == (("left", "right"), 2.0)
    put(tmp_path, (64, 32), split="trainA"), put(tmp_path, (64, 32), split="trainB")
    apart = completed.complete(find_source(data, Config(), "unpaired").facts)
    assert (apart.halves, apart.pair_aspect) == ((), 0.0)


def test_pairs_of_other_shapes_state_theirs(tmp_path: Path) -> None:
    facts = find_source(put(tmp_path, (96, 32), (90, 30)), Config(), "paired").facts
    assert (facts.halves, facts.pair_aspect) == (("left", "right"), 3.0)
    earlier = find_source(str(tmp_path), Config(data_rules=1), "paired").facts
    assert earlier.pair_aspect == 3.0
