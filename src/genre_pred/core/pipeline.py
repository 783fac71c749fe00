"""Reads dvc.yaml: the params, inputs, code and outputs of each stage."""

from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from genre_pred.core.errors import UserError

MADE = ("data", "models", "reports")  # the folders that stages write to
CODE = ("stages", "src")


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml.

    Attributes:
        name: Its name in dvc.yaml.
        params: Dotted keys of params.yaml.
        inputs: The outputs of other stages that it reads.
        code: The script and the folders of the package that it runs.
        outputs: The files and folders it writes that DVC tracks.
    """

    name: str
    params: tuple[str, ...]
    inputs: tuple[Path, ...]
    code: tuple[Path, ...]
    outputs: tuple[Path, ...]


def read_stage(name: str, path: Path = Path("dvc.yaml")) -> Stage:
    """Read a stage of dvc.yaml.

    A dependency of the user's own, such as ${data.path}, counts neither as input nor as code: the
    stage download records its checksums.

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
    entry = stages[name]
    deps = [Path(dep) for dep in entry.get("deps", ())]
    outs = entry.get("outs", ())
    return Stage(
        name,
        tuple(entry.get("params", ())),
        tuple(dep for dep in deps if dep.parts[0] in MADE),
        tuple(dep for dep in deps if dep.parts[0] in CODE),
        # An output is a path, or a mapping of a path to how DVC caches it.
        tuple(Path(out if isinstance(out, str) else next(iter(out))) for out in outs),
    )
