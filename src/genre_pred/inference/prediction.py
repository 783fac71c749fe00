"""The prediction of a recording, as plain values for all user interfaces."""

from dataclasses import dataclass

ANSWER = ("genre", "probability", "genre_set", "unknown", "novelty", "learnt_from", "windows")
BETWEEN = " | "  # separates the genres of a set, because a genre's name may contain a comma
# The limits of a set's coverage: see evaluation.scoring.prediction_sets.
CALIBRATED_ON = (
    "calibrated on excerpts, not whole songs, and on the clips that the model was chosen on: "
    "slightly optimistic"
)
UNKNOWN = "unlike the training music"
LEARNT_FROM = "this recording was used in training, so its prediction is no evidence of accuracy"


@dataclass(frozen=True)
class WindowPrediction:
    """The prediction of one window of a recording.

    Attributes:
        start: In seconds from the start of the recording.
        end: In seconds.
        probabilities: By genre, calibrated.
    """

    start: float
    end: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Neighbour:
    """A training clip near a recording.

    Attributes:
        clip_id: The id of the clip.
        genre: Its label.
        path: The path of its file at registration, relative to the repository.
        distance: In the space of the novelty detector; comparable within one classifier only.
        content: A digest of its audio; empty in classifiers of earlier versions.
    """

    clip_id: str
    genre: str
    path: str
    distance: float
    content: str = ""


@dataclass(frozen=True)
class Prediction:
    """The prediction of a recording.

    Attributes:
        genre: The most probable genre, also for an unknown recording.
        probabilities: By genre, calibrated; log-probabilities are averaged over windows.
        windows: Number of windows.
        content: A digest of the audio, as in clips.parquet.
        genre_set: The prediction set, most probable genre first; None if the classifier has no
            threshold for sets. See CALIBRATED_ON for its limits.
        coverage: The nominal share of songs whose set holds the true genre; None without a set.
        why_no_set: The reason why there is no set; empty if there is one.
        unknown: Whether the recording is unlike the training music; None without a detector.
        novelty: The mean distance to the nearest training windows; None without a detector.
        threshold: The novelty above which a recording is unknown, fitted on excerpts of tracks;
            None without a detector.
        why_no_novelty: The reason why there is no detector; empty if there is one.
        timeline: The prediction of each window, in order; windows do not overlap.
        nearest: Up to three nearest training clips, nearest first.
        sample_rate: Of the audio, in Hz.
        n_samples: Length per channel.
        learnt_from: Whether this recording was used in training; its prediction is then no
            evidence of accuracy.
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
        """Duration of the recording."""
        return self.n_samples / self.sample_rate

    def best(self, count: int) -> list[tuple[str, float]]:
        """The most probable genres with their probabilities, most probable first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:count]

    def row(self) -> dict[str, object]:
        """The prediction as a row of a table.

        Returns:
            The columns `ANSWER` (genre_set as text, empty without a set; unknown and novelty are
            None without a detector), then `p(GENRE)` of each genre.
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
    """The column of a genre's probability; "p(...)" keeps it distinct from other columns."""
    return f"p({genre})"
