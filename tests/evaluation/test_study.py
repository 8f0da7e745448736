"""The figures of a study with people beside those of metrics."""

from pathlib import Path

import pytest

from crossimage.evaluation.api import evaluate
from crossimage.study.analysis.analyse import analyse_study
from crossimage.study.simulate import simulate
from tests.study.people import make_small


def test_evaluate_adds_the_figures_of_a_study(tmp_path: Path) -> None:
    study = make_small(tmp_path, "preference").folder
    simulate(study, {"one": 0.0, "two": 0.5})
    fake, real = tmp_path / "two", tmp_path / "input"
    with pytest.raises(FileNotFoundError, match="crossimage study analyse"):
        evaluate(fake=fake, real=real, metrics="psnr", study=study)
    analysis = analyse_study(study)
    result = evaluate(fake=fake, real=real, metrics="psnr", study=study, out=tmp_path / "report")
    assert result.models[0]["preference"] == analysis.figures.methods[1]["preference"]
    assert "preference" in str(result)
    with pytest.raises(ValueError, match="compares one, two, but not"):
        evaluate(fake=tmp_path / "input", real=real, metrics="psnr", study=study)
