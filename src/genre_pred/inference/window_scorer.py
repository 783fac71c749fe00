"""Features and scores of single windows, by a network or a classical pipeline."""

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from genre_pred.audio.decoding.excerpts import excerpt_to_waveform
from genre_pred.audio.logmel.clips_to_patches import excerpt_to_patches
from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.config.sections import Clip
from genre_pred.inference.classifier_folder import NETWORK, PIPELINE, Spec, user_error_if_damaged
from genre_pred.networks.backbones.precision import prepare_for_inference
from genre_pred.networks.embedding.patches_to_embeddings import BACKBONES, patches_to_embeddings
from genre_pred.networks.trainable.catalogue import NETWORKS
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.training.classical.features import FeatureSet, log_mel_statistics, named_features
from genre_pred.training.classical.jobs import window_scores
from genre_pred.training.classical.pipelines import load_pipeline


class WindowScorer:
    """Scores windows one by one, as training does; model files are read on first use.

    Args:
        folder: A folder written by `classifier_folder.save_classifier`.
        title: The name in the registry; empty for an unregistered classifier.
        spec: The specification in that folder.
        clip: The length of a window.
    """

    def __init__(self, folder: Path, title: str, spec: Spec, clip: Clip) -> None:
        self._folder, self._title, self._spec, self._clip = folder, title, spec, clip

    def _reading(self) -> AbstractContextManager[None]:
        return user_error_if_damaged(self._folder, self._title)

    def read(self, window: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
        """Compute the input of `scores` and of the novelty detector for a window.

        Args:
            window: (samples,) float32 mono.
            rate: Its sample rate in Hz.

        Returns:
            Features (of a network, its scores), and features for the novelty detector; each (n,).
        """
        if self._spec.network:
            patches = self._patches(window, rate, self._front_end)[None]
            return self._network_scores(patches)[0], log_mel_statistics(patches)[0]
        features = self.features(window, rate)[0]
        return features, features

    def scores(self, windows: np.ndarray) -> np.ndarray:
        """Score windows: first outputs of `read`, (n_windows, n) -> (n_windows, n_genres)."""
        return windows if self._spec.network else window_scores(self._pipeline, windows)

    def features(self, window: np.ndarray, from_rate: int) -> np.ndarray:
        """The features of a window for a classical classifier: (1, n_features)."""
        spec = self._feature_set
        if spec.kind == "descriptors":
            # librosa is slow to import
            from genre_pred.audio.descriptors.sets import waveform_to_descriptors

            rate = self._spec.descriptor_rate
            waveform = excerpt_to_waveform(window, from_rate, rate, self._clip)
            descriptors = waveform_to_descriptors(waveform, rate, spec.origin, spec.families)
            return spec.summarise(descriptors.to_numpy(np.float32)[None])
        patches = self._patches(window, from_rate, self._front_end)[None]
        if spec.kind == "mel":
            return spec.summarise(patches)
        if spec.kind == "finetuned":
            net = self._network
            assert isinstance(net, GenreNet)
            with torch.inference_mode():
                head_input = net.freeze(torch.from_numpy(patches.astype(np.float32)), "head")
            return spec.summarise(head_input.flatten(1).numpy())
        embeddings = patches_to_embeddings(self._network, patches, precision=self._spec.precision)
        return spec.summarise(embeddings)

    def _patches(self, window: np.ndarray, rate: int, front_end: str) -> np.ndarray:
        dtype = self._spec.store_dtype
        return excerpt_to_patches(window, rate, FRONT_ENDS[front_end], self._clip, dtype)

    def _network_scores(self, patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            values: np.ndarray = self._network(torch.from_numpy(patches.astype(np.float32))).numpy()
            return values

    @property
    def _front_end(self) -> str:
        if self._trained_network:
            return NETWORKS[self._trained_network].front_end
        spec = self._feature_set
        return spec.origin if spec.kind == "mel" else BACKBONES[spec.origin].front_end

    @property
    def _trained_network(self) -> str | None:
        """The fine-tuned network that predicts, or computes the features of a classifier."""
        if self._spec.features and self._feature_set.kind == "finetuned":
            return self._feature_set.origin
        return self._spec.network

    @property
    def _feature_set(self) -> FeatureSet:
        feature_set = named_features(str(self._spec.features))
        assert feature_set is not None
        return feature_set

    @cached_property
    def _pipeline(self) -> Any:
        with self._reading():
            return load_pipeline(self._folder / PIPELINE)

    @cached_property
    def _network(self) -> nn.Module:
        net: nn.Module
        precision = "float32"
        if self._trained_network:
            front_end = FRONT_ENDS[self._front_end]
            shape = (*front_end.patch_shape(self._clip.clip_seconds), front_end.n_mels)
            build = NETWORKS[self._trained_network].build
            net = build(shape, self._spec.hidden, len(self._spec.genres))
        else:
            net = BACKBONES[self._feature_set.origin].build()
            precision = self._spec.precision
        with self._reading():
            net.load_state_dict(load_file(self._folder / NETWORK), assign=True)
        return prepare_for_inference(net, precision)
