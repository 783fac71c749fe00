"""The classifiers of feature tables by name, from scikit-learn and XGBoost.

Earlier work compared fourteen of them on VGGish embeddings and on FMA's features, with other
settings: logistic_regression C = 1, random_forest 100 trees, xgboost 10 rounds, no seed.
extra_trees was the best on GTZAN's table.
"""

from collections.abc import Callable

from sklearn.base import ClassifierMixin
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from genre_pred.config.classical import Classical
from genre_pred.training.classical.kernel_svc import KernelSVC


def _svc_rbf(settings: Classical) -> ClassifierMixin:
    return KernelSVC(**settings.svc_rbf.model_dump())


def _svc_poly(settings: Classical) -> ClassifierMixin:
    return KernelSVC("poly", **settings.svc_poly.model_dump())


def _svc_linear(settings: Classical) -> ClassifierMixin:
    return KernelSVC("linear", **settings.svc_linear.model_dump())


def _linear_svc(settings: Classical) -> ClassifierMixin:
    return LinearSVC(**settings.linear_svc.model_dump(), random_state=settings.seed)


def _logistic_regression(settings: Classical) -> ClassifierMixin:
    return LogisticRegression(**settings.logistic_regression.model_dump())


def _knn(settings: Classical) -> ClassifierMixin:
    # Brute force: in this many dimensions a search tree is slower, and is one more trusted type.
    return KNeighborsClassifier(**settings.knn.model_dump(), algorithm="brute")


def _decision_tree(settings: Classical) -> ClassifierMixin:
    return DecisionTreeClassifier(**settings.decision_tree.model_dump(), random_state=settings.seed)


def _random_forest(settings: Classical) -> ClassifierMixin:
    return RandomForestClassifier(**settings.random_forest.model_dump(), random_state=settings.seed)


def _extra_trees(settings: Classical) -> ClassifierMixin:
    return ExtraTreesClassifier(**settings.extra_trees.model_dump(), random_state=settings.seed)


def _adaboost(settings: Classical) -> ClassifierMixin:
    return AdaBoostClassifier(**settings.adaboost.model_dump(), random_state=settings.seed)


def _xgboost(settings: Classical) -> ClassifierMixin:
    from xgboost import XGBClassifier  # slow to import, and no other classifier needs it

    return XGBClassifier(
        **settings.xgboost.model_dump(), random_state=settings.seed, tree_method="hist", n_jobs=1
    )


def _mlp(settings: Classical) -> ClassifierMixin:
    return MLPClassifier(**settings.mlp.model_dump(), random_state=settings.seed)


def _mlp_deep(settings: Classical) -> ClassifierMixin:
    return MLPClassifier(**settings.mlp_deep.model_dump(), random_state=settings.seed)


def _naive_bayes(settings: Classical) -> ClassifierMixin:
    return GaussianNB(**settings.naive_bayes.model_dump())


def _qda(settings: Classical) -> ClassifierMixin:
    return QuadraticDiscriminantAnalysis(**settings.qda.model_dump())


CLASSIFIERS: dict[str, Callable[[Classical], ClassifierMixin]] = {
    "svc_rbf": _svc_rbf,
    "svc_poly": _svc_poly,
    "svc_linear": _svc_linear,
    "linear_svc": _linear_svc,
    "logistic_regression": _logistic_regression,
    "knn": _knn,
    "decision_tree": _decision_tree,
    "random_forest": _random_forest,
    "extra_trees": _extra_trees,
    "adaboost": _adaboost,
    "xgboost": _xgboost,
    "mlp": _mlp,
    "mlp_deep": _mlp_deep,
    "naive_bayes": _naive_bayes,
    "qda": _qda,
    "majority": lambda _: DummyClassifier(strategy="prior"),
}
