"""Collections on disk: FMA's layout, a local folder, and its listing."""

import errno
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from genre_pred.core.tables import TRACK_COLUMNS
from genre_pred.datasets.sources.catalogue import SOURCES
from genre_pred.datasets.sources.fma import read_tracks as read_fma
from genre_pred.datasets.sources.folder import read_tracks as read_folder
from genre_pred.datasets.sources.listing import SourceError, files_under, write_listing

# FMA's own header: two rows of names, then one with the index's name alone.
HEADER = """,artist,set,set,track,track
,id,split,subset,genre_top,title
track_id,,,,,
"""
ROWS = """2,1,training,small,Hip-Hop,Food
10,6,validation,small,Pop,"One, ""Two"" 3"
5,1,test,small,Hip-Hop,
140,54,training,medium,Folk,x
141,,test,large,Folk,x
20,4,training,large,,no genre
155000,7,training,medium,Rock,x
"""


@pytest.fixture
def fma(tmp_path):
    (tmp_path / "fma_metadata").mkdir()
    (tmp_path / "fma_metadata" / "tracks.csv").write_text(HEADER + ROWS)
    return tmp_path


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


# fma


def test_fma_tracks_have_the_publisher_s_split_and_path(fma):
    tracks = read_fma(fma, "small")
    assert list(tracks) == list(TRACK_COLUMNS)
    assert tracks["clip_id"].tolist() == ["2", "5", "10"]
    assert tracks["genre"].tolist() == ["Hip-Hop", "Hip-Hop", "Pop"]
    assert tracks["split"].tolist() == ["train", "test", "validation"]
    assert tracks["artist"].tolist() == ["1", "1", "6"]
    assert tracks["path"].iloc[2] == (fma / "fma_small" / "000" / "000010.mp3").as_posix()


def test_each_fma_subset_holds_the_one_before(fma):
    ids = {subset: read_fma(fma, subset)["clip_id"].tolist() for subset in ("medium", "large")}
    assert ids["medium"] == ["2", "5", "10", "140", "155000"]
    assert ids["large"] == ["2", "5", "10", "140", "141", "155000"]
    tracks = read_fma(fma, "medium")
    assert tracks["path"].iloc[-1] == (fma / "fma_medium" / "155" / "155000.mp3").as_posix()


def test_an_fma_artist_without_a_number_is_unknown(fma):
    tracks = read_fma(fma, "large").set_index("clip_id")
    assert tracks["artist"].isna().tolist() == [False, False, False, False, True, False]
    assert tracks["artist"]["140"] == "54"


def test_fma_without_metadata_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"tracks\.csv is missing: is .* an FMA tree\?"):
        read_fma(tmp_path, "small")


@pytest.mark.parametrize("absent", ["genre_top", "subset", "split"])
def test_fma_without_a_column_is_a_sentence(fma, absent):
    path = fma / "fma_metadata" / "tracks.csv"
    path.write_text(path.read_text().replace(absent, "other"))
    with pytest.raises(SourceError, match=f"lacks the column .*{absent}"):
        read_fma(fma, "small")


def test_fma_s_other_csv_files_are_not_tracks_csv(fma):
    (fma / "fma_metadata" / "tracks.csv").write_text("genre_id,#tracks\n1,8693\n2,5271\n3,1752\n")
    with pytest.raises(SourceError, match="lacks the column"):
        read_fma(fma, "small")


def test_an_fma_subset_without_tracks_is_a_sentence(fma):
    path = fma / "fma_metadata" / "tracks.csv"
    path.write_text(HEADER + "7,1,training,large,Folk,x\n")
    with pytest.raises(SourceError, match="lists no track of fma_medium"):
        read_fma(fma, "medium")


# folder


def test_a_genre_is_the_sub_folder_whatever_the_depth(tmp_path):
    touch(tmp_path, "jazz/a.mp3", "jazz/Miles/1959/So What.FLAC", "blues/b.wav")
    tracks = read_folder(tmp_path)
    assert list(tracks) == list(TRACK_COLUMNS)
    assert tracks["clip_id"].tolist() == [
        "blues/b.wav",
        "jazz/Miles/1959/So What.FLAC",
        "jazz/a.mp3",
    ]
    assert tracks["genre"].tolist() == ["blues", "jazz", "jazz"]
    assert tracks["path"].iloc[0] == (tmp_path / "blues" / "b.wav").as_posix()
    assert tracks["artist"].isna().all()
    assert tracks["split"].isna().all()


def test_only_sound_counts_and_nothing_hidden(tmp_path):
    touch(tmp_path, "jazz/a.mp3", "jazz/cover.jpg", "jazz/._a.mp3", ".trash/b.mp3", "jazz/.x/c.mp3")
    touch(tmp_path, "notes.txt", ".DS_Store", "jazz/list.m3u")
    assert read_folder(tmp_path)["clip_id"].tolist() == ["jazz/a.mp3"]


def test_a_collection_in_a_hidden_folder_is_not_hidden(tmp_path):
    root = touch(tmp_path / ".music", "jazz/a.mp3")
    assert read_folder(root)["clip_id"].tolist() == ["jazz/a.mp3"]


def test_names_may_hold_any_letter(tmp_path):
    names = ["Русский рок/Кино – «Звезда».mp3", 'bossa nova/João\'s "hit", 1.mp3', "歌/音 楽.wav"]
    touch(tmp_path, *names)
    artists = pd.DataFrame({"path": names, "artist": ["Кино", "João, Astrud", "何か"]})
    artists.to_csv(tmp_path / "artists.csv", index=False)
    tracks = read_folder(tmp_path)
    assert sorted(tracks["clip_id"]) == sorted(names)
    assert dict(zip(tracks["genre"], tracks["artist"], strict=True)) == {
        "Русский рок": "Кино",
        "bossa nova": "João, Astrud",
        "歌": "何か",
    }


def test_a_sound_outside_any_genre_is_named(tmp_path):
    touch(tmp_path, "jazz/a.mp3", "lost.mp3")
    with pytest.raises(SourceError, match=r"1 audio files are in no genre.*lost\.mp3"):
        read_folder(tmp_path)


@pytest.mark.parametrize("name", ["split", "clip_id", "unknown", "genre_set", "genre"])
def test_a_genre_cannot_be_called_as_a_column_beside_the_genres(tmp_path, name):
    touch(tmp_path, "jazz/a.mp3", f"{name}/b.mp3")
    with pytest.raises(SourceError, match=f"cannot be called {name}: rename the folder"):
        read_folder(tmp_path)


def test_a_folder_without_audio_is_reported_with_the_layout(tmp_path):
    touch(tmp_path, "jazz/cover.jpg")
    with pytest.raises(SourceError, match=r"holds no audio files: .*GENRE/song\.mp3"):
        read_folder(tmp_path)


@pytest.mark.parametrize("make", [True, False])
def test_an_empty_or_missing_folder_is_a_sentence(tmp_path, make):
    root = tmp_path / "music"
    if make:
        root.mkdir()
    with pytest.raises(SourceError, match="is empty" if make else "is not a folder"):
        read_folder(root)


@pytest.mark.parametrize("copy", ["tmpab12", "standalone/tmpab12"])  # --queue and --temp
def test_in_a_copy_of_the_repository_the_error_asks_for_an_absolute_path(
    tmp_path, monkeypatch, copy
):
    repository = tmp_path / ".dvc" / "tmp" / "exps" / copy
    repository.mkdir(parents=True)
    monkeypatch.chdir(repository)
    with pytest.raises(SourceError, match="set data.path to an absolute path"):
        read_folder(Path("music"))
    with pytest.raises(SourceError) as caught:
        read_folder(tmp_path / "music")
    assert "copy of the repository" not in str(caught.value)


# artists.csv


@pytest.fixture
def songs(tmp_path):
    return touch(tmp_path, "blues/b.mp3", "jazz/a.mp3")


def test_artists_are_read_by_path_in_any_order(songs):
    (songs / "artists.csv").write_text("artist,year,path\nX,1,jazz/a.mp3\n7,2,blues/b.mp3\n")
    tracks = read_folder(songs)
    assert tracks["artist"].tolist() == ["7", "X"]
    assert tracks["artist"].dtype == "string"


def test_artists_may_be_called_na_or_none(songs):
    (songs / "artists.csv").write_text("path,artist\njazz/a.mp3,NA\nblues/b.mp3,None\n")
    assert read_folder(songs)["artist"].tolist() == ["None", "NA"]


def test_the_mark_that_excel_puts_first_does_no_harm(songs):
    (songs / "artists.csv").write_text(
        "path,artist\njazz/a.mp3,X\nblues/b.mp3,Y\n", encoding="utf-8-sig"
    )
    assert read_folder(songs)["artist"].tolist() == ["Y", "X"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("path,artist\njazz/a.mp3,X\n", r"has no artist for 1 of 2 files \(such as blues/b\.mp3\)"),
        ("path,artist\njazz/a.mp3,X\nblues/b.mp3,\n", r"has no artist for 1 of 2 files"),
        ("path,artist\njazz/a.mp3,X\njazz/a.mp3,X\n", r"lists jazz/a\.mp3 twice"),
        ("file,artist\njazz/a.mp3,X\n", "must have the columns path and artist"),
        ("path;artist\njazz/a.mp3;X\n", "must have the columns path and artist"),
        ("", "is not a table"),
        ("path,artist\na,b,c\nd,e,f,g\n", "is not a table"),
    ],
)
def test_artists_that_do_not_fit_the_files_are_a_clear_error(songs, content, said):
    (songs / "artists.csv").write_text(content)
    with pytest.raises(SourceError, match=said):
        read_folder(songs)


def test_artists_in_another_encoding_are_a_clear_error(songs):
    (songs / "artists.csv").write_bytes("path,artist\njazz/a.mp3,Böhse\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"artists\.csv is not a table in UTF-8"):
        read_folder(songs)


# listing


def list_files(root, raw):
    n_files = write_listing(root, raw, map)
    table = pd.read_csv(raw / "listing.csv")
    assert len(table) == n_files
    return table


def test_a_listing_holds_every_file_with_its_size_and_md5(tmp_path):
    root = touch(tmp_path / "music", "jazz/a.mp3", "é/b c.txt", "artists.csv", "jazz/.hidden")
    table = list_files(root, tmp_path / "raw")
    assert table["path"].tolist() == ["artists.csv", "jazz/a.mp3", "é/b c.txt"]
    assert table["bytes"].tolist() == [len(name.encode()) for name in table["path"]]
    assert table["md5"].tolist() == [
        hashlib.md5(name.encode()).hexdigest() for name in table["path"]
    ]


@pytest.mark.parametrize("change", ["added", "changed", "renamed", "removed", "nothing"])
def test_a_listing_tells_of_every_change(tmp_path, change):
    root, raw = touch(tmp_path / "music", "jazz/a.mp3", "jazz/b.mp3"), tmp_path / "raw"
    list_files(root, raw)
    before = (raw / "listing.csv").read_bytes()
    match change:
        case "added":
            touch(root, "jazz/c.mp3")
        case "changed":  # and as long as before
            (root / "jazz" / "a.mp3").write_bytes(b"jazz/x.mp3")
        case "renamed":
            (root / "jazz" / "a.mp3").rename(root / "jazz" / "aa.mp3")
        case "removed":
            (root / "jazz" / "a.mp3").unlink()
    list_files(root, raw)
    assert ((raw / "listing.csv").read_bytes() == before) == (change == "nothing")


def test_a_missing_collection_leaves_no_listing(tmp_path):
    with pytest.raises(SourceError, match="set data.path"):
        write_listing(tmp_path / "music", tmp_path / "raw", map)
    assert not (tmp_path / "raw").exists()


# the registry


def test_a_local_folder_goes_through_the_catalogue(tmp_path, params):
    root = touch(tmp_path / "music", "jazz/a.mp3", "blues/b.mp3")
    data = params.data.model_copy(update={"source": "folder", "path": str(root)})
    asked = params.model_copy(update={"data": data})
    source = SOURCES["folder"]
    assert source.download(tmp_path / "raw", asked, map) == 2
    pd.testing.assert_frame_equal(source.tracks(tmp_path / "raw", asked), read_folder(root))


def test_an_fma_subset_goes_through_the_registry(fma, params):
    data = params.data.model_copy(update={"source": "fma", "path": str(fma), "subset": "medium"})
    tracks = SOURCES["fma"].tracks(fma / "raw", params.model_copy(update={"data": data}))
    assert len(tracks) == 5


def test_links_that_lead_nowhere_or_in_circles(tmp_path, write_sound):
    (tmp_path / "music" / "jazz").mkdir(parents=True)
    write_sound(tmp_path / "music" / "jazz" / "a.wav")
    (tmp_path / "music" / "jazz" / "round").symlink_to(tmp_path / "music")
    assert [file.name for file in files_under(tmp_path / "music")] == ["a.wav"]
    (tmp_path / "music" / "jazz" / "gone.wav").symlink_to(tmp_path / "nothing")
    with pytest.raises(SourceError, match=r"gone\.wav is a broken link"):
        files_under(tmp_path / "music")


def test_the_target_of_a_link_is_listed_at_its_real_path(tmp_path):
    touch(tmp_path, "music/jazz/0.mp3", "music/blues/1.mp3", "elsewhere/2.mp3")
    (tmp_path / "music" / "a").symlink_to("jazz")
    (tmp_path / "music" / "blues" / "best").symlink_to("../jazz")
    (tmp_path / "music" / "rock").symlink_to("../elsewhere")
    (tmp_path / "music" / "blues" / "too").symlink_to("../../elsewhere")
    listed = [f.relative_to(tmp_path / "music").as_posix() for f in files_under(tmp_path / "music")]
    assert listed == ["blues/1.mp3", "jazz/0.mp3", "rock/2.mp3"]


@pytest.mark.parametrize("closed", ["music", "music/jazz"])
def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path, forbid, closed):
    touch(tmp_path / "music", "jazz/a.wav", "blues/b.wav")
    forbid(tmp_path / closed)
    with pytest.raises(SourceError, match=f"{closed} cannot be read .*: fix its permissions"):
        files_under(tmp_path / "music")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, monkeypatch):
    touch(tmp_path / "music", "jazz/a.wav", "blues/b.wav")

    def failing(file: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("genre_pred.datasets.sources.listing.digest", failing)
    with pytest.raises(SourceError, match=r"blues/b\.wav cannot be read \(Input/output error\)"):
        write_listing(tmp_path / "music", tmp_path / "raw", map)


def test_a_folder_without_permission_is_a_clear_error(tmp_path):
    with pytest.raises(SourceError, match=r"cannot be read \(File name too long\)"):
        files_under(tmp_path / ("a" * 300))


@pytest.mark.parametrize("source", ["folder", "fma"])
def test_an_unreadable_collection_is_reported_before_anything_is_listed(tmp_path, params, source):
    touch(tmp_path / "music", "README.md")
    data = params.data.model_copy(update={"source": source, "path": str(tmp_path / "music")})
    with pytest.raises(SourceError, match=r"GENRE/song\.mp3|tracks\.csv is missing"):
        SOURCES[source].download(tmp_path / "raw", params.model_copy(update={"data": data}), map)
    assert not (tmp_path / "raw").exists()
