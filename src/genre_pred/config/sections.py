"""The sections of params.yaml but `classical`: one class each, with what is allowed."""

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
    """Which collection of labelled music."""

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
    def _have_a_name(self) -> "Data":
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
    """The composed collection."""

    seed: Annotated[int, Field(ge=0)]
    artists_per_genre: Annotated[int, Field(ge=3)]
    clips_per_artist: PositiveInt


class Clip(Section):
    """The excerpt that stands for a track, in seconds."""

    min_seconds: Annotated[float, Field(gt=0)]
    clip_seconds: Annotated[float, Field(ge=1)]
    windows_per_track: PositiveInt


class Clean(Section):
    """What is rejected."""

    min_rms_db: Annotated[float, Field(lt=0)]
    max_rejected: Annotated[float, Field(ge=0, le=1)]


class Split(Section):
    """Who is learnt from, who chooses, who judges."""

    method: Literal["official", "grouped", "stratified", "folds"]
    validation_share: Share
    test_share: Share
    n_folds: Annotated[int, Field(ge=2)]
    seed: Annotated[int, Field(ge=0)]

    @field_validator("method", mode="before")
    @classmethod
    def _accept_the_old_name(cls, method: object) -> object:
        return "official" if method == "publisher" else method  # its name before version 0.2

    @model_validator(mode="after")
    def _leave_something_to_learn_from(self) -> "Split":
        if self.validation_share + self.test_share >= 1:
            raise ValueError(
                f"validation_share + test_share is {self.validation_share + self.test_share:g}: "
                "they must leave something to train on"
            )
        return self


class Mel(Section):
    """The patches of log-mel."""

    front_ends: Annotated[Names, among(FRONT_ENDS)]
    dtype: Literal["float16", "float32"]


class Descriptors(Section):
    """The hand-made features."""

    sets: Annotated[Names, among(DESCRIPTORS)]
    sample_rate: Annotated[int, Field(ge=4000)]

    @model_validator(mode="after")
    def _have_a_rate_for_all_sets(self) -> "Descriptors":
        for name in self.sets:
            if self.sample_rate < DESCRIPTORS[name]:
                raise ValueError(
                    f"sample_rate is {self.sample_rate}: the set {name} needs at least "
                    f"{DESCRIPTORS[name]}"
                )
        return self


class Weights(Section):
    """What each network starts from: random, the name of published weights, or a file."""

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
        """What a network starts from."""
        return str(getattr(self, backbone))


class Embed(Section):
    """Frozen backbones."""

    backbones: Annotated[Names, among(BACKBONES)]
    precision: Precision


class Finetune(Section):
    """Networks trained on the sound itself."""

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
    def _augment_only_what_passes_the_convolutions(self) -> "Finetune":
        for name in ("spec_augment", "time_shift"):
            if getattr(self, name) and self.trainable != "all":
                raise ValueError(
                    f"{name} is {getattr(self, name):g} and trainable is {self.trainable!r}: it "
                    "needs trainable: all (the others train on stored features)"
                )
        return self


class Evaluate(Section):
    """How sure a score is, what is averaged into the ensemble, and what only repeats others."""

    reproductions: Annotated[tuple[Name, ...], each_once]

    ensemble: Annotated[tuple[Literal["embedding", "finetune", "descriptors"], ...], each_once]

    confidence: Share
    n_resamples: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]


class Promote(Section):
    """Who may become champion, and how sure one must be."""

    approaches: Annotated[
        tuple[Literal["embedding", "finetune", "descriptors", "ensemble"], ...],
        Field(min_length=1),
        each_once,
    ]
    confidence: Share


class Predict(Section):
    """What an answer promises, and when it is called unknown."""

    coverage: Share
    accept: Share


def _place(scheduler: str) -> str:
    if not re.fullmatch(r"local|tcp://.+:\d+", scheduler):
        raise ValueError("it must be null, local or tcp://HOST:PORT")
    return scheduler


class Compute(Section):
    """How the work is spread, over this machine or a cluster."""

    workers: PositiveInt | None
    scheduler: Annotated[str, AfterValidator(_place)] | None
