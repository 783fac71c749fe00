"""The house rules that tools can check: what stages depend on, and who imports whom."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PACKAGE = SRC / "genre_pred"
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
# Settings are tracked through `params:`; what is remembered of a run changes no output.
UNTRACKED = {PACKAGE / "params.py", PACKAGE / "track.py"}
LAYERS = [
    {"cli", "champion"},
    {"classifier", "draw"},
    {"evaluate", "models"},
    {"classical", "embed", "finetune", "mel", "describe", "clean"},
    {"nets", "features", "pipelines"},
    {"audio"},
    {"clips", "params"},
]
ASIDE = {"sources", "split", "judge", "compute", "track", "fetch", "scores"}
BELOW_ALL = {"files", "faults", "cache"}


def imported(path: Path) -> set[Path]:
    """The files of the package that a file imports, also within functions."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                inside = path.relative_to(SRC).parent.parts
                base = ".".join([*inside[: len(inside) - node.level + 1], *base.split(".")]).strip(".")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == "genre_pred":
                file = SRC.joinpath(*name.split("."))
                parents = [p / "__init__.py" for p in file.parents if PACKAGE in p.parents]
                found |= {
                    p for p in (file.with_suffix(".py"), file / "__init__.py", *parents) if p.is_file()
                }
    return found


def reached(path: Path) -> set[Path]:
    """The files of the package that run when a stage runs."""
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        for file in imported(waiting.pop()) - seen - UNTRACKED:
            seen.add(file)
            waiting.append(file)
    return {file for file in seen if has_code(file)}


def has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring."""
    body = ast.parse(path.read_text()).body
    return any(not isinstance(node, ast.Expr) for node in body)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_code_that_it_runs(stage):
    deps = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    script = f"stages/{stage}.py"
    expected = {script} | {f.relative_to(ROOT).as_posix() for f in reached(ROOT / script)}
    assert deps == expected
