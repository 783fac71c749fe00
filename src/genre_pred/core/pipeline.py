"""dvc.yaml as the stages read it: the params, inputs, code and outputs that it names for each."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from genre_pred.core.errors import UserError

MADE = ("data", "models", "reports")  # the folders that stages write
CODE = ("stages", "src")


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml.

    Attributes:
        name: In dvc.yaml.
        params: Dotted keys of params.yaml.
        inputs: What it reads of other stages' outputs.
        code: The script and folders that it runs.
        outputs: What DVC tracks of what it writes.
    """

    name: str
    params: tuple[str, ...]
    inputs: tuple[Path, ...]
    code: tuple[Path, ...]
    outputs: tuple[Path, ...]


def read_stage(name: str, path: Path = Path("dvc.yaml")) -> Stage:
    """Read a stage of dvc.yaml.

    A dependency that the user brings, as ${data.path}, is neither input nor code: the stage
    download lists it with checksums of its own.

    Args:
        name: The stage.
        path: The file.

    Raises:
        UserError: If the file is missing or has no such stage.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing: run from the repository's top folder")
    stages = YAML(typ="safe").load(path)["stages"]
    if name not in stages:
        raise UserError(f"{path} has no stage {name}")
    told = stages[name]
    deps = [Path(dep) for dep in told.get("deps", ())]
    return Stage(
        name,
        tuple(told.get("params", ())),
        tuple(dep for dep in deps if dep.parts[0] in MADE),
        tuple(dep for dep in deps if dep.parts[0] in CODE),
        # An output is its path, or a mapping of its path to how DVC keeps it.
        tuple(Path(out if isinstance(out, str) else next(iter(out))) for out in told["outs"]),
    )
