"""The genre classifier that the command line, the web page and the server use.

Prediction uses the same functions as training, with the same rounding to the store's dtype.
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
    """A trained classifier, read from its folder.

    Args:
        folder: A folder written by `classifier_folder.save_classifier`.
        title: The name in the registry; empty for an unregistered classifier.

    Raises:
        UserError: If its files are damaged. Model files are read, and checked, on first use.
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
            model: NAME@ALIAS, such as "genre-demo@champion", or NAME for its champion; None for
                the champion of this workspace's collection.

        Raises:
            UserError: If it is not registered or damaged.
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
        """Predict the genre of a recording of any length from seconds to hours.

        Windows of `clip_seconds`, as many as fit without overlap, are scored one by one, and their
        log-probabilities are averaged.

        Args:
            source: A file's path, or an open, seekable binary file.
            max_seconds: Longer recordings are refused.
            check: Called during decoding and for each window; an exception that it raises stops
                the prediction.

        Raises:
            AudioError: If it cannot be decoded, or is shorter than `min_seconds` or longer than
                `max_seconds`.
            UserError: If this classifier does not accept audio, or is damaged.
        """
        self.require_audio()
        source = Path(source) if isinstance(source, str) else source
        measured = measure(source, max_seconds, check)
        if measured.seconds < self.clip.min_seconds:
            raise AudioError(
                source_name(source),
                f"too short: {measured.seconds:.1f} s of at least {self.clip.min_seconds:g} s",
            )
        recording = Recording(source, measured.sample_rate, measured.n_samples)
        with one_thread():  # the last digits depend on the number of threads
            scores, read = self._score_windows(recording, None, check)
            probabilities = self._mean([part.probabilities(own) for part, own in scores])
            by_window = self._mean([softmax(own, part.spec.temperature) for part, own in scores])
            return Prediction(
                self.spec.genres[int(probabilities.argmax())],
                self._by_genre(probabilities),
                len(by_window),
                measured.content,
                **self._genre_set(probabilities),
                **self._novelty(read),
                timeline=self._timeline(recording, by_window),
                sample_rate=measured.sample_rate,
                n_samples=measured.n_samples,
                learnt_from=measured.content in self.trained_on,
            )

    def require_audio(self) -> None:
        """Check that this classifier accepts audio.

        Raises:
            UserError: If it was trained on precomputed features.
        """
        if not self.spec.accepts_audio:
            raise UserError(
                f"{self.spec.model} was trained on precomputed features of {self.spec.collection}: "
                "it has scores, but cannot predict audio files"
            )

    def _by_genre(self, probabilities: np.ndarray) -> dict[str, float]:
        return dict(zip(self.spec.genres, probabilities.tolist(), strict=True))

    def _timeline(
        self, recording: Recording, by_window: np.ndarray
    ) -> tuple[WindowPrediction, ...]:
        rate = recording.sample_rate
        starts = excerpt_starts(recording, self.clip, None)
        length = min(round(self.clip.clip_seconds * rate), recording.n_samples)
        return tuple(
            WindowPrediction(start / rate, (start + length) / rate, self._by_genre(row))
            for start, row in zip(starts, by_window, strict=True)
        )

    def _genre_set(self, probabilities: np.ndarray) -> dict[str, Any]:
        sets = self.genre_sets
        if sets is None:
            return {
                "why_no_set": f"{self.spec.model} was registered by a version without genre sets"
            }
        if sets.why_not:
            return {"why_no_set": sets.why_not}
        (chosen,) = sets.members(probabilities[None])
        order = [i for i in np.argsort(-probabilities, kind="stable") if chosen[i]]
        genre_set = tuple(self.spec.genres[i] for i in order)
        return {"genre_set": genre_set, "coverage": sets.coverage}

    def _novelty(self, read: Sequence[np.ndarray]) -> dict[str, Any]:
        detector = self.novelty_detector
        if detector is None:
            return {"why_no_novelty": f"{self.spec.model} has no novelty detector"}
        novelty, nearest = detector.compare(read)
        threshold = float(detector.threshold)
        return {
            "unknown": novelty > threshold,
            "novelty": novelty,
            "threshold": threshold,
            "nearest": nearest,
        }

    @one_thread()
    def predict_clips(self, clips: pd.DataFrame) -> np.ndarray:
        """Predict clips as the pipeline does, from the windows that training takes.

        Args:
            clips: path, sample_rate, n_samples.

        Returns:
            (n_clips, n_genres) probabilities.
        """
        windows = self.clip.windows_per_track
        probabilities = list[np.ndarray]()
        for recording in Recording.of(clips):
            scores, _ = self._score_windows(recording, windows)
            probabilities.append(self._mean([part.probabilities(own) for part, own in scores]))
        return np.stack(probabilities)

    @staticmethod
    def _mean(probabilities: Sequence[np.ndarray]) -> np.ndarray:
        values: np.ndarray = np.mean(probabilities, axis=0)
        return values

    def _score_windows(
        self, recording: Recording, count: int | None, check: Callable[[], object] | None = None
    ) -> tuple[list[tuple["GenreClassifier", np.ndarray]], list[np.ndarray]]:
        """Decode a recording once and score its windows with every member of the ensemble.

        Args:
            recording: The recording.
            count: Number of windows; None for as many as fit.
            check: Called before each classifier scores each window.

        Returns:
            Each member of an ensemble, or this classifier, with its (n_windows, n_genres) scores
            before calibration; and (n_features,) of each window for the novelty detector.
        """
        parts = self.members or [self]
        inputs: list[list[np.ndarray]] = [[] for _ in parts]
        read = []
        for window in read_excerpts(recording, self.clip, count):
            for number, part in enumerate(parts):
                if check:
                    check()
                scored, compared = part._scorer.read(window, recording.sample_rate)
                inputs[number].append(scored)
                if number == 0:
                    read.append(compared)
        scores = [
            part._scorer.scores(np.stack(own)) for part, own in zip(parts, inputs, strict=True)
        ]
        return list(zip(parts, scores, strict=True)), read

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Turn (n_windows, n_genres) scores into a clip's calibrated probabilities, (n_genres,)."""
        clip_scores, _ = windows_to_clips(scores, np.zeros(len(scores), dtype=int))
        values: np.ndarray = softmax(clip_scores, self.spec.temperature)[0]
        return values

    @one_thread()
    def features(self, recording: Recording, count: int | None) -> np.ndarray:
        """The features for a classical classifier: (n_windows, n_features)."""
        rate = recording.sample_rate
        windows = read_excerpts(recording, self.clip, count)
        return np.concatenate([self._scorer.features(window, rate) for window in windows])

    @cached_property
    def _scorer(self) -> WindowScorer:
        return WindowScorer(self.folder, self.title, self.spec, self.clip)

    @cached_property
    def members(self) -> list["GenreClassifier"]:
        """The classifiers that an ensemble averages; empty for others."""
        folders = [member_folder(self.folder, number) for number in range(len(self.spec.members))]
        return [GenreClassifier(folder, self.title) for folder in folders]

    @cached_property
    def genre_sets(self) -> GenreSets | None:
        """Its calibrated prediction sets; None for classifiers of earlier versions."""
        with self._reading():
            return GenreSets(**self.spec.genre_sets) if self.spec.genre_sets else None

    @cached_property
    def novelty_detector(self) -> NoveltyDetector | None:
        """Its novelty detector (of an ensemble, the first member's); None if it has none."""
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
        """Predictions of held-out clips; with folds, by the models of the folds."""
        with self._reading():
            return pd.read_parquet(self.folder / HELD_OUT)

    @cached_property
    def identity(self) -> str:
        """The first eight hex digits of the digest of its folder."""
        return digest(self.folder)[:8]

    @property
    def megabytes(self) -> float:
        """Size of all files that it needs to predict."""
        parts = [self.folder / NETWORK, self.folder / PIPELINE]
        own = sum(part.stat().st_size for part in parts if part.is_file()) / 1e6
        return own + sum(member.megabytes for member in self.members)
