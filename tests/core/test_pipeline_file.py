"""dvc.yaml as the stages read it."""

from pathlib import Path

import pytest

from genre_pred.core.errors import UserError
from genre_pred.core.pipeline import read_stage

ROOT = Path(__file__).parents[2]


def test_a_stage_has_the_params_inputs_code_and_outputs_that_the_file_names():
    stage = read_stage("evaluate", ROOT / "dvc.yaml")
    assert stage.params == ("evaluate", "promote.approaches", "split")
    assert Path("models/classical") in stage.inputs
    assert stage.code[0] == Path("stages/evaluate.py")
    assert Path("src/genre_pred/evaluation/scoring") in stage.code
    assert stage.outputs[:2] == (Path("reports/plots"), Path("reports/leaderboard.csv"))


def test_dependencies_of_the_user_are_neither_input_nor_code():
    stage = read_stage("download", ROOT / "dvc.yaml")
    assert stage.inputs == ()
    assert all(path.parts[0] in ("stages", "src") for path in stage.code)


def test_a_missing_file_and_a_missing_stage_are_sentences(tmp_path):
    with pytest.raises(UserError, match="is missing: run from the repository's top folder"):
        read_stage("mel", tmp_path / "dvc.yaml")
    with pytest.raises(UserError, match="has no stage mels"):
        read_stage("mels", ROOT / "dvc.yaml")
