"""params.yaml as frozen, strict sections; the only reader of that file.

There are no defaults here: a missing key, an unknown key and an impossible value are errors. Each
library function takes its own section, never the whole file.
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
        """The initial weights of each network that will run, by its name in `weights`."""
        # A precomputed collection has no audio for frozen backbones.
        backbones = () if self.data.source == "precomputed" else self.embed.backbones
        names = dict.fromkeys([*backbones, *self.finetune.networks])
        return {name: self.weights.of(name) for name in names if name in Weights.model_fields}

    @model_validator(mode="after")
    def _check_requirements(self) -> "Params":
        unmet = [*unmet_by_networks(self), *unmet_by_features(self)]
        if unmet:
            raise ValueError("\n".join(unmet))
        return self


def read_params(path: Path = Path("params.yaml"), called: str | None = None) -> Params:
    """Read and check params.yaml.

    Args:
        path: The file.
        called: What error messages call the file, if not its path.

    Returns:
        Its sections.

    Raises:
        ParamsError: With one line per mistake: key, value and what is allowed.
    """
    called = called or str(path)
    if not path.is_file():
        raise ParamsError(f"{called} is missing: run from the repository's top folder")
    try:
        content = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise ParamsError(f"{called} is not valid YAML: {error}") from error
    try:
        # Validating JSON in strict mode accepts lists for tuples, but not "8" for 8. default=str
        # restores a name that YAML read as a date.
        return Params.model_validate_json(json.dumps(content, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError(_describe(called, error)) from None


def _describe(path: str, error: ValidationError) -> str:
    """One line per mistake, with the file, the key and the reason."""
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        reason = problem["msg"].removeprefix("Value error, ")
        match problem["type"]:
            case "missing":
                lines.append(f"{path}: {key} is missing")
            case "extra_forbidden":
                lines.append(f"{path}: {key} is not a setting: remove it or check its spelling")
            case "value_error" if not problem["loc"]:
                lines += [f"{path}: {line}" for line in reason.splitlines()]
            case "value_error" if isinstance(problem["input"], dict):  # the reason has the values
                lines.append(f"{path}: {key}: {reason}")
            case _:
                # For a union type, pydantic appends the alternative that it tried to the key.
                key = ".".join(p for p in key.split(".") if p.isidentifier() or p.isdigit()) or key
                lines.append(f"{path}: {key} is {problem['input']!r}: {reason}")
    return "\n".join(lines)
