import numpy as np
import pytest
import torch
from torch import Tensor

from crossimage.export import mixed
from crossimage.export.int8 import _prepared, _quantise
from crossimage.export.mixed import costly_convolutions, psnr
from tests.inference.exported.graphs import onnx

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")


def graph() -> "onnx.ModelProto":
    """Three convolutions, of which the second gives one channel far larger than the others."""
    helper, generator = onnx.helper, np.random.default_rng(0)
    values, nodes = [], []
    for number, names in enumerate(("ab", "bC", "cd")):
        weight = generator.normal(size=(4, 4, 3, 3)).astype(np.float32) / 6
        if names == "bC":
            weight[0] *= 300
        values.append(onnx.numpy_helper.from_array(weight, f"w{number}"))
        nodes.append(helper.make_node("Conv", [names[0], f"w{number}"], [names[1]], pads=[1] * 4))
    nodes.insert(2, helper.make_node("Tanh", ["C"], ["c"]))
    nodes.append(helper.make_node("Tanh", ["d"], ["result"]))
    shapes = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ("n", 4, "h", "w"))
        for name in ("a", "result")
    ]
    body = helper.make_graph(nodes, "three", shapes[:1], shapes[1:], values)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def inputs(count: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [{"a": torch.randn(1, 4, 12, 12, generator=generator)} for _ in range(count)]


def test_the_convolution_that_loses_most_stays_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = _prepared(graph())
    fast = _quantise(prepared, iter(inputs(4)), ())
    (second,) = costly_convolutions(prepared, fast, inputs(4))
    assert [node.op_type for node in prepared.graph.node if node.name == second] == ["Conv"]
    assert prepared.graph.node[1].name == second
    better = _quantise(prepared, iter(inputs(4)), [second])
    exact, *others = (mixed._graph(each) for each in (prepared, fast, better))
    low, high = (
        psnr((each(given), exact(given)) for given in inputs(6)[4:]) for each in others
    )  # fmt: skip
    assert low < 20 and high > low + 10
    monkeypatch.setattr(mixed, "WANTED_PSNR", 0.0)
    assert costly_convolutions(prepared, fast, inputs(4)) == []


def test_psnr_is_over_all_values_of_all_images() -> None:
    pairs = [(torch.zeros(2), torch.tensor([0.2, 0.0])), (torch.zeros(2), torch.zeros(2))]
    assert psnr(pairs) == pytest.approx(10 * np.log10(4 / 0.01))
    assert psnr([(torch.tensor([3.0]), torch.tensor([1.0]))]) > 100  # clamped
