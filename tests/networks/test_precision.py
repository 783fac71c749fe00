"""The warning about a precision that is slow on this processor."""

import pytest
import torch

from genre_pred.networks.backbones.precision import precision_warning


@pytest.mark.parametrize(
    ("bfloat16", "told"),
    [
        (0.5, ""),
        (1.0, ""),
        (
            4.0,
            "embed.precision is bfloat16, in which this processor takes 4.0 times as long for a "
            "matrix product as in float32: embed.precision=float32 is probably faster here, "
            "and exact",
        ),
    ],
)
def test_a_slow_precision_gives_a_warning(monkeypatch, bfloat16, told):
    taken = {"float32": 1.0, "bfloat16": bfloat16}
    monkeypatch.setattr(
        "genre_pred.networks.backbones.precision._seconds_of_products", lambda *_: taken
    )
    assert precision_warning("embed.precision", "bfloat16") == told
    assert precision_warning("embed.precision", "float32") == ""


def test_products_in_both_precisions_are_timed_in_turns_and_the_shortest_count(monkeypatch):
    """The clock goes on by 3 for a product in bfloat16, by 1 in float32, by 100 for the first."""
    clock, asked = [0.0], []

    def product(matrix, _):
        asked.append(matrix.dtype)
        first = 100.0 if len(asked) <= 2 else 0.0
        clock[0] += first + (3.0 if matrix.dtype == torch.bfloat16 else 1.0)

    monkeypatch.setattr(
        "genre_pred.networks.backbones.precision.time.perf_counter", lambda: clock[0]
    )
    monkeypatch.setattr("genre_pred.networks.backbones.precision.torch.mm", product)
    assert "this processor takes 3.0 times as long" in precision_warning(
        "embed.precision", "bfloat16"
    )
    assert asked[:4] == [torch.bfloat16, torch.float32] * 2


def test_it_is_timed_on_this_processor(monkeypatch):
    monkeypatch.setattr("genre_pred.networks.backbones.precision.SLOWER", 0)
    assert precision_warning("embed.precision", "bfloat16").startswith(
        "embed.precision is bfloat16, in which"
    )
