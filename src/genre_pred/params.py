"""params.yaml as frozen, strict sections; the only reader of that file.

There are no defaults here: what is not in the file is an error, and so are an unknown key and an
impossible value. Each library function takes its own section, never the whole.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.faults import Fault


def _stay_inside_or_be_absolute(path: str) -> str:
    # A queued experiment runs in a copy of the repository, where ../music is another place.
    if ".." in Path(path).parts:
        raise ValueError("give an absolute path, or one inside this repository")
    return path


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("name each only once")
    return names


Positive = Annotated[int, Field(gt=0)]
Above0 = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
PartOrNone = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], AfterValidator(_each_once)]
SomeNames = Annotated[Names, Field(min_length=1)]
Place = Annotated[str, Field(min_length=1), AfterValidator(_stay_inside_or_be_absolute)]
Precision = Literal["float32", "bfloat16"]
# Values to try, by setting.
Grid = Annotated[dict[Name, Annotated[tuple[Any, ...], Field(min_length=1)]], Field(min_length=1)]


class ParamsError(Fault):
    """Something in params.yaml is missing, unknown or impossible."""


class Section(BaseModel):
    """A section of params.yaml: frozen, and strict about its keys and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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

    front_ends: Names
    dtype: Literal["float16", "float32"]


class Descriptors(Section):
    """The hand-made features."""

    sets: Names
    sample_rate: Annotated[int, Field(ge=4000)]


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

    backbones: Names
    precision: Precision


class SvcRbf(Section):
    """Support vectors with a Gaussian kernel."""

    C: Above0
    gamma: Literal["scale", "auto"] | Above0


class SvcPoly(Section):
    """Support vectors with a polynomial kernel."""

    C: Above0
    degree: Positive


class SvcLinear(Section):
    """Support vectors with a linear kernel, one genre against one other."""

    C: Above0


class LinearSvc(Section):
    """A linear separation of each genre from all others."""

    C: Above0
    max_iter: Positive


class LogisticRegression(Section):
    """A linear classifier; C is the inverse of its regularisation."""

    C: Above0
    max_iter: Positive


class Knn(Section):
    """The nearest training clips vote."""

    n_neighbors: Positive


class DecisionTree(Section):
    """One tree of decisions."""

    max_depth: Positive | None


class Forest(Section):
    """A forest of decision trees."""

    n_estimators: Positive
    max_depth: Positive | None


class AdaBoost(Section):
    """Stumps, each minding what those before it got wrong."""

    n_estimators: Positive
    learning_rate: Above0


class XGBoost(Section):
    """Boosted trees."""

    n_estimators: Positive
    max_depth: Positive
    learning_rate: Above0


class Mlp(Section):
    """A network of fully connected layers."""

    hidden_layer_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)]
    alpha: Annotated[float, Field(ge=0)]
    max_iter: Positive


class NaiveBayes(Section):
    """A Gaussian for each feature and genre, as if features were independent."""

    var_smoothing: Above0


class Qda(Section):
    """A Gaussian with a covariance of its own for each genre."""

    reg_param: Annotated[float, Field(ge=0, le=1)]


class Classical(Section):
    """Feature sets under classifiers."""

    features: SomeNames
    classifiers: SomeNames
    pca_components: Positive
    seed: Annotated[int, Field(ge=0)]
    search: dict[Name, Grid]
    search_folds: Annotated[int, Field(ge=2)]
    svc_rbf: SvcRbf
    svc_poly: SvcPoly
    svc_linear: SvcLinear
    linear_svc: LinearSvc
    logistic_regression: LogisticRegression
    knn: Knn
    decision_tree: DecisionTree
    random_forest: Forest
    extra_trees: Forest
    adaboost: AdaBoost
    xgboost: XGBoost
    mlp: Mlp
    mlp_deep: Mlp
    naive_bayes: NaiveBayes
    qda: Qda

    @model_validator(mode="after")
    def _search_what_there_is(self) -> "Classical":
        sections = {name: part for name, part in self if isinstance(part, Section)}
        for classifier, grid in self.search.items():
            if classifier not in sections:
                known = ", ".join(sorted(sections))
                raise ValueError(f"search names {classifier!r}; known are {known}")
            section = sections[classifier]
            for setting, values in grid.items():
                where = f"search.{classifier}.{setting}"
                if setting not in type(section).model_fields:
                    known = ", ".join(type(section).model_fields)
                    raise ValueError(f"{where} is not a setting; known are {known}")
                for value in values:
                    try:
                        changed = json.dumps(section.model_dump() | {setting: value})
                        type(section).model_validate_json(changed, strict=True)
                    except ValidationError as error:
                        wrong = error.errors()[0]["msg"]
                        raise ValueError(f"{where} names {value!r}: {wrong}") from None
        return self


class Finetune(Section):
    """Networks trained on the sound itself."""

    networks: Names
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

    reproductions: Annotated[tuple[Name, ...], AfterValidator(_each_once)]

    ensemble: Annotated[
        tuple[Literal["embedding", "finetune", "descriptors"], ...], AfterValidator(_each_once)
    ]

    confidence: Share
    n_resamples: Annotated[int, Field(ge=100)]
    seed: Annotated[int, Field(ge=0)]


class Promote(Section):
    """Who may become champion, and how sure one must be."""

    approaches: Annotated[
        tuple[Literal["embedding", "finetune", "descriptors", "ensemble"], ...],
        Field(min_length=1),
        AfterValidator(_each_once),
    ]
    confidence: Share


class Compute(Section):
    """How the work is spread, over this machine or a cluster."""

    workers: Positive | None
    scheduler: Annotated[str, Field(pattern=r"^(local|tcp://.+:\d+)$")] | None


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
    compute: Compute


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Args:
        path: The file.

    Returns:
        Its sections.

    Raises:
        ParamsError: With a line for each thing that is wrong: key, value, what is allowed.
    """
    if not path.is_file():
        raise ParamsError(f"{path} is missing: run from the repository's top folder")
    try:
        written = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from error
    try:
        # By way of JSON, the strict mode takes lists for tuples but no "8" for 8; a name that
        # YAML takes for a date is its text again.
        return Params.model_validate_json(json.dumps(written, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(_for_people(path, error)) from None


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


def _for_people(path: Path, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        wrong = problem["msg"].removeprefix("Value error, ")
        match problem["type"]:
            case "missing":
                lines.append(f"{path}: {key} is missing")
            case "extra_forbidden":
                lines.append(f"{path}: {key} is not a setting; is it misspelt?")
            case "value_error" if isinstance(problem["input"], dict):  # its text has the values
                lines.append(f"{path}: {key}: {wrong}")
            case _:
                # Of a setting with alternatives pydantic adds which of them it tried.
                key = ".".join(p for p in key.split(".") if p.isidentifier() or p.isdigit()) or key
                lines.append(f"{path}: {key} is {problem['input']!r}: {wrong}")
    return "\n".join(lines)
