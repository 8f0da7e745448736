from itertools import islice

import pytest

from crossimage.data.sampler import StepSampler, rows


def steps(count, **how):
    """Sample numbers of the first steps, all micro-batches together."""
    accumulate = how.get("accumulate", 1)
    return list(islice(StepSampler(**how), count * accumulate))


def test_one_process_sees_all_numbers_in_order():
    assert steps(3, batch_size=2) == [[0, 1], [2, 3], [4, 5]]


def test_a_resumed_sampler_continues_where_it_was():
    whole = steps(5, batch_size=4, accumulate=2, rank=1, world=2)
    assert steps(2, batch_size=4, accumulate=2, rank=1, world=2, start=3) == whole[6:]


@pytest.mark.parametrize(("accumulate", "world"), [(1, 1), (2, 1), (1, 2), (2, 2), (4, 2)])
def test_micro_batches_and_processes_see_together_what_one_big_batch_sees(accumulate, world):
    parts = [
        steps(2, batch_size=8, accumulate=accumulate, rank=rank, world=world)
        for rank in range(world)
    ]
    seen = [number for part in parts for batch in part for number in batch]
    assert sorted(seen) == list(range(16))


def test_rows_agree_with_the_sampler():
    for rank in range(2):
        batches = steps(1, batch_size=8, accumulate=2, rank=rank, world=2)
        for micro, batch in enumerate(batches):
            assert list(range(8))[rows(8, 2, micro, rank, 2)] == batch


def test_a_batch_that_cannot_be_cut_evenly_is_refused():
    with pytest.raises(ValueError, match=r"batch_size \(6\) .* accumulate \(2\) x processes \(2\)"):
        StepSampler(6, accumulate=2, world=2)
