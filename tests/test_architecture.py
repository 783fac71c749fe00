"""The layout: rooms and floors, the dependencies of stages, who imports whom."""

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from genre_pred.config.params import Params

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
PACKAGE = SRC / "genre_pred"
PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = PIPELINE["stages"]
# The lowest floor first: a room imports only from rooms before it.
ROOMS = (
    "core",
    "config",
    "audio",
    "datasets",
    "networks",
    "training",
    "evaluation",
    "inference",
    "registry",
    "reporting",
    "apps",
)
# Beside the floors: it reads settings, and whoever answers or reports may ask it.
TRACKING, BELOW_TRACKING = "tracking", {"core", "config"}
ASK_TRACKING = {"inference", "registry", "reporting", "apps"}
# Settings are tracked through `params:`, and what is remembered of a run changes no output.
UNTRACKED = ("config", "tracking")
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[Path]:
    """The files of the package that a file imports, also within functions."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
        for name in names:
            if name.split(".")[0] == "genre_pred":
                place = SRC.joinpath(*name.split("."))
                above = [p / "__init__.py" for p in place.parents if PACKAGE in p.parents]
                candidates = (place.with_suffix(".py"), place / "__init__.py", *above)
                found |= {file for file in candidates if file.is_file()}
    return found - {PACKAGE / "__init__.py"}  # which imports the public names when they are used


def room(path: Path) -> str:
    """The room that a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0]


def has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def files_run_by(script: Path) -> set[Path]:
    """The files of the package that run when a stage's script runs, as far as DVC tracks them."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        for file in imported(waiting.pop()) - seen:
            if room(file) not in UNTRACKED:
                seen.add(file)
                waiting.append(file)
    return {file for file in seen if has_code(file)}


@pytest.mark.parametrize("stage", STAGES)
def test_every_file_that_a_stage_runs_lies_under_a_dependency_and_every_dependency_is_reached(
    stage,
):
    script, *folders = [ROOT / d for d in STAGES[stage]["deps"] if d.startswith(("stages", "src"))]
    assert script == ROOT / f"stages/{stage}.py"
    run = files_run_by(script)
    uncovered = [str(f) for f in run if not any(folder in f.parents for folder in folders)]
    assert not uncovered
    unreached = [str(f) for f in folders if not any(f in file.parents for file in run)]
    assert not unreached
    assert all(folder.is_dir() for folder in folders)
    assert len(folders) <= 7


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_script_is_thin(stage):
    text = (ROOT / f"stages/{stage}.py").read_text()
    functions = [n.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    assert functions == ["main"]
    assert len(text.splitlines()) < 60
    assert STAGES[stage]["desc"].rstrip(".") in text.replace("\n", " ")


def test_every_script_is_a_stage_and_none_shares_its_name_with_a_module_at_the_root():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")}
    assert scripts == set(STAGES)
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {
        "__init__.py",
        "py.typed",
    }


def test_the_package_has_these_rooms():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*ROOMS, TRACKING}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_downward(path):
    if path.parent == PACKAGE:
        return  # the public API names classes of several rooms
    home = room(path)
    others = {room(file) for file in imported(path) if file.parent != PACKAGE} - {home}
    if home == TRACKING:
        assert others <= BELOW_TRACKING
        return
    below = set(ROOMS[: ROOMS.index(home)])
    assert others <= below | ({TRACKING} if home in ASK_TRACKING else set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def test_files_that_people_read_first_are_short():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 240
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def importers_of(library: str) -> set[str]:
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.split(".")[0] == library for name in names):
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


def test_only_tracking_imports_mlflow():
    assert {name.split("/")[0] for name in importers_of("mlflow")} == {TRACKING}


def test_only_torch_libraries_imports_torchaudio_and_torchvision():
    only = {"networks/backbones/torch_libraries.py"}
    assert importers_of("torchaudio") | importers_of("torchvision") <= only


def test_no_module_imports_by_the_public_names_or_by_text():
    """Such imports would be missed here: the root package resolves its names when they are used."""
    for path in [*FILES, *(ROOT / "stages").glob("*.py")]:
        if path.parent == PACKAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "genre_pred":
                assert {alias.name for alias in node.names} <= {TRACKING}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                assert "genre_pred" not in ast.unparse(node), path


def sections_read(path: Path) -> set[str]:
    """The sections of params.yaml that a file reads of the whole of it."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "params"
    } & set(Params.model_fields)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_names_the_sections_of_params_yaml_that_it_reads(stage):
    script = ROOT / f"stages/{stage}.py"
    read = {name for file in [script, *files_run_by(script)] for name in sections_read(file)}
    named = {key.split(".")[0] for key in STAGES[stage]["params"]}
    # How work is spread changes no result; only download composes the demo collection.
    free = {"compute"} | ({"demo"} if stage == "clean" else set())
    assert read - free <= named
    assert named - read <= {"split", "clip"}, "a section that nothing reads"


def test_nothing_imports_a_stage():
    assert importers_of("stages") == set()


def test_only_config_reads_params_yaml():
    homes = {room(path) for path in FILES if "Params.model_validate" in path.read_text()}
    assert homes == {"config"}


def test_no_file_names_a_package_index():
    words = ("index-url", "find-links", "pypi.org/simple", "download.pytorch.org")
    for name in ("pyproject.toml", "constraints.txt", "Makefile", "README.md", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not [word for word in words if word in text], name
