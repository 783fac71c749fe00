"""Faults end a stage with a sentence; everything else with its stack trace."""

import pytest

from genre_pred.faults import Fault, check_known, run_stage


def test_a_fault_ends_a_stage_with_its_sentence():
    def main():
        raise Fault("there is no music")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == "error: there is no music"


def test_everything_else_rises():
    def main():
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="of ours"):
        run_stage(main)


def test_a_stage_without_faults_runs_to_its_end():
    ran = []
    run_stage(lambda: ran.append(True))
    assert ran == [True]


def test_an_unknown_name_is_told_with_all_known_ones():
    with pytest.raises(Fault) as caught:
        check_known(["mfcc", "mfc"], {"mfcc": 1, "chroma": 2}, "descriptors.sets")
    assert str(caught.value) == "descriptors.sets names 'mfc'; known are chroma, mfcc"


def test_known_names_pass():
    assert check_known(["a", "b"], iter(["b", "a", "c"]), "key") is None
