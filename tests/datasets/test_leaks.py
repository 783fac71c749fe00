"""No audio is on two sides, for every source and every split."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.audio.decoding.excerpts import Recording, window_index
from genre_pred.core.splits import artist_groups, inner_round, rounds, taking_part
from genre_pred.core.tables import read_table, write_table
from genre_pred.datasets.clean.tracks import clean_tracks
from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.sources import demo, gtzan
from genre_pred.datasets.sources.catalogue import SOURCES
from genre_pred.datasets.split.methods import split_clips

METHODS = ("official", "grouped", "stratified", "folds")
GENRES = ("Folk", "Rock")


@pytest.fixture(scope="session")
def composed(tmp_path_factory):
    """A small demo collection, in FMA's layout."""
    root = tmp_path_factory.mktemp("demo")
    demo.compose(root, seed=3, artists_per_genre=4, clips_per_artist=1, each=map)
    return root


@pytest.fixture
def fma_large(tmp_path, write_sound):
    """FMA of three subsets: twelve artists, each in one split as FMA has them."""
    rows = []
    for number in range(48):
        genre, artist = GENRES[number % 2], number // 4
        side = ("training", "training", "validation", "test")[artist // 2 % 4]
        subset = ("small", "small", "medium", "large")[number % 4]
        rows.append((number, artist, side, subset, genre))
    for name in ("fma_small", "fma_medium", "fma_large", "fma_full"):
        for number, *_ in rows:
            path = tmp_path / name / "000" / f"{number:06d}.mp3"
            write_sound(path.with_suffix(".wav"), 3, seed=number).rename(path)
    lines = [",artist,set,set,track", ",id,split,subset,genre_top", "track_id,,,,"]
    lines += [",".join(map(str, row)) for row in rows]
    (tmp_path / "fma_metadata").mkdir()
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def write_folder(root, write_sound, artists):
    names = [f"{genre}/{n:02d}.wav" for genre in GENRES for n in range(24)]
    for seed, name in enumerate(names):
        write_sound(root / name, 3, seed=seed)
    if artists:
        table = pd.DataFrame(
            {"path": names, "artist": [f"{n[:4]}{int(n[-6:-4]) // 3}" for n in names]}
        )
        table.to_csv(root / "artists.csv", index=False)
    return root


def write_gtzan(root, write_sound):
    for genre in gtzan.GENRES:
        for number in range(0, 100, 7):
            seed = gtzan.GENRES.index(genre) * 100 + number
            write_sound(root / genre / f"{genre}.{number:05d}.wav", 3, rate=4000, seed=seed)
    return root


def write_precomputed(root):
    """Clips of which some have the same numbers, on one side and across."""
    rng = np.random.default_rng(0)
    n = 80
    values = rng.standard_normal((n, 4)).astype(np.float32)
    values[40:60] = values[0:20]
    sides = rng.choice(["train", "validation", "test"], n, p=[0.6, 0.2, 0.2])
    table = pd.DataFrame({"clip_id": range(n), "genre": np.resize(GENRES, n), "split": sides})
    root.mkdir(exist_ok=True)
    table.to_csv(root / "clips.csv", index=False)
    (root / "features").mkdir()
    np.save(root / "features" / "mine.npy", values)
    return root


@pytest.fixture
def collection(request, tmp_path, params, write_sound, monkeypatch):
    """Clean a source's collection, as the stages do; each track has two windows of a second."""
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path / "cache"))

    def clean(source, method):
        raw = tmp_path / "raw"
        match source:
            case "demo":
                raw = request.getfixturevalue("composed")
            case "gtzan":
                path = write_gtzan(tmp_path / "gtzan", write_sound)
            case "folder" | "folder with artists":
                artists = source.endswith("artists")
                path = write_folder(tmp_path / "music", write_sound, artists)
            case "precomputed":
                path = write_precomputed(tmp_path / "computed")
            case _:
                path = request.getfixturevalue("fma_large")
        kind = source.split()[0]
        data = {"source": kind, "path": str(tmp_path if kind == "demo" else path)}
        sections = {
            "data": params.data.model_copy(update=data | {"subset": "large"}),
            "split": params.split.model_copy(update={"method": method, "n_folds": 3}),
            "clip": params.clip.model_copy(
                update={"min_seconds": 1.0, "clip_seconds": 1.0, "windows_per_track": 2}
            ),
            "clean": params.clean.model_copy(update={"max_rejected": 0.2}),
        }
        asked = params.model_copy(update=sections)
        origin = SOURCES[kind]
        if kind != "demo":
            origin.download(raw, asked, map)
        if origin.contents:
            clips, _ = clean_precomputed(origin.contents(asked))
        else:
            clips, _ = clean_tracks(origin.tracks(raw, asked), asked.clip, asked.clean, map)
        write_table(clips, tmp_path / "clips.parquet")
        return read_table(tmp_path / "clips.parquet"), asked

    return clean


CASES = [
    (source, method)
    for source in (
        "demo", "fma", "fma_small", "fma_medium", "fma_large", "fma_full", "gtzan", "folder",
        "folder with artists", "precomputed",
    )
    for method in METHODS
    if (source.startswith("folder"), method) != (True, "official")  # who has no publisher
    and (source in ("gtzan", "folder", "precomputed"), method) != (True, "grouped")  # nor artists
]  # fmt: skip


@pytest.mark.parametrize(("source", "method"), CASES)
def test_no_audio_is_on_two_sides(source, method, collection):
    clips, params = collection(source, method)
    split = split_clips(clips, params.split)
    clips = taking_part(clips, split)
    trainings = rounds(split, clips, params.split)
    if method == "folds":
        trainings.append(inner_round(clips, params.split, -1, []))
        predicted = [clip_id for training in trainings for clip_id in training.holdout]
        assert sorted(predicted) == sorted(clips["clip_id"])  # each once
    else:
        assert set(split["split"]) == {"train", "validation", "test"}
    artists = artist_groups(clips)
    whole = clips.set_index("clip_id")
    sound = clips["rms_db"].notna().all()
    windows = window_index(clips["clip_id"], Recording.of(clips), params.clip) if sound else None
    if sound:
        assert len(windows) > len(clips)
    for training in trainings:
        judged = set(training.holdout) - set(training.validation)
        parts = [set(training.train), set(training.validation), judged]
        for n, one in enumerate(parts):
            for other in parts[n + 1 :]:
                assert not one & other, "a track on two sides"
                both = (sorted(one), sorted(other))
                contents = [set(whole.loc[part, "content"]) for part in both]
                assert not contents[0] & contents[1], "the same sound on two sides"
                if artists is not None and method != "stratified":
                    names = [set(whole.loc[part, "artist"]) for part in both]
                    assert not names[0] & names[1], "an artist on two sides"
    if windows is not None:
        of_window = windows.merge(split, on="clip_id", how="left", validate="m:1")
        assert of_window["split"].notna().all()
        assert (of_window.groupby("clip_id")["split"].nunique() == 1).all()
        assert (of_window.groupby("clip_id")["fold"].nunique() == 1).all()
