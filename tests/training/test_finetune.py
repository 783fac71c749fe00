"""The training loop, on a small network."""

import numpy as np
import pandas as pd
import pytest
import torch
from small_training import SETTINGS, START
from torch import nn

from genre_pred.config.sections import Finetune
from genre_pred.core.errors import UserError
from genre_pred.core.patch_store import PatchStore
from genre_pred.core.splits import Round
from genre_pred.networks.backbones.vggish import VGGish
from genre_pred.networks.trainable.catalogue import NETWORKS, Network
from genre_pred.networks.trainable.genre_net import GenreNet
from genre_pred.networks.trainable.patch_net import PatchNet
from genre_pred.training.finetuning import finetune as module
from genre_pred.training.finetuning.finetune import build_network, finetune
from genre_pred.training.finetuning.loop import Examples, clip_logits, train_network
from genre_pred.training.finetuning.rows import run_frozen_part, seconds_per_clip


class SmallVGGish(nn.Module):
    """The shape of VGGish with 12,288 convolved numbers of 2 x 2 means, and thin layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 1, 1))
        self.embeddings = nn.Sequential(nn.Linear(96 * 64, 16), nn.ReLU(), nn.Linear(16, 128))

    def convolve(self, patches: torch.Tensor) -> torch.Tensor:
        return self.features(patches.unsqueeze(1)).flatten(1)

    def embed(self, flat: torch.Tensor) -> torch.Tensor:
        return self.embeddings(flat)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        return self.embed(self.convolve(patches))


class SmallNet(PatchNet):
    def __init__(self, n_patches: int, hidden: int, n_genres: int) -> None:
        nn.Module.__init__(self)
        self.backbone = SmallVGGish()
        self.head = nn.Sequential(
            nn.Linear(n_patches * 128, hidden), nn.ReLU(), nn.Linear(hidden, n_genres)
        )


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    build = lambda shape, hidden, n_genres: SmallNet(shape[0], hidden, n_genres)  # noqa: E731
    monkeypatch.setitem(NETWORKS, "small", Network("vggish", "vggish", build))


def collection(n_clips: int = 16, windows: int = 1) -> tuple[PatchStore, pd.DataFrame]:
    """Clips of two genres that differ in the lower half of the bands."""
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(n_clips * windows, 2, 96, 64)).astype(np.float32)
    clip_ids = np.repeat([str(i) for i in range(n_clips)], windows)
    genres = ["a" if i % 2 else "b" for i in range(n_clips)]
    for row, clip_id in enumerate(clip_ids):
        patches[row, :, :, :32] += 0.5 if int(clip_id) % 2 else -0.5
    index = pd.DataFrame({"clip_id": clip_ids, "window": np.tile(np.arange(windows), n_clips)})
    ids = [str(i) for i in range(n_clips)]
    clips = pd.DataFrame({"clip_id": ids, "genre": genres, "artist": pd.NA})
    return PatchStore(patches, index), clips


def examples_of(store: PatchStore, clips: pd.DataFrame) -> Examples:
    targets = clips.set_index("clip_id")["genre"].map({"a": 0, "b": 1})
    clip_ids = store.index["clip_id"].to_numpy(dtype=object)
    return Examples(store.patches, clip_ids, targets.loc[clip_ids].to_numpy())


IDS = [str(i) for i in range(16)]


def net_of(settings: Finetune = SETTINGS) -> GenreNet:
    return build_network("small", (2, 96, 64), 2, settings, START)[0]


def trained(tmp_path, settings: Finetune, on_epoch=lambda _: None):
    store, clips = collection()
    net = net_of(settings)
    frozen = run_frozen_part(net, store.patches, settings, tmp_path / "frozen.npy")
    examples = examples_of(PatchStore(frozen, store.index), clips)
    training = train_network(
        net, examples, IDS[:12], IDS[12:], settings, checkpoint=tmp_path / "check.pt",
        on_epoch=on_epoch,
    )  # fmt: skip
    return net, training


@pytest.mark.parametrize("trainable", ["all", "fc", "head"])
def test_a_dozen_clips_are_overfitted(tmp_path, trainable):
    settings = SETTINGS.model_copy(update={"trainable": trainable, "epochs": 25})
    _, training = trained(tmp_path, settings)
    assert max(row["train_accuracy"] for row in training.history) == 1.0


@pytest.mark.parametrize("trainable", ["all", "fc", "head"])
def test_only_trainable_weights_change(tmp_path, trainable):
    settings = SETTINGS.model_copy(update={"trainable": trainable})
    before = net_of(settings).state_dict()
    net, _ = trained(tmp_path, settings)
    moved = {
        key.rsplit(".", 2)[0]
        for key, value in net.state_dict().items()
        if (value != before[key]).any()
    }
    expected = {"all": {"backbone.features", "backbone.embeddings", "head"}}
    expected |= {"fc": {"backbone.embeddings", "head"}, "head": {"head"}}
    assert moved == expected[trainable]


def test_the_frozen_part_and_the_rest_are_the_whole_network():
    net = PatchNet(2, 8, 3).eval()
    patches = torch.randn(2, 2, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = net(patches)
        for trainable in ("all", "fc", "head"):
            parts = net.classify(net.freeze(patches, trainable), trainable)
            torch.testing.assert_close(parts, whole)
        embeddings = VGGish.forward(net.backbone, patches.flatten(0, 1)).reshape(2, -1)
        torch.testing.assert_close(net.head(embeddings), whole)
    assert net.freeze(patches, "fc").shape == (2, 2, 12_288)


def test_the_best_epoch_is_kept(tmp_path):
    net, training = trained(tmp_path, SETTINGS)
    best = max(
        training.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"])
    )
    assert training.best_epoch == best["epoch"]
    store, clips = collection()
    frozen = net.freeze(torch.from_numpy(store.patches), "fc").detach().numpy()
    examples = examples_of(PatchStore(frozen, store.index), clips)
    scores, ids = clip_logits(net, examples, IDS[12:], SETTINGS)
    truth = np.array([0 if int(i) % 2 else 1 for i in ids])
    loss = -scores[np.arange(4), truth].mean()
    assert loss == pytest.approx(best["validation_loss"], abs=1e-6)


def test_it_stops_when_nothing_gets_better(tmp_path):
    settings = SETTINGS.model_copy(update={"learning_rate": 1e-12, "epochs": 50, "patience": 3})
    _, training = trained(tmp_path, settings)
    assert training.epoch < 50
    assert training.epoch - training.best_epoch == 3


@pytest.mark.parametrize("trainable", ["all", "fc"])
def test_a_killed_training_goes_on_and_ends_the_same(tmp_path, trainable):
    update = {"trainable": trainable, "spec_augment": 0.1 * (trainable == "all")}
    settings = SETTINGS.model_copy(update=update)
    whole, straight = trained(tmp_path / "whole", settings)

    def die(figures):
        if figures["epoch"] == 3:
            raise KeyboardInterrupt

    (tmp_path / "killed").mkdir()
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", settings, die)
    seen = []
    resumed, training = trained(
        tmp_path / "killed", settings, lambda row: seen.append(row["epoch"])
    )
    assert seen == [4, 5, 6]
    assert training.history == straight.history
    for key, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], value), key


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    one, _ = trained(tmp_path / "a", SETTINGS)
    torch.manual_seed(99)  # what happened before must not matter
    two, _ = trained(tmp_path / "b", SETTINGS)
    other, _ = trained(tmp_path / "c", SETTINGS.model_copy(update={"seed": 2}))
    weights = [net.state_dict()["head.0.weight"] for net in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_diverging_training_names_the_learning_rate(tmp_path):
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30, "optimizer": "sgd"})
    with pytest.raises(UserError, match=r"lower finetune\.learning_rate \(1e\+30\)"):
        trained(tmp_path, settings)


def test_windows_of_a_clip_are_averaged():
    store, clips = collection(windows=3)
    net = net_of()
    examples = examples_of(store, clips)
    settings = SETTINGS.model_copy(update={"trainable": "all"})
    scores, ids = clip_logits(net, examples, ["5"], settings)
    rows = torch.from_numpy(store.patches[store.rows_of(["5"])])
    with torch.inference_mode():
        expected = torch.log_softmax(net(rows).double(), 1).mean(0)
    assert ids == ["5"]
    np.testing.assert_allclose(scores[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("trainable", "note"),
    [("fc", "untrained weights: this shows"), ("all", "random weights at the start")],
)
def test_a_network_whose_layers_stay_random_is_called_untrained(tmp_path, trainable, note):
    store, clips = collection()
    split = pd.DataFrame({"clip_id": IDS, "split": "validation", "fold": -1})
    only = Round(-1, IDS[2:], IDS[:2], IDS[:2])
    settings = SETTINGS.model_copy(update={"trainable": trainable, "epochs": 1})
    done = finetune(
        "small", store, clips, split, [only], settings, START, tmp_path, lambda *_: None
    )
    assert done.note.startswith(note)


def test_with_folds_every_clip_is_predicted_once_by_a_network_that_has_not_seen_it(
    tmp_path, monkeypatch
):
    store, clips = collection()
    folds = [i // 4 for i in range(16)]
    split = pd.DataFrame({"clip_id": IDS, "split": "validation", "fold": folds})
    turns = [
        Round(
            fold,
            [i for i in IDS if folds[int(i)] != fold][2:],
            [i for i in IDS if folds[int(i)] != fold][:2],
            [i for i in IDS if folds[int(i)] == fold],
        )
        for fold in range(4)
    ]
    learnt = []
    straight = module.train_network

    def spy(net, examples, train, validation, *rest, **named):
        learnt.append({*train, *validation})
        return straight(net, examples, train, validation, *rest, **named)

    monkeypatch.setattr(module, "train_network", spy)
    last = Round(-1, IDS[2:], IDS[:2], [])
    done = finetune(
        "small", store, clips, split, [*turns, last], SETTINGS, START, tmp_path, lambda *_: None
    )
    assert sorted(done.predictions["clip_id"]) == sorted(IDS)
    for turn, seen in zip(turns, learnt, strict=False):
        assert not seen & set(turn.holdout)
    assert learnt[-1] == set(IDS)
    assert done.predictions[["a", "b"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(16))


def test_the_time_of_a_killed_training_is_that_of_all_its_runs(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(
        "genre_pred.training.finetuning.finetune.time.perf_counter", lambda: clock[0]
    )
    store, clips = collection()
    split = pd.DataFrame({"clip_id": IDS, "split": "validation", "fold": -1})
    only = [Round(-1, IDS[2:], IDS[:2], IDS[:2])]

    def train(on_epoch):
        return finetune("small", store, clips, split, only, SETTINGS, START, tmp_path, on_epoch)

    def ten_seconds_pass(_, figures):
        clock[0] += 10

    def die(_, figures):
        ten_seconds_pass(_, figures)
        if figures["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(die)
    clock[0] = 1000.0
    assert train(ten_seconds_pass).seconds == 20 + 30  # the third epoch was kept before its ten


def test_the_time_of_a_clip_is_that_of_all_its_windows(monkeypatch):
    store, _ = collection(n_clips=4, windows=3)
    clock = iter([50.0, 58.0])  # after the first, and after eight more
    monkeypatch.setattr(
        "genre_pred.training.finetuning.finetune.time.perf_counter", lambda: next(clock)
    )
    assert seconds_per_clip(net_of(), store) == 3.0
