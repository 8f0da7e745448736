"""L1, PSNR, SSIM and LPIPS of answers beside their targets, with intervals over the inputs."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from crossimage.evaluation.galleries.base import Row
from crossimage.evaluation.metrics.base import Beside
from crossimage.evaluation.metrics.paired import l1
from crossimage.evaluation.networks.lpips import open_lpips
from crossimage.evaluation.report.figures import Figure

NAMES = ("psnr", "ssim", "l1", "lpips_paired")


def row(number: int, difference: int = 10, answers: int = 2) -> Row:
    generator = torch.Generator().manual_seed(number)
    target = torch.randint(0, 200, (3, 40, 40), generator=generator).byte()
    answer = target + difference
    return Row(f"{number}", answer.expand(answers, 3, 40, 40), None, target, Path("a.png"))


def measured(*rows: Row, names: tuple[str, ...] = NAMES) -> dict[str, Figure]:
    lpips = open_lpips("alex", "random", torch.device("cpu"))
    measure = Beside(names, 4, lpips, f"LPIPS, {lpips.name}", lpips.library, lpips.comparable)
    for one in rows:
        measure.add(one)
    return {figure.name: figure for figure in measure.figures()}


def test_l1_is_the_mean_absolute_difference_of_colours_from_0_to_1() -> None:
    x, truth = (
        (torch.tensor(colour) / 127.5 - 1).reshape(1, 3, 1, 1)
        for colour in ([0.0, 255.0, 10.0], [255.0, 255.0, 40.0])
    )
    assert l1(x, truth).tolist() == pytest.approx([(1 + 0 + 30 / 255) / 3])
    assert l1(truth, x).tolist() == l1(x, truth).tolist()
    both: Tensor = torch.cat([x, truth])
    assert l1(both, torch.cat([truth, truth])).tolist()[1] == 0


def test_every_paired_figure_has_an_interval_over_inputs() -> None:
    found = measured(row(0, 10), row(1, 20), row(2, 30))
    assert list(found) == ["psnr", "psnr_y", "ssim", "ssim_y", "l1", "lpips_paired"]
    assert found["l1"].value == pytest.approx(20 / 255)
    assert found["l1"].interval == pytest.approx(
        [20 / 255 + sign * 1.959964 * 10 / 255 / 3**0.5 for sign in (-1, 1)]
    )
    for figure in found.values():
        assert figure.interval is not None
        assert figure.interval[0] < figure.value < figure.interval[1]
        assert figure.count == 3 and "3 inputs with 2 answers each" in figure.protocol
    assert not found["lpips_paired"].comparable
    assert found["l1"].comparable and found["psnr"].comparable
    assert "without 4 pixels at every edge" in found["psnr_y"].protocol


def test_only_what_is_asked_for_is_measured() -> None:
    assert list(measured(row(0), names=("l1",))) == ["l1"]
    assert measured(row(0), names=("l1",))["l1"].interval is None
