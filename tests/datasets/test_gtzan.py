"""GTZAN from a folder, an archive and an address, and its fault-filtered split."""

import ast
import hashlib
import importlib.util
import tarfile
from pathlib import Path

import pytest

from genre_pred.config.sections import Clean
from genre_pred.core.errors import UserError
from genre_pred.core.tables import APART_BY, TRACK_COLUMNS
from genre_pred.datasets.clean.tracks import clean_tracks
from genre_pred.datasets.sources import gtzan
from genre_pred.datasets.sources.archives import ArchiveError
from genre_pred.datasets.sources.catalogue import SOURCES
from genre_pred.datasets.sources.fault_filtered import FAULT_FILTERED
from genre_pred.datasets.sources.gtzan import GENRES, LAYOUTS, read_tracks
from genre_pred.datasets.sources.listing import SourceError


@pytest.fixture
def write_gtzan(write_sound):
    """Write a small GTZAN: of each genre these numbers."""

    def write(root, numbers=(0, 1, 30), genres=GENRES, suffix=".wav"):
        for genre in genres:
            for number in numbers:
                path = root / genre / f"{genre}.{number:05d}{suffix}"
                write_sound(path, 0.1, seed=GENRES.index(genre) * 100 + number)
        return root

    return write


@pytest.fixture
def ask(params, tmp_path, monkeypatch):
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path / "cache"))

    def ask(path, method="official", **changes):
        changes = {"source": "gtzan", "path": str(path)} | changes
        sections = {
            "data": params.data.model_copy(update=changes),
            "split": params.split.model_copy(update={"method": method}),
        }
        return params.model_copy(update=sections)

    return ask


def read_clips(tmp_path, asked):
    n_files = SOURCES["gtzan"].download(tmp_path / "raw", asked, map)
    assert (tmp_path / "raw" / "listing.csv").is_file()
    return n_files, SOURCES["gtzan"].tracks(tmp_path / "raw", asked)


# the split


def test_the_split_has_its_published_size():
    sides = list(FAULT_FILTERED.values())
    assert {side: sides.count(side) for side in sides} == {
        "train": 443,
        "validation": 197,
        "test": 290,
    }
    assert len(FAULT_FILTERED) == 930  # no clip on two sides


def test_the_split_is_torchaudio_s():
    spec = importlib.util.find_spec("torchaudio")
    lists = spec and Path(spec.submodule_search_locations[0]) / "datasets" / "gtzan.py"
    if not lists or not lists.is_file():
        pytest.skip("this torchaudio has no datasets.gtzan")
    # read, not imported: its compiled library need not load
    told = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(lists.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id.startswith("filtered_")
    }
    for side, name in {"train": "train", "validation": "valid", "test": "test"}.items():
        ours = {clip_id for clip_id, its in FAULT_FILTERED.items() if its == side}
        assert ours == set(told[f"filtered_{name}"])


# layouts


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_understood(tmp_path, write_gtzan, ask, layout):
    write_gtzan(tmp_path / "copy" / layout)
    n_files, tracks = read_clips(tmp_path, ask(tmp_path / "copy", "folds"))
    assert n_files == len(tracks) == 30
    assert list(tracks) == [*TRACK_COLUMNS, APART_BY]
    assert tracks["clip_id"].tolist()[:4] == [
        "blues.00000",
        "blues.00001",
        "blues.00030",
        "classical.00000",
    ]
    assert tracks["genre"].tolist()[::3] == list(GENRES)
    assert tracks["artist"].isna().all()
    assert set(tracks["split"]) <= {"train", "validation", "test", "left out"}
    assert all(Path(path).is_file() for path in tracks["path"])


def test_the_publisher_s_split_is_the_fault_filtered_one(tmp_path, write_gtzan, ask):
    write_gtzan(tmp_path / "copy", range(0, 100, 10))
    _, tracks = read_clips(tmp_path, ask(tmp_path / "copy"))
    named = tracks["clip_id"].isin(list(FAULT_FILTERED))
    listed = tracks[named]
    assert listed["split"].tolist() == listed["clip_id"].map(FAULT_FILTERED).tolist()
    assert len(listed) == sum(name.endswith("0") for name in FAULT_FILTERED)
    assert len(tracks) == 100
    assert set(tracks.loc[~named, "split"]) == {"left out"}
    assert set(tracks["apart_by"]) == {"fault-filtered"}


def test_au_files_and_apple_s_ghosts(tmp_path, write_gtzan):
    root = write_gtzan(tmp_path, suffix=".au")
    (root / "blues" / "._blues.00000.au").write_bytes(b"ghost")
    assert len(read_tracks(root)) == 30


def test_missing_genres_are_named(tmp_path, write_gtzan, ask):
    write_gtzan(tmp_path / "copy", genres=[g for g in GENRES if g not in ("jazz", "rock")])
    with pytest.raises(SourceError, match=r"has 8 of GTZAN's 10 genres; it has no folder jazz, "):
        read_clips(tmp_path, ask(tmp_path / "copy"))
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("there", [True, False])
def test_without_a_copy_the_error_explains_how_to_get_one(tmp_path, ask, there):
    if there:
        (tmp_path / "copy").mkdir()
    with pytest.raises(SourceError, match="its official download no longer works: set data.path"):
        read_clips(tmp_path, ask(tmp_path / "copy"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blues/blues.1.wav", r"has blues\.1: GTZAN's clips have names like blues\.00000"),
        ("blues/blues.00000.0.wav", r"has blues\.00000\.0"),  # a cut of three seconds
        ("blues/jazz.00007.wav", r"has jazz\.00007 as blues"),
        ("blues/more/blues.00000.wav", r"has blues\.00000 twice"),
    ],
)
def test_a_file_that_is_not_of_gtzan_is_reported(tmp_path, write_gtzan, write_sound, name, said):
    root = write_gtzan(tmp_path)
    write_sound(root / name)
    with pytest.raises(SourceError, match=said):
        read_tracks(root)


def test_a_file_that_is_no_riff_file_is_rejected_and_the_rest_goes_on(
    tmp_path, write_gtzan, params
):
    root = write_gtzan(tmp_path, (0, 54))
    (root / "jazz" / "jazz.00054.wav").write_bytes(bytes(range(256)) * 40)
    tracks = read_tracks(root)
    clip = params.clip.model_copy(update={"min_seconds": 0.05})
    clips, rejected = clean_tracks(tracks, clip, Clean(min_rms_db=-60.0, max_rejected=0.05), map)
    assert rejected["clip_id"].tolist() == ["jazz.00054"]
    assert "is not a sound file that can be decoded" in rejected["reason"].iloc[0]
    assert len(clips) == 19


# archives


@pytest.fixture
def archive(tmp_path, write_gtzan):
    write_gtzan(tmp_path / "genres")
    path = tmp_path / "own" / "genres.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as opened:
        opened.add(tmp_path / "genres", "genres")
    return path


@pytest.mark.parametrize("name", [".", "genres.tar.gz"])
def test_a_local_archive_is_unpacked_into_the_cache(tmp_path, archive, ask, name):
    asked = ask(archive.parent / name, "folds")
    assert read_clips(tmp_path, asked)[0] == 30
    _, tracks = read_clips(tmp_path, asked)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    assert (
        tracks["path"].iloc[0]
        == (
            tmp_path / "cache" / "gtzan" / md5 / "unpacked" / "genres" / "blues" / "blues.00000.wav"
        ).as_posix()
    )
    assert [path.name for path in archive.parent.iterdir()] == ["genres.tar.gz"]


def test_a_local_archive_is_compared_with_the_md5_of_the_settings(tmp_path, archive, ask):
    with pytest.raises(ArchiveError, match="instead of data.md5 = 0000"):
        read_clips(tmp_path, ask(archive, md5="0" * 32))
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    assert read_clips(tmp_path, ask(archive, "folds", md5=md5))[0] == 30


def test_a_zip_file_is_to_be_unpacked_by_hand(tmp_path, ask):
    path = tmp_path / "archive.zip"
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(SourceError, match="is a zip file: unpack it"):
        read_clips(tmp_path, ask(path))


def test_a_url_is_downloaded_and_its_md5_compared(tmp_path, archive, ask, server, monkeypatch):
    monkeypatch.setattr(gtzan, "ABOUT_BYTES", 1000)
    server.files["genres.tar.gz"] = archive.read_bytes()
    url = f"{server.url}/genres.tar.gz"
    with pytest.raises(UserError, match=f"its md5 is .* instead of {gtzan.MD5}; the download was"):
        read_clips(tmp_path, ask(tmp_path / "music", url=url))
    assert not (tmp_path / "raw").exists()
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    asked = ask(tmp_path / "music", "folds", url=url, md5=md5)
    assert read_clips(tmp_path, asked)[0] == read_clips(tmp_path, asked)[0] == 30
    assert len(server.asked) == 2


def test_the_original_s_md5_is_known():
    assert gtzan.MD5 == "5b3d6dddb579ab49814ab86dba69e7c7"
