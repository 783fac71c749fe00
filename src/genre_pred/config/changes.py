"""Which settings differ between two versions of params.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML


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
