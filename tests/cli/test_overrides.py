import pytest

from crossimage.cli.app import main
from crossimage.cli.overrides import collect_settings, options_last, parse_overrides
from crossimage.config import Config, build


@pytest.mark.parametrize(
    ("arguments", "nested"),
    [
        (["steps=5"], {"steps": 5}),
        (["--steps=5"], {"steps": 5}),
        (["--steps", "5"], {"steps": 5}),
        (["--batch-size", "2"], {"batch_size": 2}),
        (["--no-flip"], {"flip": False}),
        (["--flip", "steps=1"], {"flip": True, "steps": 1}),
        (["weights.cycle=2", "--weights.image=3"], {"weights": {"cycle": 2, "image": 3}}),
        (["crop=[64,32]"], {"crop": [64, 32]}),
        (["domains=edges,shoes"], {"domains": "edges,shoes"}),
        (["value_range=-1,1"], {"value_range": "-1,1"}),
    ],
)
def test_every_way_to_write_a_setting(arguments, nested):
    assert parse_overrides(arguments) == nested


@pytest.mark.parametrize("arguments", [["5"], ["steps=5", "more"], ["steps=5", "steps.x=1"]])
def test_arguments_that_are_no_settings_are_refused(arguments):
    with pytest.raises(ValueError):
        parse_overrides(arguments)


def test_a_command_line_becomes_a_config():
    arguments = ["crop=64,32", "value_range=-1,1", "channels=3,5", "learning_rate=1e-3"]
    config = build(Config, parse_overrides(arguments))
    assert (config.crop, config.value_range, config.channels) == ((64, 32), (-1, 1), (3, 5))
    assert config.learning_rate == 1e-3


def test_settings_among_the_arguments_of_a_model_are_collected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").touch()
    arguments = [
        "run",
        "a=b",
        "test_mode=eval",
        "--to",
        "Male=1",
        "--same-style",
        "x.y=1",
        "in.png",
    ]
    assert collect_settings(arguments, ("--same-style",)) == [
        "run", "a=b", "--to", "Male=1", "--same-style", "in.png", "--set", "test_mode=eval", "x.y=1"
    ]  # fmt: skip
    assert collect_settings(["run", "--set", "k=1", "k2=2"]) == ["run", "--set", "k=1", "k2=2"]
    assert collect_settings(["run", "in.png"]) == ["run", "in.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        "a=x,b=y munit crop=32 --no-estimate --out o",
        "a=x,b=y --no-estimate munit --out o crop=32",
        "--no-estimate a=x,b=y --out o munit crop=32",
        "a=x,b=y munit --no-estimate crop=32 --out o",
    ],
)
def test_options_may_stand_between_settings(arguments: str) -> None:
    moved = options_last(arguments.split(), ("--no-estimate",))
    assert moved == ["a=x,b=y", "munit", "crop=32", "--no-estimate", "--out", "o"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("translate RUN a.png --out o --reference b.png --reference c.png", "--reference"),
        ("translate RUN a.png --out=o --out p", "--out"),
        ("train munit --data d --steps 3 --steps 5", "--steps"),
        ("train munit --data d --batch-size 3 --batch_size 5", "--batch-size"),
        ("evaluate RUN --data d --metrics fid --metrics kid", "--metrics"),
        ("data make combine --a A --a B --b C --out o", "--a"),
        ("study make --set a=A --set b=B --out o", "--set"),
        ("import gen.pt --config a.yaml --config b.yaml --out o", "--config"),
    ],
)
def test_an_option_is_given_only_once(
    arguments: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 2
    assert f"{option} is given more than once; give it once" in capsys.readouterr().err


def test_settings_of_a_model_may_follow_several_set_options() -> None:
    arguments = ["translate", "run", "--set", "a=1", "--set", "b=2"]
    assert collect_settings(arguments) == ["translate", "run", "--set", "a=1", "b=2"]
