"""Fitted scikit-learn pipelines on disk, without pickle and with reproducible bytes."""

import io
import itertools
import re
import zipfile
from pathlib import Path

import skops.io
from sklearn.pipeline import Pipeline

from genre_pred.core.files import atomic_write

# Types beyond skops' own list; each keeps its state in arrays and numbers, not in code.
TRUSTED = [
    "genre_pred.training.classical.kernel_svc.KernelSVC",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
]
BEFORE_0_2 = b'"genre_pred.classical.kernel_svc"', b'"genre_pred.training.classical.kernel_svc"'
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
IDENTITY = re.compile(r'("is_json": true,\s+)?"__id__": (\d+)|"file": "([^"]+)"')


def save_pipeline(pipeline: Pipeline, path: Path) -> None:
    """Write a fitted pipeline.

    skops numbers objects by their memory address, and a zip file stores dates. Both are replaced,
    so that equal pipelines give equal bytes and DVC sees no false change.
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
    """Read a fitted pipeline; skops refuses types that are not in TRUSTED."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if BEFORE_0_2[0] not in members.get("schema.json", b""):
        return skops.io.load(path, trusted=TRUSTED)
    # Version 0.1 kept the same class in another module.
    members["schema.json"] = members["schema.json"].replace(*BEFORE_0_2)
    renamed = io.BytesIO()
    with zipfile.ZipFile(renamed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return skops.io.loads(renamed.getvalue(), trusted=TRUSTED)


def _numbered(schema: str) -> tuple[str, dict[str, str]]:
    """Number objects and files in order of appearance: the schema, and old -> new file names."""
    identities: dict[str, int] = {}
    names: dict[str, str] = {}
    count = itertools.count()

    def new(match: re.Match[str]) -> str:
        scalar, identity, name = match.groups()
        if name:
            names.setdefault(name, f"{len(names):04d}{Path(name).suffix}")
            return f'"file": "{names[name]}"'
        # Scalars share an object or not depending on the process they were made in.
        if scalar:
            return f'{scalar}"__id__": {next(count)}'
        if identity not in identities:
            identities[identity] = next(count)
        return f'"__id__": {identities[identity]}'

    return IDENTITY.sub(new, schema), names
