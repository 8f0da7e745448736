"""Files that are no exported models, or are meant to do harm."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import crossimage
from crossimage.inference.exported.onnx_file import sealed
from tests.inference.exported.graphs import about_of, onnx, translation, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "m.onnx", translation(), about_of())


def changed(path: Path, change: Callable[[Any], object]) -> None:
    """Change a file and seal it again, as someone who means harm would."""
    model = onnx.ModelProto.FromString(path.read_bytes())
    kept = [entry for entry in model.metadata_props if entry.key != "seal"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    change(model)
    path.write_bytes(sealed(model))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"no model at all", "is not an ONNX file, or damaged"),
        (b"\x08\x08\x12\x07pytorch", "holds no graph"),
    ],
)
def test_what_is_no_onnx_file_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        crossimage.load(tmp_path / "m.onnx")


def test_a_missing_file_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="m.onnx does not exist; expected a model file"):
        crossimage.load(tmp_path / "m.onnx")
    os.mkfifo(tmp_path / "p.onnx")
    with pytest.raises(ValueError, match="it is a pipe"):
        crossimage.load(tmp_path / "p.onnx")


def test_models_of_others_are_named(path: Path) -> None:
    path.write_bytes(translation().SerializeToString())
    with pytest.raises(ValueError, match="not one that `crossimage export` has written"):
        crossimage.load(path)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 0.999])
def test_any_changed_byte_is_noticed(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged|altered|not an ONNX|metadata|version"):
        crossimage.load(path)


def test_a_cut_file_is_noticed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="damaged"):
        crossimage.load(path)


def test_operators_of_other_domains_are_refused(path: Path) -> None:
    changed(path, lambda m: setattr(m.graph.node[0], "domain", "evil"))
    with pytest.raises(ValueError, match="operators of 'evil'"):
        crossimage.load(path)


def test_operators_of_other_domains_are_refused_inside_branches(path: Path) -> None:
    def nest(model: Any) -> None:
        inner = onnx.helper.make_graph(
            [onnx.helper.make_node("Shell", [], ["x"], domain="com.evil")], "inner", [], []
        )
        model.graph.node.append(
            onnx.helper.make_node("If", ["zero"], ["y"], then_branch=inner, else_branch=inner)
        )

    changed(path, nest)
    with pytest.raises(ValueError, match=r"operators of 'com\.evil'"):
        crossimage.load(path)


@pytest.mark.parametrize("inside", [False, True])
def test_no_other_file_is_read(path: Path, inside: bool) -> None:
    def point(model: Any) -> None:
        tensor = onnx.TensorProto(name="w", data_type=1, dims=[4])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")
        if inside:
            model.graph.node.append(onnx.helper.make_node("Constant", [], ["w"], value=tensor))
        else:
            model.graph.initializer.append(tensor)

    changed(path, point)
    with pytest.raises(ValueError, match="keeps 'w' in another file, which is not read"):
        crossimage.load(path)


def test_constants_that_would_fill_the_memory_are_refused(path: Path) -> None:
    def bomb(model: Any) -> None:
        shape = onnx.helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [2**20, 2**20])
        model.graph.initializer.append(shape)
        model.graph.node.append(onnx.helper.make_node("ConstantOfShape", ["shape"], ["huge"]))

    changed(path, bomb)
    with pytest.raises(ValueError, match="ConstantOfShape that makes more than"):
        crossimage.load(path)


def test_a_graph_that_cannot_run_is_one_sentence(path: Path) -> None:
    changed(path, lambda m: setattr(m.graph.node[0], "op_type", "NoSuchOperator"))
    with pytest.raises(ValueError, match="onnxruntime .* cannot run") as caught:
        crossimage.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("method", "nosuch", "unknown method 'nosuch'"),
        ("config", "{}[", "incomplete or wrong metadata"),
        ("config", '{"width": 99999999999}', "width|cannot be built"),
        ("model_sha256", "xyz", "incomplete or wrong metadata"),
        ("to", "q", "translates to 'q', which its method does not have"),
        ("format_version", "9", "format version '9'.*upgrade"),
        ("bytes_per_pixel", "-1", "incomplete or wrong metadata"),
    ],
)
def test_wrong_metadata_are_named(path: Path, key: str, value: str, sentence: str) -> None:
    def change(model: Any) -> None:
        (entry,) = (entry for entry in model.metadata_props if entry.key == key)
        entry.value = value

    changed(path, change)
    with pytest.raises(ValueError, match=sentence):
        crossimage.load(path)
