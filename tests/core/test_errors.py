"""Faults end a stage with a sentence; everything else with its stack trace."""

import pytest

from genre_pred.core.errors import UserError, run_stage, unknown_name


def test_a_fault_ends_a_stage_with_its_sentence():
    def main():
        raise UserError("there is no music")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == "error: there is no music"


def test_ctrl_c_ends_a_stage_with_a_sentence(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "interrupted: run the same command to restart this stage\n"


def test_everything_else_rises():
    def main():
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="of ours"):
        run_stage(main)


def test_a_stage_without_faults_runs_to_its_end():
    ran = []
    run_stage(lambda: ran.append(True))
    assert ran == [True]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mfc", "'mfc'; known are mfcc, chroma, fma"),
        ("x", "'x'; known are chroma, fma, mfcc"),
    ],
)
def test_an_unknown_name_is_reported_with_the_known_ones_similar_first(name, told):
    assert unknown_name(name, {"mfcc": 1, "chroma": 2, "fma": 3}) == told
