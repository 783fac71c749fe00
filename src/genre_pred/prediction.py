"""What a classifier says of a recording: plain values that every face shows in its own way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stretch:
    """What is heard in one window of a recording.

    Attributes:
        start: In seconds from the recording's beginning.
        end: In seconds.
        probabilities: Of each genre, calibrated.
    """

    start: float
    end: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Neighbour:
    """A training clip that a recording resembles.

    Attributes:
        clip_id: Of the clip.
        genre: Its label.
        path: Where its sound lay when the classifier was registered, relative to the repository.
        distance: In the space of `known_music`; comparable within one classifier only.
    """

    clip_id: str
    genre: str
    path: str
    distance: float


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of a recording.

    Attributes:
        genre: The single best, also where the recording is unknown.
        probabilities: Of each genre, calibrated; the logarithms of the windows' are averaged.
        windows: How many windows were heard.
        content: A digest of the sound, as in clips.parquet.
        genre_set: Genres among which the true one is found at the stated coverage, the most
            probable first; None where nothing can be promised.
        coverage: The share of songs whose genre the set holds; None without a set.
        why_no_set: Why there is no set; empty where there is one.
        unknown: Whether it is unlike the music that the classifier has learnt from.
        novelty: How unlike, a mean distance; None where the classifier cannot tell.
        threshold: The novelty above which it is unknown; None where the classifier cannot tell.
        why_no_novelty: Why the classifier cannot tell; empty where it can.
        timeline: What was heard in each window, in turn; windows do not overlap.
        nearest: The training clips that it resembles most, at most three, the nearest first.
    """

    genre: str
    probabilities: dict[str, float]
    windows: int
    content: str
    genre_set: tuple[str, ...] | None = None
    coverage: float | None = None
    why_no_set: str = ""
    unknown: bool = False
    novelty: float | None = None
    threshold: float | None = None
    why_no_novelty: str = ""
    timeline: tuple[Stretch, ...] = ()
    nearest: tuple[Neighbour, ...] = ()

    @property
    def seconds(self) -> float:
        """Length of the recording: as much of it lies before its windows as behind them."""
        return self.timeline[0].start + self.timeline[-1].end if self.timeline else 0.0

    def best(self, count: int) -> list[tuple[str, float]]:
        """The most probable genres with their probabilities, the best first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:count]
