"""Recipes: published systems as settings of this pipeline, one file each in recipes/.

A recipe holds the settings that differ from params.yaml; its first comment names the system. It
runs as a DVC experiment, so that its results are comparable with all others.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.config.params import Params, read_params
from genre_pred.core.errors import UserError

RECIPES = Path("recipes")
EXP_RUN = ("dvc", "exp", "run")
PLACE = "data.path:"
SEARCH = "classical.search"  # a mapping as a value; keys may be added to it
FINETUNE_LISTS = ("networks", "pictures", "embed")  # settings that all approaches read


def recipe_names(folder: Path = RECIPES) -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def describe(name: str, folder: Path = RECIPES) -> str:
    """The first comment of a recipe, in one line, without its lines on data.path.

    Raises:
        UserError: If there is no such recipe.
    """
    return " ".join(line for line in _comment(name, folder) if not line.startswith(PLACE))


def missing_data(name: str, path: Path, folder: Path = RECIPES) -> str | None:
    """Describe the data that a recipe needs, if data.path is missing or empty.

    Args:
        name: The recipe, whose first comment describes its data.
        path: The value of data.path.
        folder: The folder of recipes.

    Returns:
        A sentence; None if there are data, or they can be downloaded.
    """
    needs = [line for line in _comment(name, folder) if line.startswith(PLACE)]
    if path.is_file() or (path.is_dir() and not needs):
        return None
    files = path.iterdir() if path.is_dir() else ()
    if any(file.name != "README.md" and not file.name.startswith(".") for file in files):
        return None
    state = "is empty" if path.exists() else "does not exist"
    if not needs:
        return f"data.path is {path}, which {state}: leave data.path out to download the data"
    needed = needs[0].removeprefix(PLACE).strip()
    return f"recipe {name} needs -S data.path=PATH: {needed} ({path} {state})"


def read_recipe(name: str, folder: Path = RECIPES) -> dict[str, Any]:
    """Read a recipe's settings.

    Args:
        name: The name, without suffix.
        folder: The folder of recipes.

    Returns:
        Dotted keys of params.yaml and their values.

    Raises:
        UserError: If there is no such recipe, or it is not a mapping.
    """
    path = _path(name, folder)
    try:
        written = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(written, Mapping):
        raise UserError(f"{path} must hold settings of params.yaml")
    return dict(_dotted(written))


def experiment(name: str, settings: Mapping[str, Any], changes: Sequence[str] = ()) -> list[str]:
    """The command that runs settings as an experiment.

    Args:
        name: The name of the recipe.
        settings: Dotted keys of params.yaml and their values.
        changes: Further KEY=VALUE, which override settings with the same key.

    Returns:
        The words of dvc exp run -S KEY=VALUE ...
    """
    changed = {_key(change) for change in changes}
    kept = {key: value for key, value in settings.items() if key not in changed}
    further = [word for change in changes for word in ("-S", change)]
    return [*EXP_RUN, "--message", name, *_overrides(kept), *further]


def params_with(
    settings: Mapping[str, Any], changes: Sequence[str] = (), path: Path = Path("params.yaml")
) -> Params:
    """The params of an experiment before it runs; params.yaml is not changed.

    Args:
        settings: Dotted keys of params.yaml and their values.
        changes: Further KEY=VALUE, as after -S.
        path: The path of params.yaml.

    Returns:
        The params that its stages will read.

    Raises:
        UserError: If a change cannot be read, or names no setting.
        ParamsError: If a value is impossible.
    """
    from dvc.utils.hydra import apply_overrides  # slow to import

    read_params(path)
    called = f"{path} with these settings"
    yaml = YAML(typ="safe")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        # Without comments: DVC keeps them, but misplaces them after several changes.
        yaml.dump(yaml.load(path), copy)
        apply_overrides(copy, _overrides(settings)[1::2])
        for change in changes:
            _apply(change, copy, called)
        return read_params(copy, called=called)


def relevant_settings(model: str, approach: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings of a run that can affect a model.

    Args:
        model: The name on the leaderboard: FEATURES/CLASSIFIER or finetune/NETWORK.
        approach: Its approach.
        settings: Dotted keys of params.yaml and their values.

    Returns:
        The settings that the model reads, and those that the pipeline needs to run (what to
        train and compute).
    """
    classifier = model.rpartition("/")[2]

    def read(key: str) -> bool:
        section, *rest = key.split(".")
        if section in ("promote", "predict", "compute"):
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
    """Add settings to a command `dvc exp run -S ...`; its own settings take precedence.

    Args:
        command: The command on the leaderboard.
        settings: Dotted keys of params.yaml and their values.
    """
    own = shlex.split(command)[len(EXP_RUN) :]
    keys = {_key(word) for word in own}
    further = {key: value for key, value in settings.items() if key not in keys}
    return shlex.join([*EXP_RUN, *_overrides(further), *own])


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    words = []
    for key, value in settings.items():
        # Hydra sets existing keys only, also within a mapping; ++ adds missing ones.
        force = "++" if isinstance(value, Mapping) else ""
        words += ["-S", f"{force}{key}={_in_hydra(value)}"]
    return words


def _key(change: str) -> str:
    return change.partition("=")[0].lstrip("+~")


def _apply(change: str, path: Path, called: str) -> None:
    """Apply a change to a params file as `dvc exp run -S` does; explain why it does not apply."""
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides

    _check_form(change)
    try:
        apply_overrides(path, [change])
    except InvalidArgumentError as error:
        if not change.startswith(("+", "~")):  # Hydra does not know the key
            with suppress(InvalidArgumentError):
                apply_overrides(path, [f"++{change}"])
                read_params(path, called=called)  # refuses a key that is no setting
                hint = f"to add a key, start with ++, as in ++{change}"
                raise UserError(f"-S {change}: {hint}") from error
        reason = str(error.__cause__).splitlines()[0]
        raise UserError(f"-S {change}: {reason}") from error


def _check_form(change: str) -> None:
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.errors import OverrideParseException

    try:
        [override] = to_hydra_overrides([change])
    except OverrideParseException as error:
        raise UserError(
            f"-S {change} is not KEY=VALUE; put a value that contains quotes, commas or brackets "
            f"""in quotes within the shell's quotes: -S "data.path='/my music, all'\""""
        ) from error
    if override.is_sweep_override():
        raise UserError(f"-S {change} gives several values: put a list in brackets, such as [a,b]")


def _comment(name: str, folder: Path) -> list[str]:
    lines = takewhile(
        lambda line: line.startswith("#"), _path(name, folder).read_text().splitlines()
    )
    return [line.removeprefix("#").strip() for line in lines]


def _path(name: str, folder: Path) -> Path:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(recipe_names(folder)) or f"none, because there is no folder {folder} here"
        raise UserError(f"there is no recipe {name!r}; known recipes: {known}")
    return path


def _dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and f"{above}{key}" != SEARCH:  # a section of params.yaml
            yield from _dotted(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _in_hydra(value: Any) -> str:
    """Write a value in Hydra's override syntax, which `dvc exp run -S` reads."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_in_hydra(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_in_hydra, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
