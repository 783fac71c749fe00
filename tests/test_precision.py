"""What people are told of a precision that their processor only imitates."""

import pytest

from genre_pred.nets.precision import advice


@pytest.mark.parametrize(
    ("bfloat16", "told"),
    [
        (0.5, ""),
        (1.0, ""),
        (
            4.0,
            "embed.precision is bfloat16, in which this processor multiplies matrices 4.0 times "
            "slower than in float32: that would be quicker here, and exact",
        ),
    ],
)
def test_a_precision_that_is_slower_here_is_told(monkeypatch, bfloat16, told):
    taken = {"float32": 1.0, "bfloat16": bfloat16}
    monkeypatch.setattr("genre_pred.nets.precision._seconds", taken.get)
    assert advice("embed.precision", "bfloat16") == told
    assert advice("embed.precision", "float32") == ""


def test_it_is_timed_on_this_processor(monkeypatch):
    monkeypatch.setattr("genre_pred.nets.precision.SLOWER", 0)
    assert advice("embed.precision", "bfloat16").startswith("embed.precision is bfloat16, in which")
