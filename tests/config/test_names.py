"""The names allowed in params.yaml are those implemented, with their requirements."""

from genre_pred.audio.descriptors.sets import DESCRIPTORS
from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.config import names
from genre_pred.config.classical import Classical
from genre_pred.networks.embedding.patches_to_embeddings import BACKBONES
from genre_pred.networks.trainable import catalogue as networks
from genre_pred.networks.trainable.catalogue import NETWORKS
from genre_pred.training.classical.classifiers import CLASSIFIERS
from genre_pred.training.classical.features import FEATURE_SETS

KEYS = {"embeddings": "embed.backbones", "descriptors": "descriptors.sets", "mel": "mel.front_ends"}


def test_front_ends_and_descriptors_are_those_implemented():
    frames = {name: each.sample_rate / each.hop_length for name, each in FRONT_ENDS.items()}
    assert frames == names.FRONT_ENDS
    assert set(names.DESCRIPTORS) == set(DESCRIPTORS)


def test_backbones_and_networks_have_their_front_ends():
    assert names.PICTURES == networks.PICTURES
    assert {name: it.front_end for name, it in BACKBONES.items()} == names.BACKBONES
    assert {name: it.front_end for name, it in NETWORKS.items()} == names.NETWORKS


def test_feature_sets_name_their_inputs():
    made_of = {name: (KEYS[it.kind], it.origin) for name, it in FEATURE_SETS.items()}
    assert made_of == names.FEATURES


def test_every_classifier_has_a_section():
    assert set(Classical.known()) | {"majority"} == set(CLASSIFIERS)
