"""Recipes: each must be one that params.yaml takes, whole and as it is written."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from genre_pred.faults import Fault
from genre_pred.params import Params, read_params
from genre_pred.recipes import describe, experiment, read_recipe, recipe_names, with_changes

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"


def with_settings(settings) -> Params:
    """params.yaml with dotted keys changed, as DVC would change it."""
    written = read_params(ROOT / "params.yaml").model_dump()
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = written
        for section in sections:
            place = place[section]
        assert name in place, key
        place[name] = value
    return Params.model_validate(written)


@pytest.mark.parametrize("name", recipe_names(RECIPES))
def test_a_recipe_is_a_valid_set_of_params_and_says_what_it_is(name):
    with_settings(read_recipe(name, RECIPES))
    assert len(describe(name, RECIPES)) > 20


@pytest.mark.parametrize("name", recipe_names(RECIPES))
def test_what_dvc_is_told_is_what_the_recipe_says(name):
    settings = read_recipe(name, RECIPES)
    words = experiment(name, settings)
    told = [words[i + 1] for i, word in enumerate(words) if word == "-S"]
    parsed = OverridesParser.create().parse_overrides(told)
    assert {it.key_or_group: it.value() for it in parsed} == settings


def test_words_and_lists_arrive_as_they_are():
    settings = {"data.path": "/my 'own' \"music\", all", "classical.search": {"knn": {"k": [1, 2]}}}
    words = experiment("x", settings)
    parsed = OverridesParser.create().parse_overrides([words[6], words[8]])
    assert {it.key_or_group: it.value() for it in parsed} == settings


def test_an_unknown_recipe_names_those_there_are(tmp_path):
    (tmp_path / "one.yaml").write_text("# The first.\n# And last.\nclip:\n  clip_seconds: 3.0\n")
    assert describe("one", tmp_path) == "The first. And last."
    assert read_recipe("one", tmp_path) == {"clip.clip_seconds": 3.0}
    with pytest.raises(Fault, match="no recipe 'two'; known are one"):
        read_recipe("two", tmp_path)
    (tmp_path / "bad.yaml").write_text("- 1\n")
    with pytest.raises(Fault, match="must hold settings"):
        read_recipe("bad", tmp_path)


def test_a_command_takes_further_settings_that_it_does_not_say_itself():
    command = "dvc exp run -S 'classical.classifiers=[knn]'"
    changed = {"classical.classifiers": ["qda"], "classical.knn.n_neighbors": 9}
    assert with_changes(command, changed) == (
        "dvc exp run -S classical.knn.n_neighbors=9 -S 'classical.classifiers=[knn]'"
    )
    assert with_changes(command, {}) == command
