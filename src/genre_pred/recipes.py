"""Recipes: the systems of the field as settings of this pipeline, one file each in recipes/.

A recipe holds the settings that differ from params.yaml, and says in its first comment whose system
it is. It is run as a DVC experiment, so that its runs stand beside all others.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.faults import Fault

RECIPES = Path("recipes")
EXP_RUN = ("dvc", "exp", "run")
FINETUNE_LISTS = ("networks", "pictures", "embed")  # what is trained, and on what


def recipe_names(folder: Path = RECIPES) -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def describe(name: str, folder: Path = RECIPES) -> str:
    """The first comment of a recipe, in one line.

    Raises:
        Fault: If there is no such recipe.
    """
    lines = []
    for line in _path(name, folder).read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def read_recipe(name: str, folder: Path = RECIPES) -> dict[str, Any]:
    """Read a recipe's settings.

    Args:
        name: Without suffix.
        folder: Where recipes lie.

    Returns:
        Dotted keys of params.yaml and their values.

    Raises:
        Fault: If there is no such recipe, or it is not a mapping.
    """
    path = _path(name, folder)
    try:
        written = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise Fault(f"{path} is not valid YAML: {error}") from error
    if not isinstance(written, Mapping):
        raise Fault(f"{path} must hold settings of params.yaml")
    return dict(_dotted(written))


def experiment(name: str, settings: Mapping[str, Any]) -> list[str]:
    """The command that runs settings as an experiment.

    Returns:
        Its words: dvc exp run -S KEY=VALUE ...
    """
    return [*EXP_RUN, "--message", name, *_overrides(settings)]


def of_matter(model: str, approach: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the settings that a model does not read, though its run had them.

    Args:
        model: As on the leaderboard: FEATURES/CLASSIFIER or finetune/NETWORK.
        approach: Its approach.
        settings: Dotted keys of params.yaml and their values.

    Returns:
        Those that can matter, and those without which the pipeline would not run through (what is
        to be trained and computed).
    """
    classifier = model.rpartition("/")[2]

    def read(key: str) -> bool:
        section, *rest = key.split(".")
        if section in ("promote", "compute"):
            return False
        if approach == "ensemble":
            return True
        if section == "classical" and len(rest) > 1:  # of one classifier
            return rest[0] == classifier
        if section == "finetune" and rest[0] not in FINETUNE_LISTS:
            return approach == "finetune"
        return True

    return {key: value for key, value in settings.items() if read(key)}


def with_changes(command: str, settings: Mapping[str, Any]) -> str:
    """A command `dvc exp run -S ...` with further settings, where it does not say them itself.

    Args:
        command: As the leaderboard has it.
        settings: Dotted keys of params.yaml and their values.
    """
    said = shlex.split(command)[len(EXP_RUN) :]
    keys = {word.split("=")[0].lstrip("+") for word in said}
    further = {key: value for key, value in settings.items() if key not in keys}
    return shlex.join([*EXP_RUN, *_overrides(further), *said])


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    words = []
    for key, value in settings.items():
        # Hydra sets only keys that there are, those within a mapping too; ++ adds what is missing.
        force = "++" if isinstance(value, Mapping) else ""
        words += ["-S", f"{force}{key}={_in_hydra(value)}"]
    return words


def _path(name: str, folder: Path) -> Path:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(recipe_names(folder)) or f"none: there is no folder {folder} here"
        raise Fault(f"there is no recipe {name!r}; known are {known}")
    return path


def _dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        # classical.search is a mapping by itself; everything else is a section
        if isinstance(value, Mapping) and f"{above}{key}" != "classical.search":
            yield from _dotted(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _in_hydra(value: Any) -> str:
    """A value in the grammar of Hydra's overrides, which `dvc exp run -S` reads."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_in_hydra(it)}" for key, it in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_in_hydra, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
