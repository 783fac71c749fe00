"""The section `classical` of params.yaml: feature sets under classifiers and their settings."""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from genre_pred.config.section import Name, Names, Section, SomeNames, only_known
from genre_pred.core.errors import unknown_name

# Values to try, by setting.
Grid = Annotated[dict[Name, Annotated[tuple[Any, ...], Field(min_length=1)]], Field(min_length=1)]


class SvcRbf(Section):
    """Support vectors with a Gaussian kernel."""

    C: PositiveFloat
    gamma: Literal["scale", "auto"] | PositiveFloat


class SvcPoly(Section):
    """Support vectors with a polynomial kernel."""

    C: PositiveFloat
    degree: PositiveInt


class SvcLinear(Section):
    """Support vectors with a linear kernel, one genre against one other."""

    C: PositiveFloat


class LinearSvc(Section):
    """A linear separation of each genre from all others."""

    C: PositiveFloat
    max_iter: PositiveInt


class LogisticRegression(Section):
    """A linear classifier; C is the inverse of its regularisation."""

    C: PositiveFloat
    max_iter: PositiveInt


class Knn(Section):
    """The nearest training clips vote."""

    n_neighbors: PositiveInt


class DecisionTree(Section):
    """One tree of decisions."""

    max_depth: PositiveInt | None


class Forest(Section):
    """A forest of decision trees."""

    n_estimators: PositiveInt
    max_depth: PositiveInt | None


class AdaBoost(Section):
    """Stumps, each minding what those before it got wrong."""

    n_estimators: PositiveInt
    learning_rate: PositiveFloat


class XGBoost(Section):
    """Boosted trees."""

    n_estimators: PositiveInt
    max_depth: PositiveInt
    learning_rate: PositiveFloat


class Mlp(Section):
    """A network of fully connected layers."""

    hidden_layer_sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    alpha: Annotated[float, Field(ge=0)]
    max_iter: PositiveInt


class NaiveBayes(Section):
    """A Gaussian for each feature and genre, as if features were independent."""

    var_smoothing: PositiveFloat


class Qda(Section):
    """A Gaussian with a covariance of its own for each genre."""

    reg_param: Annotated[float, Field(ge=0, le=1)]


class Classical(Section):
    """Feature sets under classifiers."""

    features: Names
    classifiers: SomeNames
    pca_components: PositiveInt
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

    @field_validator("classifiers")
    @classmethod
    def _know_the_classifiers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return only_known(names, cls.known())

    @classmethod
    def known(cls) -> dict[str, type[Section]]:
        """The classifiers by name, each with its settings: all that have a section here."""
        parts = {name: field.annotation for name, field in cls.model_fields.items()}
        return {
            name: part
            for name, part in parts.items()
            if isinstance(part, type) and issubclass(part, Section)
        }

    @model_validator(mode="after")
    def _search_what_there_is(self) -> "Classical":
        for classifier, grid in self.search.items():
            if classifier not in self.known():
                raise ValueError(f"search names {unknown_name(classifier, self.known())}")
            section = getattr(self, classifier)
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
