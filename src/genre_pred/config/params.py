"""params.yaml as frozen, strict sections; the only reader of that file.

There are no defaults here: what is not in the file is an error, and so are an unknown key and an
impossible value. Each library function takes its own section, never the whole.
"""

import json
from pathlib import Path

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from genre_pred.config.classical import Classical
from genre_pred.config.requirements import unmet_by_features, unmet_by_networks
from genre_pred.config.section import Section
from genre_pred.config.sections import (
    Clean,
    Clip,
    Compute,
    Data,
    Demo,
    Descriptors,
    Embed,
    Evaluate,
    Finetune,
    Mel,
    Predict,
    Promote,
    Split,
    Weights,
)
from genre_pred.core.errors import UserError


class ParamsError(UserError):
    """Something in params.yaml is missing, unknown or impossible."""


class Params(Section):
    """The whole of params.yaml."""

    data: Data
    demo: Demo
    clip: Clip
    clean: Clean
    split: Split
    mel: Mel
    descriptors: Descriptors
    weights: Weights
    embed: Embed
    classical: Classical
    finetune: Finetune
    evaluate: Evaluate
    promote: Promote
    predict: Predict
    compute: Compute

    @property
    def starts(self) -> dict[str, str]:
        """What each network that will be run starts from, by its name in `weights`."""
        # Of a collection without sound there is nothing for frozen backbones.
        backbones = () if self.data.source == "precomputed" else self.embed.backbones
        names = dict.fromkeys([*backbones, *self.finetune.networks])
        return {name: self.weights.of(name) for name in names if name in Weights.model_fields}

    @model_validator(mode="after")
    def _ask_for_what_is_needed(self) -> "Params":
        unmet = [*unmet_by_networks(self), *unmet_by_features(self)]
        if unmet:
            raise ValueError("\n".join(unmet))
        return self


def read_params(path: Path = Path("params.yaml"), called: str | None = None) -> Params:
    """Read and check params.yaml.

    Args:
        path: The file.
        called: What faults call it, if not by its path.

    Returns:
        Its sections.

    Raises:
        ParamsError: With a line for each thing that is wrong: key, value, what is allowed.
    """
    called = called or str(path)
    if not path.is_file():
        raise ParamsError(f"{called} is missing: run from the repository's top folder")
    try:
        written = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ParamsError(f"{called} is not valid YAML: {error}") from error
    try:
        # By way of JSON, the strict mode takes lists for tuples but no "8" for 8; a name that
        # YAML takes for a date is its text again.
        return Params.model_validate_json(json.dumps(written, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(_for_people(called, error)) from None


def _for_people(path: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        wrong = problem["msg"].removeprefix("Value error, ")
        match problem["type"]:
            case "missing":
                lines.append(f"{path}: {key} is missing")
            case "extra_forbidden":
                lines.append(f"{path}: {key} is not a setting; is it misspelt?")
            case "value_error" if not problem["loc"]:
                lines += [f"{path}: {line}" for line in wrong.splitlines()]
            case "value_error" if isinstance(problem["input"], dict):  # its text has the values
                lines.append(f"{path}: {key}: {wrong}")
            case _:
                # Of a setting with alternatives pydantic adds which of them it tried.
                key = ".".join(p for p in key.split(".") if p.isidentifier() or p.isdigit()) or key
                lines.append(f"{path}: {key} is {problem['input']!r}: {wrong}")
    return "\n".join(lines)
