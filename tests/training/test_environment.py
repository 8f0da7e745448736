"""What a run says about the machine and the source that it ran on."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from crossimage._version import __version__
from crossimage.training import environment as module
from crossimage.training.environment import environment
from crossimage.training.processes.fabric import open_fabric


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose source seems to run."""
    source = tmp_path / "src" / "crossimage" / "training" / "environment.py"
    source.parent.mkdir(parents=True)
    source.touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    monkeypatch.setattr(module, "__file__", str(source))
    return tmp_path


def state() -> object:
    return environment("DIR", open_fabric("fp32", 1))["git"]


def test_versions_hardware_and_command_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["crossimage", "train", "a name"])
    facts = environment("DIR", open_fabric("fp32", 1))
    assert facts["versions"]["torch"] == version("torch")
    assert facts["versions"]["crossimage"] == __version__
    assert facts["command"] == "crossimage train 'a name'" and facts["folder"] == os.getcwd()
    assert facts["data"] == "DIR" and facts["processes"] == 1
    assert facts["precision"] == "32-true" and facts["threads"] == torch.get_num_threads()


def test_the_commit_of_a_checkout_is_recorded(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert state() == {"commit": commit, "changed": False}
    (checkout / "notes.txt").touch()
    assert state() == {"commit": commit, "changed": False}
    (checkout / "src" / "new.py").touch()
    assert state() == {"commit": commit, "changed": True}


def test_an_installed_package_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = checkout / "venv" / "lib" / "site-packages" / "crossimage" / "training"
    inside.mkdir(parents=True)
    monkeypatch.setattr(module, "__file__", str(inside / "environment.py"))
    assert state() is None
    monkeypatch.setenv("PATH", "")
    assert state() is None
