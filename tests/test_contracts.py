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
SETTINGS = ("params", "classifier_params", "section", "names")
UNTRACKED = {*(PACKAGE / f"{name}.py" for name in SETTINGS), *(PACKAGE / "track").iterdir()}
LAYERS = [
    {"cli"},
    {"app"},
    {"champions", "songs", "serving"},
    {"classifier", "draw", "report"},
    {"evaluate", "leakage"},
    {"models", "window_scorer"},
    {"classical", "embed", "finetuning", "mel", "describe", "clean", "computed"},
    {"scores", "classifier_folder"},
    {"nets", "known_music"},
    {"audio"},
    {"workspace"},
    {"clips", "params", "prediction"},
    {"classifier_params"},
    {"section", "names"},
]
ASIDE = {"sources", "split", "judge", "compute", "track", "recipes"}
BELOW_ALL = {"arrays", "files", "faults", "cache", "fetch", "progress"}


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
                base = ".".join([*inside[: len(inside) - node.level + 1], *base.split(".")]).strip(
                    "."
                )
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == "genre_pred":
                file = SRC.joinpath(*name.split("."))
                parents = [p / "__init__.py" for p in file.parents if PACKAGE in p.parents]
                found |= {
                    p
                    for p in (file.with_suffix(".py"), file / "__init__.py", *parents)
                    if p.is_file()
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
    deps = [dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")]
    script = f"stages/{stage}.py"
    expected = {script} | {f.relative_to(ROOT).as_posix() for f in reached(ROOT / script)}
    assert sorted(deps) == sorted(expected)


def room(path: Path) -> str:
    """The top-level module of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = [path for path in PACKAGE.rglob("*.py") if has_code(path)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_downward(path):
    home = room(path)
    rooms = {room(file) for file in imported(path)} - {home, "__init__"}
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    assert home in level or home in ASIDE | BELOW_ALL, f"{home} has no place in the house"
    if home in level:
        upward = {name for name in rooms if level.get(name, 99) < level[home]}
        assert not upward
    elif home in ASIDE:
        assert rooms <= {"workspace", "clips", "params", *BELOW_ALL}
    else:
        assert rooms <= BELOW_ALL


def test_only_track_imports_mlflow():
    homes = {name.split("/")[0] for name in importers_of("mlflow")}
    assert homes == {"track"}


def test_only_torch_libraries_imports_torchaudio_and_torchvision():
    assert importers_of("torchaudio") | importers_of("torchvision") <= {"nets/torch_libraries.py"}


def importers_of(library: str) -> set[str]:
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.split(".")[0] == library for name in names):
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


def test_nothing_imports_a_stage():
    assert importers_of("stages") == set()


def test_every_stage_says_what_it_does_and_has_a_thin_script():
    for name, stage in STAGES.items():
        assert stage["desc"]
        script = (ROOT / f"stages/{name}.py").read_text()
        assert script.count("\ndef ") == 1, (
            f"stages/{name}.py does more than read, call, write, log"
        )


def test_no_file_names_a_package_index():
    words = ("index-url", "find-links", "pypi.org/simple", "download.pytorch.org")
    for name in ("pyproject.toml", "constraints.txt", "Makefile", "README.md", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not [word for word in words if word in text], name
