"""Recipes: valid settings of params.yaml that DVC accepts."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hydra.core.override_parser.overrides_parser import OverridesParser

from genre_pred.apps.recipes import (
    describe,
    experiment,
    missing_data,
    params_with,
    read_recipe,
    recipe_names,
    relevant_settings,
    with_changes,
)
from genre_pred.config.params import Params, read_params
from genre_pred.core.errors import UserError
from genre_pred.evaluation.comparison.published import published_on
from genre_pred.evaluation.scoring.evaluate import is_reproduction
from genre_pred.networks.embedding.patches_to_embeddings import BACKBONES
from genre_pred.training.classical.features import named_features
from genre_pred.training.finetuning.finetune import NETWORKS, front_end_of

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"
OWN = ROOT / "params.yaml"
NAMES = recipe_names(RECIPES)
OF_THE_FIELD = [name for name in NAMES if name.startswith(("s1-", "s2-", "s3-", "s4"))]


def told_to_dvc(name: str, settings: dict) -> list[str]:
    words = experiment(name, settings)
    return [words[i + 1] for i, word in enumerate(words) if word == "-S"]


@pytest.fixture
def params_of(tmp_path):
    """Gives the params of a recipe: params.yaml as DVC changes it."""

    def run(name: str) -> Params:
        path = tmp_path / "params.yaml"
        shutil.copy(ROOT / "params.yaml", path)
        apply_overrides(path, told_to_dvc(name, read_recipe(name, RECIPES)))
        return read_params(path)

    return run


def trained_by(params: Params) -> list[str]:
    """The models that a recipe trains, but baselines, which compete with nobody."""
    classical = params.classical
    baselines = [name for name in classical.features if _approach(name) == "baseline"]
    features = [name for name in classical.features if name not in baselines]
    return [f"{each}/{one}" for each in features for one in classical.classifiers] + [
        f"finetune/{network}" for network in params.finetune.networks
    ]


def _approach(features: str) -> str:
    known = named_features(features)
    assert known, features
    return known.approach


def needed(params: Params) -> dict[str, set[str]]:
    """What features and networks read of the stages before; where there is no sound, nothing."""
    networks = {name: NETWORKS[name] for name in params.finetune.networks}
    front_ends = {front_end_of(name, params.finetune) for name in networks}
    backbones, sets = set(), set()
    for name in params.classical.features:
        read = named_features(name)
        assert read, name
        match read.kind:
            case "mel":
                front_ends.add(read.origin)
            case "embeddings":
                backbones.add(read.origin)
                front_ends.add(BACKBONES[read.origin].front_end)
            case "descriptors":
                sets.add(read.origin)
            case "finetuned":
                assert params.finetune.embed
                assert read.origin in networks
    if params.data.source == "precomputed":
        front_ends, backbones, sets = set(), set(), set()
    weights = backbones | {network.backbone for network in networks.values() if network.backbone}
    return {"front_ends": front_ends, "backbones": backbones, "sets": sets, "weights": weights}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_valid_set_of_params_and_says_what_it_is(name, params_of):
    settings = read_recipe(name, RECIPES)
    written = params_of(name).model_dump(mode="json")
    for key, value in settings.items():
        found = written
        for part in key.split("."):
            found = found[part]
        assert found == value, key
    assert len(describe(name, RECIPES)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_asks_for_what_it_needs_and_no_more(name, params_of):
    params = params_of(name)
    asked = {
        "front_ends": set(params.mel.front_ends),
        "backbones": set(params.embed.backbones),
        "sets": set(params.descriptors.sets),
        # Nothing that a recipe reads starts from random weights.
        "weights": {
            key.removeprefix("weights.")
            for key in read_recipe(name, RECIPES)
            if key.startswith("weights.")
        },
    }
    assert asked == needed(params)
    assert params.finetune.embed == any("_finetuned" in it for it in params.classical.features)


@pytest.mark.parametrize("name", OF_THE_FIELD)
def test_a_published_system_is_a_reproduction_and_no_candidate(name, params_of):
    params = params_of(name)
    candidates = {it for it in trained_by(params) if not is_reproduction(it, params.evaluate)}
    if name == "s1-finetuned-embedding":  # the next step was not published
        assert {it.split("/")[0] for it in candidates} == {
            "vggish_finetuned",
            "vggish_finetuned_pca",
        }
    else:
        assert not candidates


@pytest.mark.parametrize("collection", ["fma-small", "gtzan"])
def test_every_published_figure_of_a_model_of_ours_is_within_reach_of_a_recipe(
    collection, params_of
):
    classifiers = set(read_params(ROOT / "params.yaml").classical.model_dump())
    ours = set()
    for model in published_on(collection)["model"]:
        first, _, last = model.partition("/")
        if (first == "finetune" and last in NETWORKS) or named_features(first):
            assert last in classifiers | set(NETWORKS), model
            ours.add(model)
        else:
            assert not last, f"{model} looks like one of ours"
    assert ours
    within_reach: set[str] = set()
    for name in OF_THE_FIELD:
        params = params_of(name)
        if params.data.collection == collection:
            within_reach.update(trained_by(params))
    assert ours <= within_reach


@pytest.mark.parametrize("name", NAMES)
def test_the_command_has_the_settings_of_the_recipe(name):
    settings = read_recipe(name, RECIPES)
    parsed = OverridesParser.create().parse_overrides(told_to_dvc(name, settings))
    assert {it.key_or_group: it.value() for it in parsed} == settings


def test_words_and_lists_arrive_as_they_are():
    settings = {"data.path": "/my 'own' \"music\", all", "classical.search": {"knn": {"k": [1, 2]}}}
    parsed = OverridesParser.create().parse_overrides(told_to_dvc("x", settings))
    assert {it.key_or_group: it.value() for it in parsed} == settings


def test_the_readme_tells_of_every_recipe_and_of_no_other():
    section = (ROOT / "README.md").read_text().partition("### Systems of the field")[2]
    table = [line for line in section.partition("\n### ")[0].splitlines() if line.startswith("| `")]
    told = [word for line in table for word in line.split("|")[1].split("`")[1::2]]
    assert sorted(told) == NAMES


def test_an_unknown_recipe_names_those_there_are(tmp_path):
    (tmp_path / "one.yaml").write_text("# The first.\n# And last.\nclip:\n  clip_seconds: 3.0\n")
    assert describe("one", tmp_path) == "The first. And last."
    assert read_recipe("one", tmp_path) == {"clip.clip_seconds": 3.0}
    with pytest.raises(UserError, match="no recipe 'two'; known recipes: one"):
        read_recipe("two", tmp_path)
    (tmp_path / "bad.yaml").write_text("- 1\n")
    with pytest.raises(UserError, match="must hold settings"):
        read_recipe("bad", tmp_path)


def test_a_command_takes_further_settings_that_it_does_not_say_itself():
    command = "dvc exp run -S 'classical.classifiers=[knn]'"
    changed = {"classical.classifiers": ["qda"], "classical.knn.n_neighbors": 9}
    assert with_changes(command, changed) == (
        "dvc exp run -S classical.knn.n_neighbors=9 -S 'classical.classifiers=[knn]'"
    )
    assert with_changes(command, {}) == command


def test_a_change_takes_the_place_of_the_recipe_s_own_setting():
    settings = {"split.n_folds": 10, "classical.search": {"knn": {"n_neighbors": [1]}}}
    words = experiment("x", settings, ["split.n_folds=3", "classical.search.knn.n_neighbors=[5]"])
    assert words == [
        "dvc", "exp", "run", "--message", "x", "-S", "++classical.search={knn:{n_neighbors:[1]}}",
        "-S", "split.n_folds=3", "-S", "classical.search.knn.n_neighbors=[5]",
    ]  # fmt: skip
    assert experiment("x", {"a.b": 1}, ["~a.b"])[5:] == ["-S", "~a.b"]


def test_changes_are_tried_on_params_yaml_without_touching_it():
    before = OWN.read_bytes()
    changes = ["split.n_folds=3", "+classical.search.svc_rbf.C=[1,10]", "data.name='it, too'"]
    read = params_with({"split.n_folds": 10, "clip.clip_seconds": 9.0}, changes, OWN)
    assert (read.split.n_folds, read.clip.clip_seconds, read.data.name) == (3, 9.0, "it, too")
    assert read.classical.search == {"svc_rbf": {"C": (1, 10)}}
    assert OWN.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("split.n_fold=3", "split.n_fold is not a setting"),
        ("splt.n_folds=3", "splt is not a setting"),
        ("split.seed.x=3", "split.seed"),
        ("~split.sede", "sede"),
        ("split.n_folds=1", "with these settings: split.n_folds is 1: Input should be greater"),
        ("+split.n_folds=3", "already at 'split.n_folds'"),
        ("+split.sede=3", "split.sede is not a setting"),
        ("classical.features=mfcc,fma", "gives several values: put a list in brackets"),
        ("classical.features=[mfc]", "names 'mfc'; known are mfcc"),
        ("classical.search.knn.n_neighbors=[5]", "as in ++classical.search.knn.n_neigh"),
        ("classical.search={knn:{n_neighbors:[5]}}", "start with ++, as in ++classical.search"),
        ("nonsense", "nonsense is not KEY=VALUE"),
        ("data.path=/my 'music", "is not KEY=VALUE"),
    ],
)
def test_an_invalid_change_is_reported_in_a_sentence(change, said):
    with pytest.raises(UserError) as caught:
        params_with({"clip.clip_seconds": 9.0}, [change], OWN)
    told = str(caught.value)
    assert said in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_describes_data_that_cannot_be_downloaded(name, params_of):
    told = missing_data(name, ROOT / "music", RECIPES)
    fetched = params_of(name).data.source == "fma_small"
    assert fetched is (told is None)
    assert fetched or told.startswith(f"recipe {name} needs -S data.path=PATH: ")
    assert "data.path:" not in describe(name, RECIPES)


def test_missing_data_are_reported_until_present(tmp_path):
    place = tmp_path / "music"
    assert "does not exist" in missing_data("s4", place, RECIPES)
    assert "does not exist" in missing_data("s1-finetune", place, RECIPES)
    place.mkdir()
    (place / "README.md").touch()
    assert "is empty" in missing_data("s4", place, RECIPES)
    assert missing_data("s1-finetune", place, RECIPES) is None
    (place / "jazz").mkdir()
    assert missing_data("s4", place, RECIPES) is None
    assert missing_data("s3-features", place / "README.md", RECIPES) is None


def test_a_command_carries_only_what_its_model_reads():
    changed = {
        "clip.clip_seconds": 9.0,
        "classical.features": ["mfcc"],
        "classical.knn.n_neighbors": 9,
        "classical.svc_rbf.C": 3,
        "finetune.networks": [],
        "finetune.epochs": 2,
        "promote.confidence": 0.9,
        "predict.coverage": 0.8,
    }
    always = {"clip.clip_seconds", "classical.features", "finetune.networks"}
    told = {
        ("mfcc/knn", "descriptors"): {"classical.knn.n_neighbors"},
        ("finetune/vggish", "finetune"): {"finetune.epochs"},
        ("vggish_finetuned/knn", "finetune"): {"finetune.epochs", "classical.knn.n_neighbors"},
        ("majority", "baseline"): set(),
        ("ensemble", "ensemble"): {*changed} - always - {"promote.confidence", "predict.coverage"},
    }
    for (model, approach), further in told.items():
        assert {*relevant_settings(model, approach, changed)} == always | further
