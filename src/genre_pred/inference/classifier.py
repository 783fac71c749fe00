"""Sound in, genre out: what command line, page and server call.

Prediction walks the same functions as training, with the same rounding to the store's dtype.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import pandas as pd

from genre_pred.audio.decoding.decoders import AudioError, source_name
from genre_pred.audio.decoding.excerpts import Recording, excerpt_starts, read_excerpts
from genre_pred.audio.decoding.reading import measure
from genre_pred.config.sections import Clip
from genre_pred.core.errors import UserError
from genre_pred.core.files import digest
from genre_pred.core.parallel.pool import one_thread
from genre_pred.evaluation.scoring.prediction_sets import GenreSets
from genre_pred.inference.classifier_folder import (
    HELD_OUT,
    NETWORK,
    NOVELTY_FILE,
    PIPELINE,
    TRAINED_ON,
    Spec,
    member_folder,
    user_error_if_damaged,
)
from genre_pred.inference.novelty import NoveltyDetector
from genre_pred.inference.prediction import Prediction, WindowPrediction
from genre_pred.inference.window_scorer import WindowScorer
from genre_pred.training.calibration.clip_scores import windows_to_clips
from genre_pred.training.calibration.temperature import softmax


class GenreClassifier:
    """A trained classifier in its folder.

    Args:
        folder: As `classifier_folder.save_classifier` wrote it.
        title: What it is called in the registry; empty for one from elsewhere.

    Raises:
        UserError: If its files are damaged; of those that are read later, when that is done.
    """

    def __init__(self, folder: Path, title: str = "") -> None:
        self.folder, self.title = folder, title
        with self._reading():
            self.spec = Spec.read(folder)
            self.clip = Clip.model_validate(self.spec.clip)

    def _reading(self) -> AbstractContextManager[None]:
        return user_error_if_damaged(self.folder, self.title)

    @classmethod
    def load(cls, model: str | None = None) -> Self:
        """Load a registered classifier.

        Args:
            model: NAME@ALIAS, as "genre-demo@champion", or NAME for its champion; None for the
                champion of this workspace's collection.

        Raises:
            UserError: If nothing is registered so, or it is damaged.
        """
        from genre_pred import tracking  # MLflow is slow to import

        title, folder = tracking.fetch(model)
        return cls(folder, title)

    def predict(
        self,
        source: str | Path | BinaryIO,
        max_seconds: float = math.inf,
        check: Callable[[], object] | None = None,
    ) -> Prediction:
        """Name the genre of a recording of seconds to hours.

        Windows of `clip_seconds` are scored one by one, as many as fit without overlap, and their
        log-probabilities averaged.

        Args:
            source: A file's path, or an open binary file that can seek.
            max_seconds: What is longer is refused.
            check: Called while it is decoded, and for each window; what it raises ends that.

        Raises:
            AudioError: If it cannot be decoded, or is shorter than `min_seconds` or longer than
                `max_seconds`.
            UserError: If this classifier cannot hear, or is damaged.
        """
        self.require_audio()
        source = Path(source) if isinstance(source, str) else source
        found = measure(source, max_seconds, check)
        if found.seconds < self.clip.min_seconds:
            raise AudioError(
                source_name(source),
                f"too short: {found.seconds:.1f} s of at least {self.clip.min_seconds:g} s",
            )
        recording = Recording(source, found.sample_rate, found.n_samples)
        with one_thread():  # to the same digits, whoever asks
            scores, read = self._score_windows(recording, None, check)
            probabilities = self._mean([part.probabilities(it) for part, it in scores])
            by_window = self._mean([softmax(it, part.spec.temperature) for part, it in scores])
            return Prediction(
                self.spec.genres[int(probabilities.argmax())],
                self._named(probabilities),
                len(by_window),
                found.content,
                **self._genre_set(probabilities),
                **self._novelty(read),
                timeline=self._timeline(recording, by_window),
                sample_rate=found.sample_rate,
                n_samples=found.n_samples,
                learnt_from=found.content in self.trained_on,
            )

    def require_audio(self) -> None:
        """Make sure that it can hear sound.

        Raises:
            UserError: If it was trained on what others computed.
        """
        if not self.spec.accepts_audio:
            raise UserError(
                f"{self.spec.model} was trained on what others computed of {self.spec.collection}: "
                "it has its scores, but cannot hear sound"
            )

    def _named(self, probabilities: np.ndarray) -> dict[str, float]:
        return dict(zip(self.spec.genres, probabilities.tolist(), strict=True))

    def _timeline(
        self, recording: Recording, by_window: np.ndarray
    ) -> tuple[WindowPrediction, ...]:
        rate = recording.sample_rate
        starts = excerpt_starts(recording, self.clip, None)
        length = min(round(self.clip.clip_seconds * rate), recording.n_samples)
        return tuple(
            WindowPrediction(start / rate, (start + length) / rate, self._named(row))
            for start, row in zip(starts, by_window, strict=True)
        )

    def _genre_set(self, probabilities: np.ndarray) -> dict[str, Any]:
        sets = self.genre_sets
        if sets is None:
            return {"why_no_set": f"{self.spec.model} was registered before there were genre sets"}
        if sets.why_not:
            return {"why_no_set": sets.why_not}
        (chosen,) = sets.members(probabilities[None])
        order = [place for place in np.argsort(-probabilities, kind="stable") if chosen[place]]
        named = tuple(self.spec.genres[place] for place in order)
        return {"genre_set": named, "coverage": sets.coverage}

    def _novelty(self, read: Sequence[np.ndarray]) -> dict[str, Any]:
        known = self.novelty_detector
        if known is None:
            return {"why_no_novelty": f"{self.spec.model} does not carry its training music"}
        novelty, nearest = known.compare(read)
        threshold = float(known.threshold)
        return {
            "unknown": novelty > threshold,
            "novelty": novelty,
            "threshold": threshold,
            "nearest": nearest,
        }

    @one_thread()
    def predict_clips(self, clips: pd.DataFrame) -> np.ndarray:
        """Score clips as the pipeline does: the windows that training takes of each.

        Args:
            clips: path, sample_rate, n_samples.

        Returns:
            (n_clips, n_genres) probabilities.
        """
        windows = self.clip.windows_per_track
        answers = []
        for recording in Recording.of(clips):
            scores, _ = self._score_windows(recording, windows)
            answers.append(self._mean([part.probabilities(it) for part, it in scores]))
        return np.stack(answers)

    @staticmethod
    def _mean(of_parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.mean(of_parts, axis=0)

    def _score_windows(
        self, recording: Recording, count: int | None, check: Callable[[], object] | None = None
    ) -> tuple[list[tuple["GenreClassifier", np.ndarray]], list[np.ndarray]]:
        """Decode a recording once for all who answer.

        Args:
            recording: What to hear.
            count: How many windows; None for as many as fit.
            check: Called before each classifier scores each window.

        Returns:
            Each classifier that answers, an ensemble's members or this one, with its
            (n_windows, n_genres) scores before calibration; and (n_features,) of each window as
            the space of known music takes it.
        """
        parts = self.members or [self]
        heard: list[list[np.ndarray]] = [[] for _ in parts]
        read = []
        for window in read_excerpts(recording, self.clip, count):
            for number, part in enumerate(parts):
                if check:
                    check()
                judged, compared = part._scorer.read(window, recording.sample_rate)
                heard[number].append(judged)
                if number == 0:
                    read.append(compared)
        scores = [
            part._scorer.scores(np.stack(each)) for part, each in zip(parts, heard, strict=True)
        ]
        return list(zip(parts, scores, strict=True)), read

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """(n_windows, n_genres) scores into the clip's calibrated probabilities, (n_genres,)."""
        clip_scores, _ = windows_to_clips(scores, np.zeros(len(scores), dtype=int))
        return softmax(clip_scores, self.spec.temperature)[0]

    def features(self, recording: Recording, count: int | None) -> np.ndarray:
        """The features that a classical classifier reads: (n_windows, n_features)."""
        windows = read_excerpts(recording, self.clip, count)
        return np.concatenate([self._scorer.features(it, recording.sample_rate) for it in windows])

    @cached_property
    def _scorer(self) -> WindowScorer:
        return WindowScorer(self.folder, self.title, self.spec, self.clip)

    @cached_property
    def members(self) -> list["GenreClassifier"]:
        """Of an ensemble, the classifiers that it averages."""
        places = [member_folder(self.folder, number) for number in range(len(self.spec.members))]
        return [GenreClassifier(place, self.title) for place in places]

    @cached_property
    def genre_sets(self) -> GenreSets | None:
        """How it makes sets of genres; None of a classifier from before there were."""
        with self._reading():
            return GenreSets(**self.spec.genre_sets) if self.spec.genre_sets else None

    @cached_property
    def novelty_detector(self) -> NoveltyDetector | None:
        """Its training clips, an ensemble's by its first member; None without any."""
        path = (self.members or [self])[0].folder / NOVELTY_FILE
        with self._reading():
            return NoveltyDetector.load(path) if path.is_file() else None

    @cached_property
    def trained_on(self) -> frozenset[str]:
        """Content digests of its training and validation clips."""
        with self._reading():
            return frozenset((self.folder / TRAINED_ON).read_text().split())

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """Its predictions of clips that it, or its fold's stand-in, has not seen."""
        with self._reading():
            return pd.read_parquet(self.folder / HELD_OUT)

    @cached_property
    def identity(self) -> str:
        """Eight hex digits that tell it from all that answer otherwise: of its whole folder."""
        return digest(self.folder)[:8]

    @property
    def megabytes(self) -> float:
        """Size of all it needs to predict."""
        parts = [self.folder / NETWORK, self.folder / PIPELINE]
        own = sum(part.stat().st_size for part in parts if part.is_file()) / 1e6
        return own + sum(member.megabytes for member in self.members)
