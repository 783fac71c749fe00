"""params.yaml as frozen, strict sections; the only reader of that file.

There are no defaults here: what is not in the file is an error, and so are an unknown key and an
impossible value. Each library function takes its own section, never the whole.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.classifier_params import Classical
from genre_pred.faults import Fault, unknown
from genre_pred.names import (
    BACKBONES,
    DESCRIPTORS,
    FEATURES,
    FRONT_ENDS,
    NETWORKS,
    PICTURES,
    SPECTROGRAMS,
)
from genre_pred.section import (
    Name,
    Names,
    PartOrNone,
    Place,
    Positive,
    Precision,
    Section,
    Share,
    among,
    each_once,
)


class ParamsError(Fault):
    """Something in params.yaml is missing, unknown or impossible."""


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
    clips_per_artist: Positive


class Clip(Section):
    """The excerpt that stands for a track, in seconds."""

    min_seconds: Annotated[float, Field(gt=0)]
    clip_seconds: Annotated[float, Field(ge=1)]
    windows_per_track: Positive


class Clean(Section):
    """What is rejected."""

    min_rms_db: Annotated[float, Field(lt=0)]
    max_rejected: Annotated[float, Field(ge=0, le=1)]


class Split(Section):
    """Who is learnt from, who chooses, who judges."""

    method: Literal["publisher", "grouped", "stratified", "folds"]
    validation_share: Share
    test_share: Share
    n_folds: Annotated[int, Field(ge=2)]
    seed: Annotated[int, Field(ge=0)]

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
    hidden: Positive
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "one_cycle"]
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: Positive
    epochs: Positive
    patience: Positive
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

    workers: Positive | None
    scheduler: Annotated[str, AfterValidator(_place)] | None


class Params(Section):
    """The whole of params.yaml."""

    data: Data
    demo: Demo
    clip: Clip
    clean: Clean
    split: Split
    mel: Mel
    descriptors: Descriptors
    weights: Weights
    embed: Embed
    classical: Classical
    finetune: Finetune
    evaluate: Evaluate
    promote: Promote
    predict: Predict
    compute: Compute

    @property
    def starts(self) -> dict[str, str]:
        """What each network that will be run starts from, by its name in `weights`."""
        # Of a collection without sound there is nothing for frozen backbones.
        backbones = () if self.data.source == "precomputed" else self.embed.backbones
        names = dict.fromkeys([*backbones, *self.finetune.networks])
        return {name: self.weights.of(name) for name in names if name in Weights.model_fields}

    @model_validator(mode="after")
    def _ask_for_what_is_needed(self) -> "Params":
        unmet = [*_unmet_by_networks(self), *_unmet_by_features(self)]
        if unmet:
            raise ValueError("\n".join(unmet))
        return self


def read_params(path: Path = Path("params.yaml"), called: str | None = None) -> Params:
    """Read and check params.yaml.

    Args:
        path: The file.
        called: What faults call it, if not by its path.

    Returns:
        Its sections.

    Raises:
        ParamsError: With a line for each thing that is wrong: key, value, what is allowed.
    """
    called = called or str(path)
    if not path.is_file():
        raise ParamsError(f"{called} is missing: run from the repository's top folder")
    try:
        written = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ParamsError(f"{called} is not valid YAML: {error}") from error
    try:
        # By way of JSON, the strict mode takes lists for tuples but no "8" for 8; a name that
        # YAML takes for a date is its text again.
        return Params.model_validate_json(json.dumps(written, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(_for_people(called, error)) from None


def changed_settings(before: str, after: str) -> dict[str, Any]:
    """What has to be said to `dvc exp run -S` to come from one params.yaml to another.

    Args:
        before: The text of the one.
        after: The text of the other.

    Returns:
        Dotted keys and their values in the other.
    """
    yaml = YAML(typ="safe")
    return dict(_changed(yaml.load(before) or {}, yaml.load(after) or {}))


def _changed(before: Mapping, after: Mapping, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in after.items():
        name, old = f"{above}{key}", before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and name != "classical.search":
            yield from _changed(old, value, f"{name}.")
        elif old != value:
            yield name, value


def _unmet_by_networks(params: Params) -> Iterator[str]:
    """What backbones and networks need and other sections do not give."""
    computed, finetune = params.data.source == "precomputed", params.finetune
    for name in params.embed.backbones:
        # A collection without sound has nothing that they could hear, and embed passes.
        if not computed and BACKBONES[name] not in params.mel.front_ends:
            yield f"embed.backbones names {name!r}: add {BACKBONES[name]!r} to mel.front_ends"
    for name in finetune.networks:
        on_pictures = NETWORKS[name] == PICTURES
        front_end = finetune.pictures if on_pictures else NETWORKS[name]
        if computed and not on_pictures:
            yield (
                f"finetune.networks names {name!r}, which needs sound, and data.source is "
                "'precomputed': take it out (finetune.networks=[] trains none)"
            )
        elif computed == (front_end in FRONT_ENDS):
            instead = "'spectrograms' or 'images'" if computed else repr(PICTURES)
            yield (
                f"finetune.networks names {name!r}, finetune.pictures is {front_end!r} and "
                f"data.source {params.data.source!r}: set finetune.pictures to {instead}, or take "
                "it out (finetune.networks=[] trains none)"
            )
        elif not computed and front_end not in params.mel.front_ends:
            yield f"finetune.networks names {name!r}: add {front_end!r} to mel.front_ends"
    if finetune.embed and params.split.method == "folds":
        yield (
            "finetune.embed is True and split.method 'folds', where each fold has a network of its "
            "own: set finetune.embed to false"
        )


def _unmet_by_features(params: Params) -> Iterator[str]:
    """What feature sets need and other sections do not give."""
    if params.data.source == "precomputed":
        return  # what it brings has names of its own, which classical_train knows
    given = {
        "mel.front_ends": params.mel.front_ends,
        "descriptors.sets": params.descriptors.sets,
        "embed.backbones": params.embed.backbones,
    }
    for name in params.classical.features:
        said = f"classical.features names {name!r}"
        trained = re.fullmatch(r"(.+)_finetuned(_pca)?", name)
        if trained and trained[1] in NETWORKS:
            if trained[1] not in params.finetune.networks:
                yield f"{said}: add {trained[1]!r} to finetune.networks"
            if params.split.method == "folds":
                yield f"{said}: with folds each fold has a network of its own: take it out"
            elif not params.finetune.embed:
                yield f"{said}: set finetune.embed to true"
            continue
        if name not in FEATURES:
            known = f"{unknown(name, FEATURES)}, NETWORK_finetuned, NETWORK_finetuned_pca"
            yield f"classical.features names {known}"
            continue
        key, needed = FEATURES[name]
        if needed == SPECTROGRAMS:
            yield f"{said}, which needs the spectrograms of data.source 'precomputed'"
        elif needed not in given[key]:
            yield f"{said}: add {needed!r} to {key}"


def _for_people(path: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        wrong = problem["msg"].removeprefix("Value error, ")
        match problem["type"]:
            case "missing":
                lines.append(f"{path}: {key} is missing")
            case "extra_forbidden":
                lines.append(f"{path}: {key} is not a setting; is it misspelt?")
            case "value_error" if not problem["loc"]:
                lines += [f"{path}: {line}" for line in wrong.splitlines()]
            case "value_error" if isinstance(problem["input"], dict):  # its text has the values
                lines.append(f"{path}: {key}: {wrong}")
            case _:
                # Of a setting with alternatives pydantic adds which of them it tried.
                key = ".".join(p for p in key.split(".") if p.isidentifier() or p.isdigit()) or key
                lines.append(f"{path}: {key} is {problem['input']!r}: {wrong}")
    return "\n".join(lines)
