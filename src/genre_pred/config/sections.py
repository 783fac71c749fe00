"""The sections of params.yaml except `classical`: one class each, with the allowed values."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, field_validator, model_validator

from genre_pred.config.names import BACKBONES, DESCRIPTORS, FRONT_ENDS, NETWORKS
from genre_pred.config.section import (
    Name,
    Names,
    PartOrNone,
    Place,
    Precision,
    Section,
    Share,
    among,
    each_once,
)


class Data(Section):
    """The collection of labelled music."""

    source: Literal[
        "demo",
        "fma_small",
        "fma_medium",
        "fma_large",
        "fma_full",
        "fma",
        "gtzan",
        "folder",
        "precomputed",
    ]
    name: Name | None
    path: Place
    url: Annotated[str, Field(pattern="^https?://")] | None
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None
    subset: Literal["small", "medium", "large"]

    @model_validator(mode="after")
    def _check_name(self) -> "Data":
        if not self.collection:
            raise ValueError(
                f"name is {self.name!r} and path {self.path!r}: name needs a letter or a digit"
            )
        return self

    @property
    def collection(self) -> str:
        """The collection's name, in lower case with dashes; its model is `genre-NAME`."""
        place = Path(self.path).name.removesuffix(".csv")
        own = self.source in ("folder", "precomputed")
        name = self.name or (place if own else self.source)
        return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


class Demo(Section):
    """The synthetic demo collection."""

    seed: Annotated[int, Field(ge=0)]
    artists_per_genre: Annotated[int, Field(ge=3)]
    clips_per_artist: PositiveInt


class Clip(Section):
    """The excerpt that stands for a track, in seconds."""

    min_seconds: Annotated[float, Field(gt=0)]
    clip_seconds: Annotated[float, Field(ge=1)]
    windows_per_track: PositiveInt


class Clean(Section):
    """Which clips are rejected."""

    min_rms_db: Annotated[float, Field(lt=0)]
    max_rejected: Annotated[float, Field(ge=0, le=1)]


class Split(Section):
    """Train, validation and test clips."""

    method: Literal["official", "grouped", "stratified", "folds"]
    validation_share: Share
    test_share: Share
    n_folds: Annotated[int, Field(ge=2)]
    seed: Annotated[int, Field(ge=0)]

    @field_validator("method", mode="before")
    @classmethod
    def _accept_old_name(cls, method: object) -> object:
        return "official" if method == "publisher" else method  # its name before version 0.2

    @model_validator(mode="after")
    def _check_shares(self) -> "Split":
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                f"validation_share + test_share is {self.validation_share + self.test_share:g}: "
                "they must leave clips to train on"
            )
        return self


class Mel(Section):
    """Log-mel patches."""

    front_ends: Annotated[Names, among(FRONT_ENDS)]
    dtype: Literal["float16", "float32"]


class Descriptors(Section):
    """Hand-crafted features."""

    sets: Annotated[Names, among(DESCRIPTORS)]
    sample_rate: Annotated[int, Field(ge=4000)]

    @model_validator(mode="after")
    def _check_sample_rate(self) -> "Descriptors":
        for name in self.sets:
            if self.sample_rate < DESCRIPTORS[name]:
                raise ValueError(
                    f"sample_rate is {self.sample_rate}: the set {name} needs at least "
                    f"{DESCRIPTORS[name]}"
                )
        return self


class Weights(Section):
    """The initial weights of each network: random, a published name, or a file."""

    vggish: Place
    mn04: Place
    mn10: Place
    mn20: Place
    mn40: Place
    resnet18: Place
    alexnet: Place
    vgg11_bn: Place
    squeezenet: Place
    densenet121: Place
    inception_v3: Place
    vgg16: Place
    seed: Annotated[int, Field(ge=0)]

    def of(self, backbone: str) -> str:
        """The initial weights of a network."""
        return str(getattr(self, backbone))


class Embed(Section):
    """Frozen backbones."""

    backbones: Annotated[Names, among(BACKBONES)]
    precision: Precision


class Finetune(Section):
    """Networks trained on log-mel patches."""

    networks: Annotated[Names, among(NETWORKS)]
    pictures: Literal["mel128", "spectrograms", "images"]
    trainable: Literal["all", "fc", "head"]
    hidden: PositiveInt
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "one_cycle"]
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: PositiveInt
    epochs: PositiveInt
    patience: PositiveInt
    spec_augment: PartOrNone
    time_shift: PartOrNone
    mixup: Annotated[float, Field(ge=0)]
    label_smoothing: PartOrNone
    embed: bool
    precision: Precision
    device: Literal["auto", "cpu", "cuda"]
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _check_augmentation(self) -> "Finetune":
        for name in ("spec_augment", "time_shift"):
            if getattr(self, name) and self.trainable != "all":
                raise ValueError(
                    f"{name} is {getattr(self, name):g} and trainable is {self.trainable!r}: it "
                    "needs trainable: all (the other choices train on stored features)"
                )
        return self


class Evaluate(Section):
    """Confidence intervals, the ensemble, and models that only reproduce published results."""

    reproductions: Annotated[tuple[Name, ...], each_once]

    ensemble: Annotated[tuple[Literal["embedding", "finetune", "descriptors"], ...], each_once]

    confidence: Share
    n_resamples: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]


class Promote(Section):
    """Which models may become champion, and with what confidence."""

    approaches: Annotated[
        tuple[Literal["embedding", "finetune", "descriptors", "ensemble"], ...],
        Field(min_length=1),
        each_once,
    ]
    confidence: Share


class Predict(Section):
    """Coverage of the prediction sets, and when a song is called unknown."""

    coverage: Share
    accept: Share


def _scheduler(scheduler: str) -> str:
    if not re.fullmatch(r"local|tcp://.+:\d+", scheduler):
        raise ValueError("it must be null, local or tcp://HOST:PORT")
    return scheduler


class Compute(Section):
    """How work is distributed, over this machine or a cluster."""

    workers: PositiveInt | None
    scheduler: Annotated[str, AfterValidator(_scheduler)] | None
