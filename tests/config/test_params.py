"""params.yaml: every mistake is reported with its key and its value."""

import json
import re
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from pydantic import ValidationError
from ruamel.yaml import YAML

from genre_pred.config.changes import changed_settings
from genre_pred.config.params import ParamsError, read_params
from genre_pred.config.sections import Data

OWN = Path(__file__).parents[2] / "params.yaml"
MISSING = object()


@pytest.fixture
def read_with(tmp_path):
    """Read the repository's params.yaml with some settings changed, by their dotted keys."""

    def read(changes):
        written = YAML(typ="safe").load(OWN)
        for key, value in changes.items():
            *above, last = key.split(".")
            section = written
            for name in above:
                section = section[name]
            section[last] = value
            if value is MISSING:
                del section[last]
        path = tmp_path / "params.yaml"
        YAML(typ="safe").dump(written, path)
        return read_params(path)

    return read


def test_the_repository_s_own_file_reads_as_it_is_written(params):
    written = YAML(typ="safe").load(OWN)
    assert json.loads(params.model_dump_json()) == written


def test_1e_4_is_a_number(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"weight_decay: \S+", "weight_decay: 1e-4", OWN.read_text()))
    assert read_params(path).finetune.weight_decay == 0.0001


def test_an_int_is_accepted_for_a_float_but_not_the_reverse(read_with):
    assert read_with({"classical.svc_rbf.C": 10}).classical.svc_rbf.C == 10.0
    with pytest.raises(ParamsError, match=r"finetune\.hidden is 256\.5"):
        read_with({"finetune.hidden": 256.5})


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.5])
def test_gamma_is_a_rule_or_a_number(read_with, gamma):
    assert read_with({"classical.svc_rbf.gamma": gamma}).classical.svc_rbf.gamma == gamma


def test_a_search_accepts_the_values_that_its_settings_accept(read_with):
    grids = {
        "svc_rbf": {"C": [1, 0.5], "gamma": ["scale", 0.01]},
        "mlp": {"hidden_layer_sizes": [[100], [200, 50]]},
        "decision_tree": {"max_depth": [5, None]},
    }
    found = read_with({"classical.search": grids}).model_dump(mode="json")
    assert found["classical"]["search"] == grids


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"split.n_fold": 5}, "split.n_fold", "not a setting"),
        ({"split.n_folds": MISSING}, "split.n_folds", "missing"),
        ({"split": MISSING}, "split", "missing"),
        ({"splits": {}}, "splits", "not a setting"),
        ({"split.n_folds": 1}, "split.n_folds", "1"),
        ({"finetune.epochs": "10"}, "finetune.epochs", "'10'"),
        ({"finetune.epochs": 0}, "finetune.epochs", "0"),
        ({"finetune.epochs": None}, "finetune.epochs", "None"),
        ({"mel.front_ends": "vggish"}, "mel.front_ends", "'vggish'"),
        ({"classical.svc_rbf.C": -2.5}, "classical.svc_rbf.C", "-2.5"),
        ({"classical.svc_rbf.C": float("nan")}, "classical.svc_rbf.C", "nan"),
        ({"classical.svc_rbf.C": float("inf")}, "classical.svc_rbf.C", "inf"),
        ({"classical.svc_rbf.gamma": "wide"}, "classical.svc_rbf.gamma is", "'wide'"),
        ({"classical.knn.n_neighbors": 0}, "classical.knn.n_neighbors", "0"),
        ({"classical.mlp.hidden_layer_sizes": []}, "classical.mlp.hidden_layer_sizes", "[]"),
        ({"classical.qda.reg_param": 1.5}, "classical.qda.reg_param", "1.5"),
        ({"classical.search_folds": 1}, "classical.search_folds", "1"),
        ({"classical.search": {"svm": {"C": [1]}}}, "classical", "search names 'svm'; known are"),
        ({"classical.search": {"seed": {"C": [1]}}}, "classical", "search names 'seed'"),
        ({"classical.search": {"svc_rbf": {}}}, "classical.search.svc_rbf", "{}"),
        ({"classical.search": {"svc_rbf": {"C": []}}}, "classical.search.svc_rbf.C", "[]"),
        ({"classical.search": {"svc_rbf": {"C": 1}}}, "classical.search.svc_rbf.C", "1"),
        (
            {"classical.search": {"svc_rbf": {"c": [1]}}},
            "classical",
            "search.svc_rbf.c is not a setting; known are C, gamma",
        ),
        (
            {"classical.search": {"svc_rbf": {"C": [1, -2]}}},
            "classical",
            "search.svc_rbf.C names -2: Input should be greater than 0",
        ),
        ({"split.validation_share": 1.0}, "split.validation_share", "1.0"),
        ({"split.test_share": 0}, "split.test_share", "0"),
        ({"split.validation_share": 0.9, "split.test_share": 0.15}, "validation_share", "1.05"),
        ({"split.method": "random"}, "split.method", "'random'"),
        ({"data.path": "../music"}, "data.path", "'../music'"),
        ({"data.path": "a/../../music"}, "data.path", "'a/../../music'"),
        ({"data.url": "ftp://x/"}, "data.url", "'ftp://x/'"),
        ({"data.md5": "5B3D"}, "data.md5", "'5B3D'"),
        ({"data.source": "fma_tiny"}, "data.source", "'fma_tiny'"),
        ({"data.name": "//"}, "data: name", "'//'"),
        ({"clip.clip_seconds": 0.5}, "clip.clip_seconds", "0.5"),
        ({"clean.min_rms_db": 3.0}, "clean.min_rms_db", "3.0"),
        ({"clean.max_rejected": 5}, "clean.max_rejected", "5"),
        ({"finetune.spec_augment": "yes"}, "finetune.spec_augment", "'yes'"),
        (
            {"finetune.spec_augment": 0.1, "finetune.trainable": "fc"},
            "finetune",
            "trainable is 'fc'",
        ),
        ({"descriptors.sets": ["mfcc", "mfcc"]}, "descriptors.sets", "only once"),
        (
            {"descriptors.sets": ["mfcc", "fma"], "descriptors.sample_rate": 12_800},
            "descriptors",
            "sample_rate is 12800: the set fma needs at least 12801",
        ),
        ({"promote.approaches": ["finetune", "finetune"]}, "promote.approaches", "only once"),
        ({"promote.approaches": ["luck"]}, "promote.approaches.0", "'luck'"),
        ({"compute.workers": 0}, "compute.workers", "0"),
        (
            {"mel.front_ends": ["vgish"]},
            "mel.front_ends is ['vgish']",
            "names 'vgish'; known are vggish, efficientat, mel128",
        ),
        (
            {"descriptors.sets": ["mfc"]},
            "descriptors.sets",
            "names 'mfc'; known are mfcc, fma, gtzan",
        ),
        ({"embed.backbones": ["mn4"]}, "embed.backbones", "names 'mn4'; known are mn40, mn04"),
        ({"embed.backbones": ["cnn_mel"]}, "embed.backbones", "names 'cnn_mel'; known are mn"),
        (
            {"finetune.networks": ["resnet"]},
            "finetune.networks",
            "names 'resnet'; known are resnet18",
        ),
        (
            {"classical.classifiers": ["svc_rfb"]},
            "classical.classifiers is ['svc_rfb']",
            "names 'svc_rfb'; known are svc_rbf",
        ),
        (
            {"classical.features": ["mfccs"]},
            "classical.features",
            "names 'mfccs'; known are mfcc, ",
        ),
        ({"classical.features": ["vgish_finetuned"]}, "features", ", NETWORK_finetuned"),
        ({"compute.scheduler": "host:8786"}, "compute.scheduler", "tcp://"),
    ],
)
def test_a_mistake_is_reported_with_its_key_and_value(read_with, changes, key, said):
    with pytest.raises(ParamsError) as caught:
        read_with(changes)
    lines = [line for line in str(caught.value).splitlines() if key in line]
    assert any(said in line for line in lines), str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"embed.backbones": ["mn04"], "classical.features": ["mfcc"]},
            ["embed.backbones names 'mn04': add 'efficientat' to mel.front_ends"],
        ),
        ({"finetune.networks": ["mn04"]}, ["names 'mn04': add 'efficientat' to mel.front_ends"]),
        ({"finetune.networks": ["s4_cnn"]}, ["names 's4_cnn': add 'mel128' to mel.front_ends"]),
        (
            {"finetune.networks": ["s4_cnn"], "finetune.pictures": "images"},
            ["data.source is 'demo': set finetune.pictures to 'mel128'"],
        ),
        ({"data.source": "precomputed"}, ["finetune.networks names 'vggish', which needs audio"]),
        (
            {"data.source": "precomputed", "finetune.networks": ["s4_cnn"]},
            ["set finetune.pictures to 'spectrograms' or 'images'"],
        ),
        ({"classical.features": ["mn04"]}, ["features names 'mn04': add 'mn04' to embed.backb"]),
        ({"classical.features": ["fma_zcr"]}, ["'fma_zcr': add 'fma' to descriptors.sets"]),
        (
            {"mel.front_ends": [], "embed.backbones": [], "finetune.networks": []},
            ["names 'vggish': add", "'vggish_pca': add", "'vggish_stats': add", "'log_mel_stats'"],
        ),
        ({"classical.features": ["spectrograms"]}, ["spectrograms of data.source 'precomputed'"]),
        ({"classical.features": ["vggish_finetuned_pca"]}, ["set finetune.embed to true"]),
        (
            {"classical.features": ["mn04_finetuned"]},
            ["add 'mn04' to finetune.networks", "set finetune.embed to true"],
        ),
        (
            {"classical.features": ["vggish_finetuned"], "split.method": "folds"},
            ["with split.method 'folds' each fold has its own network: remove it"],
        ),
        ({"finetune.embed": True, "split.method": "folds"}, ["set finetune.embed to false"]),
    ],
)
def test_requirements_of_other_sections_are_reported_one_per_line(read_with, changes, said):
    with pytest.raises(ParamsError) as caught:
        read_with(changes)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(said), lines
    for line, words in zip(lines, said, strict=True):
        assert words in line
        assert "params.yaml: " in line


@pytest.mark.parametrize(
    "changes",
    [
        {
            "data.source": "precomputed",
            "classical.features": ["theirs", "theirs_pca"],
            "finetune.networks": [],
        },
        {
            "data.source": "precomputed",
            "finetune.networks": ["cnn_mel"],
            "finetune.pictures": "images",
        },
        {"classical.features": ["vggish_finetuned"], "finetune.embed": True},
    ],
)
def test_names_of_precomputed_and_finetuned_features_are_accepted(read_with, changes):
    read = read_with(changes).model_dump(mode="json")
    for key, value in changes.items():
        section, name = key.split(".")
        assert read[section][name] == value


def test_weights_are_listed_for_the_networks_that_will_run(read_with):
    asked = {"finetune.networks": ["s4_cnn", "resnet18"], "weights.resnet18": "imagenet"}
    asked["mel.front_ends"] = ["vggish", "mel128"]
    assert read_with(asked).starts == {"vggish": "random", "resnet18": "imagenet"}
    without_sound = {"data.source": "precomputed", "finetune.pictures": "images"}
    assert read_with(asked | without_sound).starts == {"resnet18": "imagenet"}


def test_a_conflict_of_two_settings_does_not_list_the_whole_section(read_with):
    with pytest.raises(ParamsError) as caught:
        read_with({"finetune.spec_augment": 0.1, "finetune.trainable": "head"})
    assert "weight_decay" not in str(caught.value)


def test_all_mistakes_are_reported_at_once(read_with):
    with pytest.raises(ParamsError) as caught:
        read_with({"split.n_folds": 1, "finetune.batch_size": -1, "clean.sede": 3})
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for key in ("split.n_folds", "finetune.batch_size", "clean.sede"):
        assert sum(key in line for line in lines) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"data: [demo\nsplit: 3", "not valid YAML"),
        (b"data: 1\ndata: 2\n", "duplicate key"),
        (b"data: \xff\n", "not valid YAML"),
        (b"", "the file is None"),
        (b"- data\n", "the file is ['data']"),
    ],
)
def test_a_file_of_another_kind_is_a_params_error(tmp_path, content, said):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_a_params_error(tmp_path):
    with pytest.raises(ParamsError, match=r"other\.yaml is missing"):
        read_params(tmp_path / "other.yaml")


def test_settings_cannot_be_changed(params):
    with pytest.raises(ValidationError, match="frozen"):
        params.split.seed = 1
    with pytest.raises(ValidationError, match="frozen"):
        params.split = None


@pytest.mark.parametrize(
    ("source", "name", "path", "collection"),
    [
        ("demo", None, "music", "demo"),
        ("fma", None, "/data/FMA", "fma"),
        ("fma", "FMA small", "/data/FMA", "fma-small"),
        ("folder", None, "/home/me/My Music (2024)", "my-music-2024"),
        ("fma_small", None, "music", "fma-small"),
        ("precomputed", None, "/data/features_30_sec.csv", "features-30-sec"),
        ("folder", "Мои песни", "music", "мои-песни"),
    ],
)
def test_a_collection_is_called_by_its_name_or_source_or_folder(source, name, path, collection):
    data = Data(source=source, name=name, path=path, url=None, md5=None, subset="small")
    assert data.collection == collection


def test_a_folder_without_a_name_needs_one():
    with pytest.raises(ValidationError, match="name needs a letter"):
        Data(source="folder", name=None, path=".", url=None, md5=None, subset="small")
    assert (
        Data(source="folder", name="mine", path=".", url=None, md5=None, subset="small").collection
        == "mine"
    )


def test_a_name_that_yaml_takes_for_a_date_is_its_text(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"name: \S+", "name: 2024-01-31", OWN.read_text()))
    assert read_params(path).data.name == "2024-01-31"


def test_changed_settings_are_those_of_the_later_file():
    before = "a: {b: 1, c: [1, 2]}\nclassical: {search: {}, seed: 1}\n"
    after = "a: {b: 1.5, c: [1, 2]}\nclassical: {search: {knn: {k: [1]}}, seed: 1}\nd: {e: 1}\n"
    assert changed_settings(before, after) == {
        "a.b": 1.5,
        "classical.search": {"knn": {"k": [1]}},
        "d": {"e": 1},
    }
    assert changed_settings(after, after) == {}


def lists_in(settings, above=""):
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from lists_in(value, f"{above}{name}.")
        elif isinstance(value, list):
            yield f"{above}{name}"


@pytest.mark.parametrize("name", list(lists_in(YAML(typ="safe").load(OWN))))
def test_one_experiment_after_another_can_set_a_list(tmp_path, monkeypatch, name):
    # DVC writes the file anew: a comment behind a list would end up within the next one.
    monkeypatch.chdir(tmp_path)
    path = Path(shutil.copy(OWN, "params.yaml"))
    for change in ("demo.seed=1", f"{name}=[]", f"{name}=[a,b]", f"{name}=[c]"):
        apply_overrides(path, [change])
    written = YAML(typ="safe").load(path)
    for part in name.split("."):
        written = written[part]
    assert written == ["c"]


def test_the_old_name_of_the_official_split_is_accepted(tmp_path):
    written = OWN.read_text().replace("method: official", "method: publisher")
    assert "method: publisher" in written
    (tmp_path / "params.yaml").write_text(written)
    assert read_params(tmp_path / "params.yaml").split.method == "official"
