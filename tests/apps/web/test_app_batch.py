"""Prediction of many songs: rows, zip files and limits on uploads."""

import asyncio
import errno
import io
import os
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
from page_songs import PITCHES

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from genre_pred.apps.web import page, uploads
from genre_pred.apps.web.batch import display_table, download_table, song_row, songs_of
from genre_pred.apps.web.zips import Song


def test_the_page_gives_the_classifiers_own_figures(classifier, songs):
    row = song_row(classifier, next(songs_of([songs["mp3"]])))
    found = classifier.predict(songs["mp3"])
    assert {genre: row[f"p({genre})"] for genre in PITCHES} == found.probabilities
    assert (row["genre"], row["error"]) == (found.genre, "")


def test_uploads_deleted_during_a_batch_are_still_predicted(
    classifier, songs, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    files = []
    for number, kind in enumerate(["mp3", "wav", "zip"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(shutil.copy(songs[kind], folder))

    def sweep(*_, **__) -> None:
        for file in files:
            Path(file).unlink(missing_ok=True)

    told, _ = page._batch_callback(classifier)(files, sweep)
    assert "3 of 4 songs predicted" in told
    assert not list((tmp_path / "0").iterdir())  # nor is anything kept afterwards
    told, _ = page._batch_callback(classifier)(files[1:], sweep)
    assert "0 of 2 songs predicted" in told
    assert told.count("cannot be read (No such file or directory)") == 2


async def taking(scope, receive, send):
    await PlainTextResponse("taken")(scope, receive, send)


def test_uploads_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    testing = pytest.importorskip("starlette.testclient")
    monkeypatch.setattr(uploads, "MOST_UPLOADED_MEGABYTES", 1)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "song.mp3").write_bytes(bytes(600_000))
    (tmp_path / "0" / "held.mp3").hardlink_to(tmp_path / "0" / "song.mp3")
    broken = tmp_path / "tmpbroken"
    broken.write_bytes(bytes(300_000))

    client = testing.TestClient(uploads.BoundedUploads(taking, tmp_path))
    assert client.post("/gradio_api/upload", content=bytes(90_000)).text == "taken"
    refused = client.post("/gradio_api/upload", content=bytes(200_000))
    assert (refused.status_code, refused.text) == (413, uploads.FULL)
    assert client.post("/gradio_api/queue/join", content=bytes(200_000)).text == "taken"
    assert client.post("/gradio_api/upload", content=iter([b"x"])).status_code == 411
    both = {"content-length": "1", "transfer-encoding": "chunked"}
    chunked = client.post("/gradio_api/upload", content=bytes(200_000), headers=both)
    assert chunked.status_code == 411
    os.utime(broken, (0, 0))
    assert client.post("/gradio_api/upload", content=bytes(200_000)).text == "taken"
    assert not broken.exists()


class Sender:
    """Sends a body of zeros to an application, 0.1 MB at a time, as far as it is read."""

    def __init__(self, path: str, n_bytes: int, announced: bool) -> None:
        length = [(b"content-length", str(n_bytes).encode())] if announced else []
        self.scope = {"type": "http", "method": "POST", "path": path, "headers": length}
        self.left, self.sent, self.told = n_bytes, 0, []

    async def give(self) -> dict:
        part = min(self.left, 100_000)
        self.left -= part
        self.sent += part
        return {"type": "http.request", "body": bytes(part), "more_body": self.left > 0}

    async def hear(self, message: dict) -> None:
        self.told.append(message)

    def send(self, app) -> tuple[int, str]:
        asyncio.run(app(self.scope, self.give, self.hear))
        start, *bodies = self.told
        return start["status"], b"".join(part["body"] for part in bodies).decode()


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/run/upload"])
def test_a_large_message_is_not_read_beyond_its_limit(tmp_path, path, announced):
    came = []

    async def gradios(scope, receive, send):
        came.append(len(await Request(scope, receive).body()))
        await PlainTextResponse("taken")(scope, receive, send)

    app = uploads.BoundedUploads(gradios, tmp_path)
    small, large = (Sender(path, n_bytes, announced) for n_bytes in (950_000, 200_000_000))
    assert small.send(app) == (200, "taken")
    assert large.send(app) == (413, "a request without files is too large: at most 1 MB")
    assert large.sent <= 1_100_000
    assert came == [950_000]


@pytest.mark.parametrize(
    "path", ["http://example.com/a.mp3", "/etc/hostname", "{folder}/../a.mp3", "a\0.mp3"]
)
@pytest.mark.parametrize("where", ["/gradio_api/queue/join", "/gradio_api/run/hear"])
def test_files_that_were_not_uploaded_are_refused(tmp_path, where, path):
    testing = pytest.importorskip("starlette.testclient")
    client = testing.TestClient(uploads.BoundedUploads(taking, tmp_path))

    def ask(path: str):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        return client.post(where, json={"data": [[{"video": file}]], "fn_index": 0})

    assert ask(str(tmp_path / "b" / "song.mp3")).text == "taken"
    refused = ask(path.format(folder=tmp_path))
    assert (refused.status_code, refused.text) == (400, uploads.ELSEWHERE)


def test_a_client_that_disconnects_during_upload_is_ignored(tmp_path):
    async def gone() -> dict:
        return {"type": "http.disconnect"}

    sender = Sender("/gradio_api/queue/join", 1, announced=False)
    asyncio.run(uploads.BoundedUploads(pytest.fail, tmp_path)(sender.scope, gone, sender.hear))
    assert sender.told == []


def test_a_hostile_zip_is_listed_and_harms_nothing(classifier, songs, tmp_path, monkeypatch):
    packed = tmp_path / "hostile.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("/etc/passwd.wav", b"x")
        archive.writestr("a\\..\\..\\b.wav", b"x")
        archive.writestr("nested.zip", b"x")
        archive.writestr(".", b"x")
        archive.writestr("squeezed.wav", b"x", zipfile.ZIP_BZIP2)
        archive.writestr("bomb.wav", bytes(3_000_000))
        link = zipfile.ZipInfo("link.wav")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/._high.wav", b"x")
        archive.write(songs["wav"], "good.wav")
    monkeypatch.setattr("genre_pred.apps.web.zips.MOST_MEGABYTES", 2)
    rows = [song_row(classifier, song) for song in songs_of([packed])]
    told = {row["file"].partition(": ")[2]: row["error"] for row in rows}
    assert told == {
        "/etc/passwd.wav": "refused: its name points outside the zip",
        "a\\..\\..\\b.wav": "refused: its name points outside the zip",
        ".": "refused: it has no name",
        "squeezed.wav": "uses an unsupported compression method",
        "nested.zip": "nested archives are not supported",
        "bomb.wav": "is larger than 2 MB",
        "link.wav": "refused: it is a link, not a file",
        "good.wav": "",
    }
    monkeypatch.setattr("genre_pred.apps.web.zips.MOST_UNPACKED_MEGABYTES", 1)
    *_, last = songs_of([packed])
    assert last.reason == "skipped: at most 1 MB of a zip are unpacked"
    assert [*tmp_path.iterdir()] == [packed]


@pytest.mark.parametrize("cut", [0, 30, 400, -30])
def test_a_damaged_zip_is_a_row_with_a_reason(classifier, songs, tmp_path, cut):
    damaged = tmp_path / "damaged.zip"
    whole = songs["zip"].read_bytes()
    middle = bytearray(whole)
    middle[1000:1100] = bytes(100)  # its checksum is wrong now
    damaged.write_bytes(bytes(middle) if cut == 400 else whole[:cut])
    rows = [song_row(classifier, song) for song in songs_of([damaged])]
    assert rows and all(row["error"] for row in rows)


def test_an_entry_beyond_all_places_in_a_file_is_damaged(tmp_path):
    packed = tmp_path / "beyond.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("beyond.wav", b"x")
    whole = bytearray(packed.read_bytes())
    entry, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    whole[entry + 42 : entry + 46] = b"\xff" * 4  # its place: in the extra field, of 64 bits
    place = struct.pack("<HHQ", 1, 8, 2**63)
    whole[entry + 30 : entry + 32] = len(place).to_bytes(2, "little")
    length = end - entry + len(place)
    whole[end + 12 : end + 16] = length.to_bytes(4, "little")
    whole[end:end] = place
    packed.write_bytes(bytes(whole))
    (told,) = songs_of([packed])
    assert told.sound is None
    assert told.reason == "cannot be unpacked: the zip is damaged"


def test_what_is_damaged_counts_as_unpacked_too(tmp_path, monkeypatch):
    packed = tmp_path / "damaged.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            archive.writestr(f"{number}.wav", bytes(3_000_000))
        for entry in archive.filelist:
            entry.CRC ^= 1  # found wrong at the end of all that is written
    monkeypatch.setattr("genre_pred.apps.web.zips.MOST_UNPACKED_MEGABYTES", 5)
    told = [song.reason for song in songs_of([packed])]
    damaged = "cannot be unpacked: the zip is damaged"
    assert told == [damaged, damaged, "skipped: at most 5 MB of a zip are unpacked"]


@pytest.mark.parametrize("when", ["write", "flush"])
def test_a_full_disk_is_reported_once(songs, tmp_path, monkeypatch, when):
    class Full(io.BytesIO):
        """Refuses what it is given, and once more as it is closed."""

        def refuse(self, *_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self):
            if not self.closed:
                super().close()
                self.refuse()

    setattr(Full, when, Full.refuse)
    packed = tmp_path / "three.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(3):
            archive.write(songs["wav"], f"{number}.wav")
    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    (told,) = songs_of([packed])
    assert told.name == "three.zip"
    assert told.sound is None
    assert told.reason.startswith("the disk is full while writing 0.wav into ")


@pytest.mark.parametrize("claimed", [20_000, 1])
def test_a_zip_that_lists_too_many_files_is_not_read(tmp_path, monkeypatch, claimed):
    packed = tmp_path / "many.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number:05d}.wav", b"")
    whole = bytearray(packed.read_bytes())
    whole[-14:-10] = claimed.to_bytes(2, "little") * 2  # its end record may say what it likes
    packed.write_bytes(bytes(whole))
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("was listed"))
    (told,) = songs_of([packed])
    assert told.reason == "contains too many files"


def test_songs_beyond_the_limit_are_skipped(songs, monkeypatch):
    monkeypatch.setattr("genre_pred.apps.web.batch.MOST_SONGS", 1)
    first, second = songs_of([songs["wav"], songs["mp3"]])
    assert first.reason == ""
    assert second.reason == "skipped: at most 1 songs at once"


class Stumbling:
    """A classifier that fails as nobody foresaw, as often as asked."""

    def __init__(self, classifier, times: int) -> None:
        self.classifier, self.times, self.spec = classifier, times, classifier.spec

    def predict(self, *asked):
        if self.times:
            self.times -= 1
            raise ValueError("Input X\ncontains NaN.")
        return self.classifier.predict(*asked)


def test_an_unexpected_error_is_a_row_and_the_others_go_on(
    classifier, songs, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    files = [shutil.copy(songs[kind], tmp_path) for kind in ("mp3", "wav")]
    told, _ = page._batch_callback(Stumbling(classifier, 1))(files, lambda *_, **__: None)
    assert "1 of 2 songs predicted" in told
    assert "prediction failed: ValueError: Input X contains NaN." in told
    assert "Traceback" in caplog.text and "É «low».mp3 failed" in caplog.text
    told, *others = page.predict_song(Stumbling(classifier, 1), files[1])
    assert "high.wav: prediction failed: ValueError: Input X contains NaN." in told
    assert others == ["", ""]


def test_an_unexpected_zip_error_is_a_row_and_the_others_go_on(songs, monkeypatch):
    def broken(*_):
        raise RuntimeError("odd")

    monkeypatch.setattr("genre_pred.apps.web.zips._unpack", broken)
    first, second = songs_of([songs["zip"], songs["wav"]])
    assert first == Song("album.zip", None, "prediction failed: RuntimeError: odd")
    assert (second.name, second.reason) == ("high.wav", "")


def test_the_training_mark_takes_precedence(classifier, songs, monkeypatch):
    (song,) = songs_of([songs["wav"]])
    heard = song_row(classifier, song)
    trained_on = frozenset([classifier.predict(songs["wav"]).content])
    monkeypatch.setattr(classifier, "trained_on", trained_on)
    learnt = song_row(classifier, song)
    rows = [heard | {"unknown": False}, heard | {"unknown": True}, learnt | {"unknown": True}]
    table = download_table(rows, list(PITCHES))
    assert table["learnt_from"].tolist() == [False, False, True]
    plain, unknown, marked = display_table(table)["remark"]
    assert (plain, unknown) == ("", "unknown: unlike the training music")
    assert marked.startswith("used in training: this recording was used in training")


def test_a_table_without_sets_has_no_column_of_them(classifier, songs):
    table = download_table([song_row(classifier, next(songs_of([songs["wav"]])))], list(PITCHES))
    assert list(display_table(table)) == ["file", "genre", "%", "remark"]
    assert "likely" in display_table(table.assign(genre_set="High | Low"))
