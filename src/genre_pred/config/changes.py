"""Which settings differ between two versions of params.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML


def changed_settings(before: str, after: str) -> dict[str, Any]:
    """The settings to pass to `dvc exp run -S` to turn one params.yaml into another.

    Args:
        before: The text of the first file.
        after: The text of the second file.

    Returns:
        Dotted keys and their values in the second file.
    """
    yaml = YAML(typ="safe")
    return dict(_changed(yaml.load(before) or {}, yaml.load(after) or {}))


def _changed(
    before: Mapping[str, Any], after: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in after.items():
        name, old = f"{above}{key}", before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and name != "classical.search":
            yield from _changed(old, value, f"{name}.")
        elif old != value:
            yield name, value
