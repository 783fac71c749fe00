"""FMA from a server on this machine that behaves as badly as servers do."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from loopback import cutting, failing, lying, shorter, without_ranges
from test_archives import checksums_of, write_zip

from genre_pred.core.errors import UserError
from genre_pred.core.files import DiskFull
from genre_pred.datasets.sources import fma_archives
from genre_pred.datasets.sources.archives import ArchiveError
from genre_pred.datasets.sources.catalogue import SOURCES
from genre_pred.datasets.sources.fma_archives import ARCHIVES, SUBSET_OF, Archive, download, find
from genre_pred.datasets.sources.listing import SourceError

TRACKS = """,artist,set,set,track
,id,split,subset,genre_top
track_id,,,,
2,1,training,small,Hip-Hop
5,1,training,small,Hip-Hop
10,6,validation,small,Pop
140,9,test,small,Hip-Hop
1041,9,test,medium,Pop
"""
IDS = (2, 5, 10, 140, 1041)
AUDIO = {f"{n:06d}"[:3] + f"/{n:06d}.mp3": np.random.default_rng(n).bytes(500_000) for n in IDS}


@pytest.fixture
def publisher(tmp_path, server, monkeypatch):
    """A server with tiny archives of FMA's layout, whose hashes are in the table of facts."""
    files = {
        "fma_metadata": {"tracks.csv": TRACKS.encode(), "README.txt": b"FMA"},
        "fma_small": dict(list(AUDIO.items())[:4]),
        "fma_medium": AUDIO,
        "fma_full": AUDIO,
    }
    for name, members in files.items():
        body = write_zip(tmp_path / f"{name}.zip", members, top=name).read_bytes()
        (tmp_path / f"{name}.zip").unlink()
        server.files[f"{name}.zip"] = body
        sha1 = hashlib.sha1(body).hexdigest()
        monkeypatch.setitem(ARCHIVES, name, Archive(len(body), len(body), sha1))
    monkeypatch.setattr(fma_archives, "URL", f"{server.url}/")
    monkeypatch.setenv("GENRE_PRED_CACHE", str(tmp_path / "cache"))
    return server


@pytest.fixture
def asked(params, tmp_path):
    """The params for a source, with an empty folder as data.path."""
    (tmp_path / "local").mkdir()

    def ask(source, **changes):
        changes = {"source": source, "path": str(tmp_path / "local")} | changes
        data = params.data.model_copy(update=changes)
        return params.model_copy(update={"data": data})

    return ask


def held(tmp_path, name):
    root = tmp_path / "cache" / "fma" / name
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.glob("*/*.mp3")}


def test_the_facts_are_the_publisher_s():
    assert fma_archives.URL == "https://os.unil.cloud.switch.ch/fma/"
    assert [archive.sha1[:6] for archive in ARCHIVES.values()] == [
        "f0df49", "ade154", "c67b69", "497109", "0f0ace",
    ]  # fmt: skip
    assert {len(archive.sha1) for archive in ARCHIVES.values()} == {40}
    assert set(ARCHIVES) - {"fma_metadata"} == set(SUBSET_OF) <= set(SOURCES)


def test_fma_small_is_downloaded_unpacked_and_listed(publisher, asked, tmp_path):
    params, raw = asked("fma_small"), tmp_path / "raw"
    n_files = SOURCES["fma_small"].download(raw, params, map)
    listing = pd.read_csv(raw / "listing.csv")
    assert len(listing) == n_files
    assert listing["path"].tolist() == [
        "fma_metadata/README.txt",
        "fma_metadata/checksums",
        "fma_metadata/tracks.csv",
        "fma_small/000/000002.mp3",
        "fma_small/000/000005.mp3",
        "fma_small/000/000010.mp3",
        "fma_small/000/000140.mp3",
        "fma_small/checksums",
    ]
    tracks = SOURCES["fma_small"].tracks(raw, params)
    assert tracks["clip_id"].tolist() == ["2", "5", "10", "140"]
    assert tracks["split"].tolist() == ["train", "train", "validation", "test"]
    for path, clip_id in zip(tracks["path"], tracks["clip_id"], strict=True):
        assert Path(path).read_bytes() == AUDIO[f"000/{int(clip_id):06d}.mp3"]
    assert publisher.asked == ["fma_metadata.zip", "fma_small.zip"]
    assert SOURCES["fma_small"].download(raw, params, map) == n_files  # nothing is asked again
    assert len(publisher.asked) == 2


@pytest.mark.parametrize(("name", "n_tracks"), [("fma_medium", 5), ("fma_full", 5)])
def test_the_subset_follows_from_the_name(publisher, asked, tmp_path, name, n_tracks):
    params = asked(name, subset="small")
    SOURCES[name].download(tmp_path / "raw", params, map)
    tracks = SOURCES[name].tracks(tmp_path / "raw", params)
    assert len(tracks) == n_tracks
    assert tracks["path"].iloc[-1].endswith(f"{name}/001/001041.mp3")
    assert held(tmp_path, name) == AUDIO


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([cutting] * 9, id="cut again and again"),
        pytest.param([cutting, without_ranges], id="range ignored"),
        pytest.param([failing(500), cutting, failing(503), without_ranges], id="busy"),
    ],
)
def test_a_server_that_recovers_gives_the_right_tree(publisher, asked, tmp_path, answers):
    publisher.answers = list(answers)
    SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert held(tmp_path, "fma_small") == dict(list(AUDIO.items())[:4])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(lying, "sha1 is .* the download was removed", id="wrong bytes"),
        pytest.param(shorter, "sha1 is .* the download was removed", id="wrong length"),
        pytest.param(failing(500), "answers 500", id="500"),
        pytest.param(failing(404), "answers 404", id="404"),
    ],
)
def test_a_server_that_does_not_leaves_no_tree_and_a_later_run_mends_it(
    publisher, asked, tmp_path, answer, said
):
    publisher.answers = [without_ranges, answer]
    with pytest.raises(UserError, match=said):
        SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert not (tmp_path / "raw").exists()
    assert not held(tmp_path, "fma_small")
    with pytest.raises(SourceError, match="download it with dvc repro -f download"):
        SOURCES["fma_small"].tracks(tmp_path / "raw", asked("fma_small"))
    publisher.answers = [without_ranges]
    SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert held(tmp_path, "fma_small") == dict(list(AUDIO.items())[:4])
    assert publisher.asked.count("fma_metadata.zip") == 1


def test_a_mirror_may_be_named(publisher, asked, tmp_path, monkeypatch):
    monkeypatch.setattr(fma_archives, "URL", "http://127.0.0.1:9/")
    url = publisher.url
    for name in list(publisher.files):
        publisher.files[f"mirror/{name}"] = publisher.files.pop(name)
    SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small", url=f"{url}/mirror"), map)
    assert publisher.asked == ["mirror/fma_metadata.zip", "mirror/fma_small.zip"]


def test_local_archives_are_unpacked_into_the_cache(publisher, asked, tmp_path):
    for name in ("fma_metadata.zip", "fma_small.zip"):
        (tmp_path / "local" / name).write_bytes(publisher.files[name])
    SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert held(tmp_path, "fma_small") == dict(list(AUDIO.items())[:4])
    assert sorted(p.name for p in (tmp_path / "local").iterdir()) == [
        "fma_metadata.zip",
        "fma_small.zip",
    ]
    assert publisher.asked == []


def test_a_local_archive_with_another_hash_is_refused(publisher, asked, tmp_path):
    body = publisher.files["fma_small.zip"]
    (tmp_path / "local" / "fma_small.zip").write_bytes(body[:-1])
    with pytest.raises(ArchiveError, match="is incomplete, or not the publisher's: its sha1 is"):
        SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert not held(tmp_path, "fma_small")


def test_an_unpacked_tree_is_used_as_it_is(publisher, asked, tmp_path):
    download("fma_small", tmp_path / "local", None)
    for name in ("fma_metadata", "fma_small"):
        shutil.move(tmp_path / "cache" / "fma" / name, tmp_path / "local" / name)
    publisher.asked.clear()
    params = asked("fma_small")
    SOURCES["fma_small"].download(tmp_path / "raw", params, map)
    assert publisher.asked == []
    tracks = SOURCES["fma_small"].tracks(tmp_path / "raw", params)
    assert tracks["path"].iloc[0] == (tmp_path / "local/fma_small/000/000002.mp3").as_posix()


def test_a_missing_folder_is_an_error_and_not_a_download(publisher, asked, tmp_path):
    with pytest.raises(SourceError, match="is not a folder: set data.path"):
        download("fma_small", tmp_path / "misspelt", None)
    assert publisher.asked == []


def test_room_for_archive_and_tree_is_asked_for_first(publisher, asked, tmp_path, monkeypatch):
    n_small = len(publisher.files["fma_small.zip"])
    monkeypatch.setitem(ARCHIVES, "fma_small", Archive(n_small, 10**15, "0" * 40))
    with pytest.raises(DiskFull, match=r"1000000\.0 GB are needed"):
        download("fma_small", tmp_path / "local", None)
    assert publisher.asked == []


def test_tracks_csv_of_another_version_is_a_clear_error(publisher, asked, tmp_path):
    download("fma_small", tmp_path / "local", None)
    path = find("fma_metadata", tmp_path / "local") / "tracks.csv"
    path.write_text(TRACKS.replace("genre_top", "top"))
    with pytest.raises(SourceError, match=r"tracks\.csv lacks the column .*genre_top"):
        SOURCES["fma_small"].tracks(tmp_path / "raw", asked("fma_small"))
    path.write_text(TRACKS.replace("validation", "dev"))
    with pytest.raises(SourceError, match="gives track 10 the split 'dev'; known are training"):
        SOURCES["fma_small"].tracks(tmp_path / "raw", asked("fma_small"))


@pytest.mark.parametrize("wrong", ["path", "checksum", "page"])
def test_an_archive_that_is_served_as_published_but_hostile_leaves_no_tree(
    publisher, asked, tmp_path, monkeypatch, wrong
):
    path = tmp_path / "hostile.zip"
    match wrong:
        case "path":
            write_zip(path, AUDIO | {"../../../evil": b"evil"})
        case "checksum":
            write_zip(path, AUDIO, checksums=checksums_of(AUDIO | {"000/000010.mp3": b"other"}))
        case "page":
            path.write_bytes(b"<html>moved</html>")
    body = path.read_bytes()
    path.unlink()
    publisher.files["fma_small.zip"] = body
    facts = Archive(len(body), len(body), hashlib.sha1(body).hexdigest())
    monkeypatch.setitem(ARCHIVES, "fma_small", facts)
    with pytest.raises(ArchiveError, match="would land outside|has the sha1|is damaged"):
        SOURCES["fma_small"].download(tmp_path / "raw", asked("fma_small"), map)
    assert find("fma_small", tmp_path / "local") is None
    assert not (tmp_path / "raw").exists()
    assert not list(tmp_path.rglob("evil"))


# Of FMA-small itself, clean must find 99134, 108925 and 133297 (no audio) and 98565, 98567 and
# 98569 (about a second) by decoding them; no list of them stands in the code.
