"""The documentation names every command and every setting, and what it shows works."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from genre_pred.apps.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
AT_THE_ROOT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
TEXTS = [*AT_THE_ROOT, ROOT / "CHANGELOG.md", ROOT / "music" / "README.md", *PAGES]
# What readers find by searching: the pages and the README.
TOLD = "\n".join(path.read_text() for path in (ROOT / "README.md", *PAGES))
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run -->\n```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Each runs in a process of its own, which takes seconds.
MOST_RUN = 10


def commands(group: click.Command, path: str = "genre-pred") -> Iterator[str]:
    """The full name of each command, groups left out."""
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, f"{path} {name}")
    else:
        yield path


def settings(part: object, above: str = "") -> Iterator[str]:
    """The dotted keys of params.yaml; what is empty there is a setting too."""
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from settings(value, f"{above}.{key}".removeprefix("."))
    else:
        yield above


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


def nav_pages(part: object) -> Iterator[str]:
    """The files that a nav names."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list):
        for each in part:
            yield from nav_pages(each)
    elif isinstance(part, dict):
        yield from nav_pages(list(part.values()))


SHOWN = [
    line
    for path in (ROOT / "README.md", *PAGES)
    for block in RUN.findall(path.read_text())
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest.mark.parametrize("command", [*commands(main)])
def test_every_command_is_documented(command: str) -> None:
    # Of several in one table cell or line each is written in full.
    assert re.search(rf"{re.escape(command)}\b", TOLD)


@pytest.mark.parametrize("key", [*settings(YAML(typ="safe").load(ROOT / "params.yaml"))])
def test_every_setting_is_documented(key: str) -> None:
    assert f"| `{key}` |" in (DOCS / "settings.md").read_text()


def test_no_setting_is_documented_that_there_is_not() -> None:
    told = re.findall(r"^\| `([a-z0-9_]+\.[\w.]+)` \|", (DOCS / "settings.md").read_text(), re.M)
    assert set(told) == {*settings(YAML(typ="safe").load(ROOT / "params.yaml"))}
    assert len(told) == len(set(told))


def test_the_navigation_lists_every_page_once() -> None:
    listed = [*nav_pages(YAML(typ="safe").load(ROOT / "mkdocs.yml")["nav"])]
    assert sorted(listed) == [page.name for page in PAGES]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(text: Path) -> None:
    for target in LINK.findall(FENCE.sub("", text.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (text.parent / name).resolve() if name else text
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_links_only_to_what_the_site_holds(page: Path) -> None:
    links = LINK.findall(FENCE.sub("", page.read_text()))
    assert not [target for target in links if target.startswith(("../", "/"))]


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 150
    assert max(map(len, lines)) <= 100


def test_there_are_shown_commands_to_run() -> None:
    assert 0 < len(SHOWN) <= MOST_RUN
    assert all(line.startswith("genre-pred ") for line in SHOWN)


@pytest.mark.parametrize("line", SHOWN)
def test_what_is_shown_to_be_run_works(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = [sys.executable, "-m", "genre_pred.apps.cli", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_no_text_names_a_package_index() -> None:
    words = ("index-url", "find-links", "pypi.org", "download.pytorch.org")
    for text in (*TEXTS, ROOT / "mkdocs.yml"):
        assert not [word for word in words if word in text.read_text()], text
