from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from crossimage.data.make.hed import HedEdges, HedNetwork, _thin
from crossimage.data.make.photo_pairs import PHOTO_MAKERS
from tests.data.make.test_photo_pairs import contents, photos

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network() -> HedNetwork:
    torch.manual_seed(0)
    return HedNetwork()


def published(network: HedNetwork) -> dict[str, torch.Tensor]:
    """The weights by the names that the common file has."""
    return {name.replace("net", "module", 1): x for name, x in network.state_dict().items()}


def test_the_architecture_is_vgg16_with_five_side_outputs(network: HedNetwork) -> None:
    assert sum(p.numel() for p in network.parameters()) == 14_714_688 + 1_477 + 6
    names = published(network)
    assert names["moduleVggFive.5.weight"].shape == (512, 512, 3, 3)
    assert names["moduleScoreThree.weight"].shape == (1, 256, 1, 1)
    assert names["moduleCombine.0.weight"].shape == (1, 5, 1, 1)
    found = network(torch.rand(2, 3, 48, 64) * 255)
    assert found.shape == (2, 1, 48, 64)
    assert (found >= 0).all() and (found <= 1).all()


def test_the_means_are_those_of_blue_green_and_red(network: HedNetwork) -> None:
    inputs: list[torch.Tensor] = []
    first = network.get_submodule("netVggOne")
    handle = first.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    network(torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    handle.remove()
    assert inputs[0].abs().max() < 0.5


@pytest.mark.parametrize("layout", ["module", "net", "safetensors"])
def test_edges_are_made_with_weights_of_the_common_layouts(
    network: HedNetwork, tmp_path: Path, layout: str
) -> None:
    file = tmp_path / "hed.safetensors"
    if layout == "safetensors":
        save_file({name: x.contiguous() for name, x in published(network).items()}, file)
    else:
        torch.save(published(network) if layout == "module" else network.state_dict(), file)
    given = photos(tmp_path / "in", ["a.png", "b.png", "tiny.png"], size=(40, 56))
    out = tmp_path / "out"
    summary, _ = PHOTO_MAKERS["edges"](out, photos=given, hed=file)
    assert summary == "3 pairs of edges and photo"
    assert len(contents(out)) == 6


def test_a_ridge_becomes_a_line_of_one_pixel() -> None:
    y, x = np.mgrid[:96, :96]
    for found in (
        np.exp(-((x - 48) ** 2) / 8.0), np.exp(-((y - 30) ** 2) / 18.0),
        np.exp(-((x - y) ** 2) / 16.0), np.exp(-((np.hypot(x - 48, y - 48) - 30) ** 2) / 8.0),
    ):  # fmt: skip
        edges = _thin(found)
        assert edges.sum() > 80
        assert (found[edges] > 0.7).all()
        blocks = edges[1:, 1:] & edges[:-1, 1:] & edges[1:, :-1] & edges[:-1, :-1]
        assert blocks.sum() <= 0.1 * edges.sum()
    assert not _thin(np.full((32, 32), 0.05)).any()


def test_tiny_photos_have_no_edges(network: HedNetwork, tmp_path: Path) -> None:
    torch.save(published(network), tmp_path / "hed.pth")
    edges = HedEdges(tmp_path / "hed.pth")(np.zeros((9, 20, 3), np.uint8), RNG)
    assert edges.shape == (9, 20) and (edges == 255).all()


def test_another_network_is_refused_in_one_sentence(network: HedNetwork, tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    state = published(network)

    def refused(changed: dict[str, torch.Tensor]) -> str:
        torch.save(changed, file)
        with pytest.raises(ValueError, match="is not an edge network") as error:
            HedEdges(file)
        return str(error.value)

    less = {name: x for name, x in state.items() if "Combine" not in name}
    assert "'netCombine.0.weight' it has no such tensor, expected (1, 5, 1, 1)" in refused(less)
    wrong = state | {"moduleScoreOne.weight": torch.zeros(1, 3, 1, 1)}
    assert "has (1, 3, 1, 1), expected (1, 64, 1, 1)" in refused(wrong)
    assert "holds 'classifier.weight' as well" in refused(
        state | {"classifier.weight": torch.zeros(1)}
    )
    with pytest.raises(FileNotFoundError, match="does not exist"):
        HedEdges(tmp_path / "none.pth")
