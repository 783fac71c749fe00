"""Recipes: the systems of the field as settings of this pipeline, one file each in recipes/.

A recipe holds the settings that differ from params.yaml, and says in its first comment whose system
it is. It is run as a DVC experiment, so that its runs stand beside all others.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.config.params import Params, read_params
from genre_pred.core.errors import UserError, unknown_name

RECIPES = Path("recipes")
EXP_RUN = ("dvc", "exp", "run")
PLACE = "data.path:"
SEARCH = "classical.search"  # a mapping by itself, where keys may be added
FINETUNE_LISTS = ("networks", "pictures", "embed")  # what is trained, and on what


def recipe_names(folder: Path = RECIPES) -> list[str]:
    """The names of all recipes."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def describe(name: str, folder: Path = RECIPES) -> str:
    """The first comment of a recipe, in one line, without what its data.path must hold.

    Raises:
        UserError: If there is no such recipe.
    """
    return " ".join(line for line in _comment(name, folder) if not line.startswith(PLACE))


def what_is_missing(name: str, place: Path, folder: Path = RECIPES) -> str | None:
    """What must lie at data.path for a recipe, where nothing lies there.

    Args:
        name: Of the recipe, whose first comment says what it needs.
        place: That data.path names.
        folder: Where recipes lie.

    Returns:
        A sentence; None where something is there, or what is missing can be fetched.
    """
    told = [line for line in _comment(name, folder) if line.startswith(PLACE)]
    if place.is_file() or (place.is_dir() and not told):
        return None
    files = place.iterdir() if place.is_dir() else ()
    if any(it.name != "README.md" and not it.name.startswith(".") for it in files):
        return None
    state = "is empty" if place.exists() else "is not there"
    if not told:
        return f"data.path is {place}, which {state}: without data.path it is downloaded"
    needed = told[0].removeprefix(PLACE).strip()
    return f"recipe {name} needs -S data.path=PATH: {needed} ({place} {state})"


def read_recipe(name: str, folder: Path = RECIPES) -> dict[str, Any]:
    """Read a recipe's settings.

    Args:
        name: Without suffix.
        folder: Where recipes lie.

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
        name: Of the recipe.
        settings: Dotted keys of params.yaml and their values.
        changes: Further KEY=VALUE, which take the place of the settings of the same key.

    Returns:
        Its words: dvc exp run -S KEY=VALUE ...
    """
    changed = {_key(change) for change in changes}
    kept = {key: value for key, value in settings.items() if key not in changed}
    further = [word for change in changes for word in ("-S", change)]
    return [*EXP_RUN, "--message", name, *_overrides(kept), *further]


def params_with(
    settings: Mapping[str, Any], changes: Sequence[str] = (), path: Path = Path("params.yaml")
) -> Params:
    """The params of an experiment that has not begun; params.yaml stays as it is.

    Args:
        settings: Dotted keys of params.yaml and their values.
        changes: Further KEY=VALUE, as behind -S.
        path: Of params.yaml.

    Returns:
        What its stages would read.

    Raises:
        UserError: If a change cannot be read, or names no setting.
        ParamsError: If a value is impossible.
    """
    from dvc.exceptions import InvalidArgumentError  # slow to import
    from dvc.utils.hydra import apply_overrides

    read_params(path)
    yaml = YAML(typ="safe")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        # Without its comments, which DVC keeps, and misplaces if it changes a file again and again.
        yaml.dump(yaml.load(path), copy)
        apply_overrides(copy, _overrides(settings)[1::2])
        for change in changes:
            _check_key(change, yaml.load(copy))
            try:
                apply_overrides(copy, [change])
            except InvalidArgumentError as error:
                raise UserError(
                    f"-S {change}: what adds keys begins with ++, as ++{change}"
                ) from error
        return read_params(copy, called=f"{path} with these settings")


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
    """A command `dvc exp run -S ...` with further settings, where it does not say them itself.

    Args:
        command: As the leaderboard has it.
        settings: Dotted keys of params.yaml and their values.
    """
    said = shlex.split(command)[len(EXP_RUN) :]
    keys = {_key(word) for word in said}
    further = {key: value for key, value in settings.items() if key not in keys}
    return shlex.join([*EXP_RUN, *_overrides(further), *said])


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    words = []
    for key, value in settings.items():
        # Hydra sets only keys that there are, those within a mapping too; ++ adds what is missing.
        force = "++" if isinstance(value, Mapping) else ""
        words += ["-S", f"{force}{key}={_in_hydra(value)}"]
    return words


def _key(change: str) -> str:
    return change.partition("=")[0].lstrip("+~")


def _check_key(change: str, written: Mapping[str, Any]) -> None:
    """Say what Hydra would say of a change in words of its own."""
    from dvc.utils.hydra import to_hydra_overrides
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import OverrideParseException

    try:
        [override] = to_hydra_overrides([change])
    except OverrideParseException as error:
        raise UserError(
            f"-S {change} is not KEY=VALUE; a value with quotes, commas or brackets of its own "
            f"""stands in quotes within those of the shell: -S "data.path='/my music, all'\""""
        ) from error
    if override.is_sweep_override():
        raise UserError(f"-S {change} gives several values: a list stands in brackets, as [a,b]")
    adds = override.type in (OverrideType.ADD, OverrideType.FORCE_ADD)
    where, section = "params.yaml", written
    for name in override.key_or_group.split("."):
        known = section if isinstance(section, Mapping) else {}
        if name not in known and adds:
            return  # whether it may be there, params say
        if name not in known:
            plus = f": to search there, begin with +, as +{change}" if where == SEARCH else ""
            raise UserError(f"-S {change}: {where} has no {unknown_name(name, known)}{plus}")
        where, section = f"{where}.{name}".removeprefix("params.yaml."), known[name]
    if override.type is OverrideType.ADD:
        raise UserError(f"-S {change} adds what is there already: leave out the +")


def _comment(name: str, folder: Path) -> list[str]:
    lines = takewhile(
        lambda line: line.startswith("#"), _path(name, folder).read_text().splitlines()
    )
    return [line.removeprefix("#").strip() for line in lines]


def _path(name: str, folder: Path) -> Path:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(recipe_names(folder)) or f"none: there is no folder {folder} here"
        raise UserError(f"there is no recipe {name!r}; known are {known}")
    return path


def _dotted(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and f"{above}{key}" != SEARCH:  # else a section
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
