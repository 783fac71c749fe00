"""The section `classical` of params.yaml: feature sets, classifiers and their settings."""

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

# Values to try, per setting.
Grid = Annotated[dict[Name, Annotated[tuple[Any, ...], Field(min_length=1)]], Field(min_length=1)]


class SvcRbf(Section):
    """A support vector machine with a Gaussian (RBF) kernel."""

    C: PositiveFloat
    gamma: Literal["scale", "auto"] | PositiveFloat


class SvcPoly(Section):
    """A support vector machine with a polynomial kernel."""

    C: PositiveFloat
    degree: PositiveInt


class SvcLinear(Section):
    """A support vector machine with a linear kernel, one-vs-one."""

    C: PositiveFloat


class LinearSvc(Section):
    """A linear support vector machine, one-vs-rest."""

    C: PositiveFloat
    max_iter: PositiveInt


class LogisticRegression(Section):
    """Logistic regression; C is the inverse of the regularisation strength."""

    C: PositiveFloat
    max_iter: PositiveInt


class Knn(Section):
    """k nearest neighbours."""

    n_neighbors: PositiveInt


class DecisionTree(Section):
    """A single decision tree."""

    max_depth: PositiveInt | None


class Forest(Section):
    """A forest of decision trees."""

    n_estimators: PositiveInt
    max_depth: PositiveInt | None


class AdaBoost(Section):
    """AdaBoost over decision stumps."""

    n_estimators: PositiveInt
    learning_rate: PositiveFloat


class XGBoost(Section):
    """Gradient-boosted trees."""

    n_estimators: PositiveInt
    max_depth: PositiveInt
    learning_rate: PositiveFloat


class Mlp(Section):
    """A multilayer perceptron."""

    hidden_layer_sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    alpha: Annotated[float, Field(ge=0)]
    max_iter: PositiveInt


class NaiveBayes(Section):
    """Gaussian naive Bayes."""

    var_smoothing: PositiveFloat


class Qda(Section):
    """Quadratic discriminant analysis: a Gaussian with its own covariance per genre."""

    reg_param: Annotated[float, Field(ge=0, le=1)]


class Classical(Section):
    """Every feature set is trained with every classifier."""

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
    def _check_classifiers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return only_known(names, cls.known())

    @classmethod
    def known(cls) -> dict[str, type[Section]]:
        """The classifiers by name, each with the class of its settings."""
        annotations = {name: field.annotation for name, field in cls.model_fields.items()}
        return {
            name: section
            for name, section in annotations.items()
            if isinstance(section, type) and issubclass(section, Section)
        }

    @model_validator(mode="after")
    def _check_search(self) -> "Classical":
        for classifier, grid in self.search.items():
            if classifier not in self.known():
                raise ValueError(f"search names {unknown_name(classifier, self.known())}")
            section = getattr(self, classifier)
            for setting, values in grid.items():
                key = f"search.{classifier}.{setting}"
                if setting not in type(section).model_fields:
                    known = ", ".join(type(section).model_fields)
                    raise ValueError(f"{key} is not a setting; known are {known}")
                for value in values:
                    try:
                        changed = json.dumps(section.model_dump() | {setting: value})
                        type(section).model_validate_json(changed, strict=True)
                    except ValidationError as error:
                        reason = error.errors()[0]["msg"]
                        raise ValueError(f"{key} names {value!r}: {reason}") from None
        return self
