"""What a classifier says of a recording: plain values that every face shows in its own way."""

from dataclasses import dataclass

ANSWER = ("genre", "probability", "genre_set", "unknown", "novelty", "learnt_from", "windows")
BETWEEN = " | "  # genres of a set: a genre's name may well hold a comma
# What bends the promise of a set: see judge.conformal.
CALIBRATED_ON = (
    "calibrated on excerpts, not whole songs, and on the clips that the model was chosen on: "
    "slightly optimistic"
)
UNKNOWN = "unlike the music that it has learnt from"
LEARNT_FROM = "this very sound had a part in training, so its answer proves nothing"


@dataclass(frozen=True)
class WindowPrediction:
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
        distance: In the space of `novelty_detector`; comparable within one classifier only.
        content: A digest of its sound; empty where the classifier was registered without.
    """

    clip_id: str
    genre: str
    path: str
    distance: float
    content: str = ""


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of a recording.

    Attributes:
        genre: The single best, also where the recording is unknown.
        probabilities: Of each genre, calibrated; the logarithms of the windows' are averaged.
        windows: How many windows were heard.
        content: A digest of the sound, as in clips.parquet.
        genre_set: Genres among which the true one is found at the stated coverage, the most
            probable first; None where nothing can be promised. See CALIBRATED_ON.
        coverage: The share of songs whose genre the set holds; None without a set.
        why_no_set: Why there is no set; empty where there is one.
        unknown: Whether it is unlike the music that the classifier has learnt from; None where
            the classifier cannot tell.
        novelty: How unlike, a mean distance; None where the classifier cannot tell.
        threshold: The novelty above which it is unknown, found on excerpts of tracks as the set
            is; None where the classifier cannot tell.
        why_no_novelty: Why the classifier cannot tell; empty where it can.
        timeline: What was heard in each window, in turn; windows do not overlap.
        nearest: The training clips that it resembles most, at most three, the nearest first.
        sample_rate: Of the sound, in Hz.
        n_samples: Its length, per channel.
        learnt_from: Whether this very sound had a part in training, so that the answer proves
            nothing.
    """

    genre: str
    probabilities: dict[str, float]
    windows: int
    content: str
    genre_set: tuple[str, ...] | None = None
    coverage: float | None = None
    why_no_set: str = ""
    unknown: bool | None = None
    novelty: float | None = None
    threshold: float | None = None
    why_no_novelty: str = ""
    timeline: tuple[WindowPrediction, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    sample_rate: int = 0
    n_samples: int = 0
    learnt_from: bool = False

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.n_samples / self.sample_rate

    def best(self, count: int) -> list[tuple[str, float]]:
        """The most probable genres with their probabilities, the best first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:count]

    def row(self) -> dict[str, object]:
        """The answer as a row of a table, in the same words everywhere.

        Returns:
            What `ANSWER` names (genre_set as text, empty without one; None for what the classifier
            cannot tell), then `p(GENRE)` of each genre.
        """
        return {
            "genre": self.genre,
            "probability": self.probabilities[self.genre],
            "genre_set": BETWEEN.join(self.genre_set or ()),
            "unknown": self.unknown,
            "novelty": self.novelty,
            "learnt_from": self.learnt_from,
            "windows": self.windows,
            **{column_of(genre): share for genre, share in self.probabilities.items()},
        }


def column_of(genre: str) -> str:
    """The column of a genre's probability, in which it may be called as any other column is."""
    return f"p({genre})"
