"""Field types of the sections of params.yaml, and their frozen, strict base class."""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from genre_pred.core.errors import unknown_name


def _inside_or_absolute(path: str) -> str:
    # A queued experiment runs in a copy of the repository, where ../music is another place.
    if ".." in Path(path).parts:
        raise ValueError("give an absolute path, or one inside this repository")
    return path


def _without_duplicates(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("list each name only once")
    return names


each_once = AfterValidator(_without_duplicates)


def among(known: Collection[str]) -> AfterValidator:
    """Validator of a list that holds known names only."""
    return AfterValidator(partial(only_known, known=known))


def only_known(names: tuple[str, ...], known: Collection[str]) -> tuple[str, ...]:
    """Return the names if all are known.

    Raises:
        ValueError: If a name is unknown.
    """
    for name in names:
        if name not in known:
            raise ValueError(f"it names {unknown_name(name, known)}")
    return names


Share = Annotated[float, Field(gt=0, lt=1)]
PartOrNone = Annotated[float, Field(ge=0, lt=1)]
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], each_once]
SomeNames = Annotated[Names, Field(min_length=1)]
Place = Annotated[str, Field(min_length=1), AfterValidator(_inside_or_absolute)]
Precision = Literal["float32", "bfloat16"]


class Section(BaseModel):
    """A section of params.yaml: frozen, and strict about its keys and types."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
