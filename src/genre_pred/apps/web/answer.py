"""The prediction of a song as HTML."""

from collections.abc import Mapping, Sequence

from genre_pred.apps.web.templates import render
from genre_pred.inference.prediction import CALIBRATED_ON, LEARNT_FROM, Neighbour, Prediction

ROWS, RAREST = 5, 0.05  # most genres of the timeline; the smallest peak probability to show
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


def alert(message: str) -> str:
    """An error message."""
    return render("alert.html", message=message)


def genre_summary(prediction: Prediction) -> str:
    """The predicted genre, the prediction set, and a bar for the probability of each genre."""
    return render(
        "genres.html",
        prediction=prediction,
        genres=prediction.best(len(prediction.probabilities)),
        calibrated_on=CALIBRATED_ON,
        learnt_from=LEARNT_FROM,
    )


def timeline(prediction: Prediction, picture: str, heights: Mapping[str, float]) -> str:
    """The spectrogram and the probabilities of each window, on one time axis.

    Args:
        prediction: The prediction.
        picture: The address of the spectrogram.
        heights: Label -> height on the spectrogram, as a share from below.
    """
    windows, seconds = prediction.timeline, prediction.seconds
    peak = {
        genre: max(window.probabilities[genre] for window in windows)
        for genre in prediction.probabilities
    }
    ordered = sorted(peak, key=lambda genre: -peak[genre])
    shown = [genre for genre in ordered if genre == ordered[0] or peak[genre] >= RAREST][:ROWS]
    lowest = [min(window.probabilities[genre] for window in windows) for genre in shown]
    step = next((tick for tick in TICK_SECONDS if seconds / tick <= 6), TICK_SECONDS[-1])
    return render(
        "timeline.html",
        picture=picture,
        heights=heights,
        rows=[(genre, low, peak[genre]) for genre, low in zip(shown, lowest, strict=True)],
        windows=windows,
        seconds=seconds,
        times=range(0, int(seconds) + 1, step),
        gaps=sum(window.end - window.start for window in windows) < 0.999 * seconds,
    )


def neighbour_list(neighbours: Sequence[tuple[Neighbour, str | None]]) -> str:
    """The nearest training clips, each with an address of its audio, or None without it."""
    return render("neighbours.html", neighbours=neighbours)
