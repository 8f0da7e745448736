"""Methods of other packages: registered in Python, or listed as entry points."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crossimage
from crossimage.cli.app import main
from crossimage.config import Config
from crossimage.methods import METHODS, find_method, method_name, method_names, register
from crossimage.methods.cyclegan import CycleGAN
from crossimage.recipes import resolve
from tests.conftest import as_arguments, small

SOURCE = """
from dataclasses import field
from crossimage.config import settings
from crossimage.methods.cyclegan import CycleGAN, CycleGANConfig

@settings
class MineConfig(CycleGANConfig):
    '''CycleGAN with a setting of its own.

    Attributes:
        extra: A number.
    '''

    extra: int = 3

class Mine(CycleGAN):
    '''CycleGAN under another name.'''

    Config = MineConfig

NOTHING = 7
"""


@pytest.fixture(autouse=True)
def _methods_stay_as_they_are() -> Iterator[None]:
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def distribution(folder: Path, package: str, **entries: str) -> Path:
    """An installed package that offers methods: a module, and metadata beside it."""
    info = folder / f"{package}-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / f"{package}.py").write_text(SOURCE)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    lines = [f"{name} = {target}" for name, target in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[crossimage.methods]", *lines, ""]))
    return folder


def test_a_registered_method_trains_and_its_model_is_loaded(folders: Path, tmp_path: Path) -> None:
    @register
    class Twin(CycleGAN):
        """CycleGAN under another name."""

    assert METHODS["twin"] is Twin and method_name(Twin) == "twin"
    result = crossimage.train("twin", folders, tmp_path, **small("cyclegan", steps=1))
    model = result.load(device="cpu")
    assert result.method == model.method == "twin" and type(model.networks) is Twin


def test_a_method_registered_again_replaces_the_former_one() -> None:
    for _ in range(2):

        class Twin(CycleGAN):
            """A class of its own each time, as when a notebook's cell runs again."""

        register(Twin, "my_twin")
        assert find_method("my_twin", "a test") is Twin
    assert register(CycleGAN, "cyclegan") is CycleGAN


def test_what_is_not_a_complete_method_is_not_registered() -> None:
    with pytest.raises(ValueError, match="is 7; expected a subclass of crossimage.Method"):
        register(7)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="is abstract; it does not define .*translate"):
        register(crossimage.Method)

    class Bare(CycleGAN):
        Config = None  # type: ignore[assignment]

    with pytest.raises(ValueError, match="has no config class"):
        register(Bare)
    for name in ("Twin", "my-twin", "", "2twins"):
        with pytest.raises(ValueError, match=f"'{name}' cannot name a method"):
            register(CycleGAN, name)

    class Twin(CycleGAN):
        """CycleGAN under another name."""

    with pytest.raises(ValueError, match="'munit' is a built-in method; register Twin under"):
        register(Twin, "munit")
    with pytest.raises(ValueError, match="Twin is not registered; call crossimage.register"):
        method_name(Twin)


def test_a_method_of_an_installed_package_is_usable_from_the_command_line(
    folders: Path, tmp_path: Path
) -> None:
    site = distribution(tmp_path / "site", "fancy", mine="fancy:Mine")
    run, out = tmp_path / "run", tmp_path / "out"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("method: mine\nextra: 5\n")
    settings = as_arguments(small("cyclegan", steps=1))
    commands = [
        ["train", "mine", "--help"],
        ["data", "inspect", str(folders), "mine", "extra=4", "--no-estimate"],
        ["train", str(recipe), "--data", str(folders), "--out", str(run), *settings],
        ["translate", str(run), str(folders / "testA"), "--out", str(out), "--device", "cpu"],
        [
            "evaluate", str(run), "--data", str(folders), "--out", str(tmp_path / "report"),
            "--metrics", "fid", "--features", "random", "--device", "cpu",
        ],
    ]  # fmt: skip
    code = (
        f"import sys; sys.path.append({str(site)!r})\n"
        "from crossimage.cli.app import main\n"
        f"for command in {commands!r}:\n"
        "    assert main(command) == 0, command\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file()
    assert "  extra=3\n      A number." in done.stdout and "training mine on" in done.stdout
    assert len(list(out.glob("*.png"))) == 2 and "extra: 5" in (run / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere:Mine", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("fancy:Missing", "cannot be imported: AttributeError: .*Missing"),
        ("fancy:NOTHING", "is 7; expected a subclass of crossimage.Method"),
    ],
)
def test_a_broken_package_is_named_when_its_method_is_asked_for(
    target: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(distribution(tmp_path, "fancy", broken=target))
    assert find_method("munit", "a test") is METHODS["munit"]
    assert "broken" in method_names() and resolve("broken") == ("broken", {})
    with pytest.raises(ValueError, match=f"'broken' of the package fancy 1.2 {sentence}"):
        find_method("broken", "a test")
    monkeypatch.delitem(sys.modules, "fancy", raising=False)


def test_two_packages_with_a_method_of_one_name_are_both_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("fancy", "plain"):
        monkeypatch.syspath_prepend(distribution(tmp_path / package, package, mine="fancy:Mine"))
    with pytest.raises(ValueError, match=r"fancy 1\.2 and the package plain 1\.2 both offer"):
        find_method("mine", "a test")


def test_a_built_in_method_wins_over_a_package_which_is_named(
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(distribution(tmp_path, "fancy", munit="fancy:Mine"))
    with pytest.warns(UserWarning, match=r"fancy 1\.2 offers a method 'munit', .* built-in"):
        assert find_method("munit", "a test") is METHODS["munit"]
    monkeypatch.setattr("warnings.filters", [])
    assert main(["data", "inspect", str(folders), "munit", "--no-estimate"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("crossimage: the package fancy 1.2 offers") and said.count("\n") == 1


def test_an_unknown_name_lists_the_methods_of_packages_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(distribution(tmp_path, "fancy", mine="fancy:Mine"))
    with pytest.raises(ValueError, match="r.yaml: unknown method 'mina'; did you mean 'mine'"):
        find_method("mina", "r.yaml")
    with pytest.raises(ValueError, match="no recipe or method 'mina'; did you mean 'mine'"):
        resolve("mina")


@pytest.mark.parametrize(
    ("attributes", "base"),
    [
        ({"layout": "labelled"}, "crossimage.labels.LabelledConfig"),
        ({"layout": "classes"}, "crossimage.labels.ReferencesConfig"),
        ({"layout": "class_pairs"}, "crossimage.labels.ClassPairsConfig"),
        ({"layout": "super_resolution"}, "crossimage.config.SuperResolutionConfig"),
        ({"labelled": ("a",)}, "crossimage.config.ClassesConfig"),
    ],
)
def test_a_config_must_have_the_settings_that_the_methods_data_needs(
    attributes: dict[str, object], base: str
) -> None:
    method = type("Mine", (CycleGAN,), attributes)
    with pytest.raises(ValueError, match=f"learns from .*; derive its Config from {base}"):
        register(method)


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"targets": "b"}, r"sets targets to the text 'b'; write \('b',\)"),
        ({"player_order": ("generators")}, r"player_order to the text .* \('generators',\)"),
        ({"player_order": ("generators",), "inference_players": ("encoders",)},
         "names encoders in inference_players, but not in player_order"),
        ({"Config": Config}, "has a Config without weights; add a field weights"),
    ],
)  # fmt: skip
def test_slips_in_a_class_are_told_when_it_is_registered(
    attributes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        register(type("Mine", (CycleGAN,), attributes))


def test_an_entry_point_is_a_method_s_name_and_a_module_with_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = {"My-Method": "fancy:Mine", "dotted": "fancy.Mine"}
    monkeypatch.syspath_prepend(distribution(tmp_path, "fancy", **entries))
    with pytest.raises(ValueError, match="'My-Method' cannot name the method of the package fancy"):
        find_method("My-Method", "a test")
    with pytest.raises(ValueError, match="is 'fancy.Mine'; write module:Class, such as fancy:Mine"):
        find_method("dotted", "a test")


@pytest.mark.parametrize(
    ("name", "found"),
    [("x" * 10_000, "unknown method 'xxx"), (7, "found 7"), (None, "found None"), (["x"], "found")],
)
def test_what_is_not_a_method_is_named_briefly(name, found):
    with pytest.raises(ValueError, match=f"^file: .*{found}") as error:
        find_method(name, "file")
    assert len(str(error.value)) < 600
