"""Fitted scikit-learn pipelines on disk: no pickle, and the same pipeline gives the same bytes."""

import itertools
import re
import zipfile
from pathlib import Path

import skops.io
from sklearn.pipeline import Pipeline

from genre_pred.core.files import atomic_write

# Beyond what skops trusts by itself; each keeps its state in arrays and numbers, not in code.
TRUSTED = [
    "genre_pred.training.classical.kernel_svc.KernelSVC",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
]
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
IDENTITY = re.compile(r'("is_json": true,\s+)?"__id__": (\d+)|"file": "([^"]+)"')


def save_pipeline(pipeline: Pipeline, path: Path) -> None:
    """Write a fitted pipeline.

    skops numbers objects by their place in memory, and a zip carries dates: here both are
    replaced, so that DVC sees a change only where there is one.
    """
    with atomic_write(path) as temporary:
        skops.io.dump(pipeline, temporary)
        with zipfile.ZipFile(temporary) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        schema = members.pop("schema.json").decode()
        schema, names = _numbered(schema)
        renamed = {names[name]: content for name, content in members.items()}
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in [("schema.json", schema.encode()), *sorted(renamed.items())]:
                entry = zipfile.ZipInfo(name, FIXED_DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)


def load_pipeline(path: Path) -> Pipeline:
    """Read a fitted pipeline; what is in the file is checked against a list of trusted types."""
    return skops.io.load(path, trusted=TRUSTED)


def _numbered(schema: str) -> tuple[str, dict[str, str]]:
    """The schema with objects and files numbered as they come; the files' new names by the old."""
    identities: dict[str, int] = {}
    names: dict[str, str] = {}
    count = itertools.count()

    def new(found: re.Match) -> str:
        scalar, identity, name = found.groups()
        if name:
            names.setdefault(name, f"{len(names):04d}{Path(name).suffix}")
            return f'"file": "{names[name]}"'
        # Whether two scalars are one object depends on whether they came from another process.
        if scalar:
            return f'{scalar}"__id__": {next(count)}'
        if identity not in identities:
            identities[identity] = next(count)
        return f'"__id__": {identities[identity]}'

    return IDENTITY.sub(new, schema), names
