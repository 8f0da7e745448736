"""The store of generated images: Shrivastava et al. 2017, CycleGAN section 4."""

import pytest
import torch
from torch import Tensor

from crossimage.networks.history import History


def numbered(first: int, count: int) -> Tensor:
    """Images that are told apart by their pixels' value."""
    return torch.arange(first, first + count).float()[:, None, None, None].expand(-1, 2, 4, 6)


def numbers(images: Tensor) -> list[int]:
    assert all(image.unique().numel() == 1 for image in images)
    return [int(image[0, 0, 0]) for image in images]


def shown(history: History, count: int, parts: int = 1) -> list[int]:
    """What is shown for images 0, 1, 2, ... that come in batches of equal size."""
    chance = torch.rand(count, 2, generator=torch.Generator().manual_seed(1))
    result = []
    for new, chances in zip(numbered(0, count).chunk(parts), chance.chunk(parts), strict=True):
        result += numbers(history(new, chances))
    return result


def test_the_first_images_are_shown_themselves() -> None:
    history = History(5, 2, 4, 6)
    assert shown(history, 5) == numbers(history.images) == [0, 1, 2, 3, 4]


def test_then_half_of_the_images_are_older_ones() -> None:
    seen = shown(History(50, 2, 4, 6), 2050)[50:]
    old = [number != 50 + i for i, number in enumerate(seen)]
    assert sum(old) / len(old) == pytest.approx(0.5, abs=0.04)
    ages = [50 + i - number for i, number in enumerate(seen) if number != 50 + i]
    assert min(ages) > 0
    # one in two images replaces one of 50: the mean age is twice 50
    assert sum(ages) / len(ages) == pytest.approx(100, rel=0.15)


def test_an_older_image_makes_room_for_the_new_one() -> None:
    history = History(3, 2, 4, 6)
    chance = torch.tensor([[0.9, 0.0]] * 3 + [[0.4, 0.5], [0.6, 0.5], [0.1, 0.4], [0.1, 1.0]])
    assert numbers(history(numbered(0, 7), chance)) == [0, 1, 2, 1, 4, 3, 2]
    assert numbers(history.images) == [0, 5, 6]


@pytest.mark.parametrize("parts", [2, 3, 12])
def test_a_batch_in_parts_is_the_whole_batch(parts: int) -> None:
    whole, cut = History(4, 2, 4, 6), History(4, 2, 4, 6)
    assert shown(whole, 12) == shown(cut, 12, parts)
    assert torch.equal(whole.images, cut.images)


def test_what_is_shown_is_detached_and_stays_as_it_was() -> None:
    history = History(1, 2, 4, 6)
    new = numbered(7, 1).bfloat16().requires_grad_()
    first = history(new, torch.zeros(1, 2))
    assert first.dtype == history.images.dtype == torch.float32
    assert not first.requires_grad
    second = history(numbered(8, 1), torch.zeros(1, 2))
    history(numbered(9, 1), torch.zeros(1, 2))
    assert numbers(first) == numbers(second) == [7]


def test_it_goes_on_where_another_one_stopped() -> None:
    whole, before, after = (History(4, 2, 4, 6) for _ in range(3))
    chance = torch.rand(20, 2)
    expected = numbers(whole(numbered(0, 20), chance))
    found = numbers(before(numbered(0, 11), chance[:11]))
    after.load_state_dict(before.state_dict())
    assert found + numbers(after(numbered(11, 9), chance[11:])) == expected
