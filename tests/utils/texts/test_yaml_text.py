"""YAML is read within bounds: aliases, nesting and numbers without end are refused at once."""

from pathlib import Path

import pytest

from crossimage.config import read_yaml
from crossimage.utils.texts.yaml_text import SyntaxFault, parse_yaml, repeated_key


def laughs(levels: int, each: int) -> str:
    """A text of a few lines that stands for ``each ** levels`` values."""
    lines = ["x0: &x0 [" + ",".join("y" * each) + "]"]
    for level in range(1, levels):
        aliases = ",".join([f"*x{level - 1}"] * each)
        lines.append(f"x{level}: &x{level} [{aliases}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (laughs(9, 9), "more than 200,000 values"),
        (laughs(30, 2), "more than 200,000 values"),
        ("a: &a [*a]", "'a' holds itself"),
        ("a: &a {b: {c: *a}}", "'a' holds itself"),
        ("[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("{a: " * 60 + "1" + "}" * 60, "nested more than 50 deep"),
        ("x: " + "9" * 400, "has 400 digits"),
        ("x: 0x" + "f" * 400, "has 402 digits"),
    ],
)
def test_values_without_end_are_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        parse_yaml(text)
    assert len(str(caught.value)) < 300
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"recipe\.yaml: .*{problem}"):
        read_yaml(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "!!int x",
        "!!bool x",
        "!!float x",
        "!!int ''",
        "9999-99-99",
        "!!timestamp x",
        "{a: [}",
        "!!python/object:os.x {}",
        "[" * 5000,
    ],
)
def test_values_of_wrong_types_are_syntax_faults(text: str) -> None:  # fmt: skip
    with pytest.raises(SyntaxFault):
        parse_yaml(text)


def test_usual_aliases_are_read() -> None:
    text = "base: &base {width: 4}\nother: {<<: *base, crop: 16}\nlist: [*base, *base]"
    values = parse_yaml(text)
    assert values["other"] == {"width": 4, "crop": 16} and values["list"] == [{"width": 4}] * 2


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("steps: 2\nmethod: munit\nsteps: 3", "steps"),
        ("loss: {gan: 1, 'gan': 2}", "gan"),
        ("x:\n- {a: 1}\n- b: 1\n  b: 1", "b"),
        ("a: b\nb: a\nc: {a: 1, b: [a, a]}\n? [a]\n: 1\nd: 1", None),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\nz: [*x, *x]", None),
        ("", None),
    ],
)
def test_keys_that_a_mapping_holds_twice_are_found(text: str, key: str | None) -> None:
    assert repeated_key(text) == key
