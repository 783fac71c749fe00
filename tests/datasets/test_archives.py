"""Archives of every kind of malice and damage: a right folder or a clear error, nothing between."""

import bz2
import hashlib
import io
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy as np
import pytest

from genre_pred.core.files import DiskFull
from genre_pred.datasets.sources import archives
from genre_pred.datasets.sources.archives import ArchiveError, require_space, unpack_tar, unpack_zip

SONGS = {
    f"000/{n:06d}.mp3": np.random.default_rng(n).bytes(40_000) for n in (2, 5, 10, 140, 141, 148)
}


def checksums_of(files):
    lines = [f"{hashlib.sha1(body).hexdigest()}  {name}" for name, body in files.items()]
    return ("\n".join(lines) + "\n").encode()


def write_zip(path, files, checksums=True, top="fma_small"):
    files = dict(files)
    if checksums:
        files["checksums"] = checksums_of(files) if checksums is True else checksums
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.mkdir(top)
        for name, body in files.items():
            archive.writestr(f"{top}/{name}", body)
    return path


@pytest.fixture
def songs_zip(tmp_path):
    return write_zip(tmp_path / "fma_small.zip", SONGS)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache" / "fma_small"


def held(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "checksums"
    }


def left(folder):
    return sorted(path.name for path in folder.parent.glob("*"))


def test_a_zip_file_becomes_its_folder(songs_zip, folder):
    assert unpack_zip(songs_zip, folder) == folder
    assert held(folder) == SONGS
    assert not folder.with_name(".fma_small.part").exists()


def test_an_unpacked_archive_is_not_unpacked_again(songs_zip, folder):
    unpack_zip(songs_zip, folder)
    songs_zip.unlink()
    assert held(unpack_zip(songs_zip, folder)) == SONGS


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_an_interrupted_unpacking_goes_on(songs_zip, folder, monkeypatch, stop):
    copied = []
    copy = shutil.copyfileobj

    def interrupted(packed, file, length):
        if len(copied) == stop:
            file.write(packed.read(1000))
            raise KeyboardInterrupt
        copied.append(packed.name)
        copy(packed, file, length)

    monkeypatch.setattr(archives.shutil, "copyfileobj", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack_zip(songs_zip, folder)
    assert not folder.exists()
    part = folder.with_name(".fma_small.part")
    assert held(part).items() <= SONGS.items()  # every file that is there is whole
    stop = 100
    unpack_zip(songs_zip, folder)
    assert held(folder) == SONGS
    assert len(copied) == len(set(copied)) == len(SONGS) + 1  # none was unpacked twice


def test_an_unpacking_that_is_killed_goes_on(tmp_path, folder):
    songs = {f"000/{n:06d}.mp3": np.random.default_rng(n).bytes(200_000) for n in range(60)}
    path = write_zip(tmp_path / "fma_small.zip", songs)
    code = "import sys, pathlib; from genre_pred.datasets.sources.archives import unpack_zip; "
    code += "unpack_zip(*map(pathlib.Path, sys.argv[1:]))"
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(folder)], stderr=subprocess.DEVNULL
    )
    part = folder.with_name(".fma_small.part")
    while killed.poll() is None and len(list(part.glob("000/0*.mp3"))) < 5:
        time.sleep(0.005)
    killed.kill()
    killed.wait()
    assert not folder.exists()
    (part / "000" / ".123.000149.mp3").write_bytes(b"half")  # as a killed run may leave
    assert held(unpack_zip(path, folder)) == songs


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fma_small/../../evil", "would land outside"),
        ("../evil", "would land outside"),
        ("/evil", "would land outside"),
        ("fma_small/C:/evil", "would land outside"),
        ("fma_small/..\\evil", "would land outside"),
        ("other/evil", r"is not the expected archive: other/evil is not in fma_small/"),
        ("fma_small/000/000002.mp3", "twice"),
        ("fma_small/./000/000002.mp3", "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_file_leaves_nothing(songs_zip, folder, name, said):
    with zipfile.ZipFile(songs_zip, "a") as archive:
        archive.writestr(name, b"evil")
    before = sorted(path for path in folder.parents[1].rglob("*"))
    with pytest.raises(ArchiveError, match=said):
        unpack_zip(songs_zip, folder)
    after = {path for path in folder.parents[1].rglob("*") if path.is_file()} - set(before)
    assert {path.suffix for path in after} <= {".lock"}


def test_a_link_in_a_zip_file_is_refused(songs_zip, folder):
    link = zipfile.ZipInfo("fma_small/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(songs_zip, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="fma_small/link is a link"):
        unpack_zip(songs_zip, folder)
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["truncated", "not a zip", "flipped", "flipped stream", "empty"])
def test_a_damaged_zip_file_is_a_sentence(tmp_path, songs_zip, folder, damage):
    body = bytearray(songs_zip.read_bytes())
    match damage:
        case "truncated":
            body = body[: len(body) // 2]
        case "not a zip":
            body = bytearray(b"<html>404</html>")
        case "flipped":
            body[len(body) // 2] ^= 255
        case "flipped stream":
            body[body.index(b"BZh") + 4] ^= 255  # of the first block's magic number
        case "empty":
            write_zip(songs_zip, {}, checksums=False)
            body = bytearray(songs_zip.read_bytes())
    songs_zip.write_bytes(body)
    with pytest.raises(ArchiveError, match=r"is damaged|is empty"):
        unpack_zip(songs_zip, folder)
    assert not folder.exists()


def test_a_file_that_its_checksum_does_not_fit_is_never_taken_for_right(tmp_path, folder):
    wrong = checksums_of(SONGS | {"000/000140.mp3": b"other"})
    path = write_zip(tmp_path / "fma_small.zip", SONGS, checksums=wrong)
    for _ in range(2):
        with pytest.raises(ArchiveError, match=r"000/000140\.mp3 of .* has the sha1 .* run again"):
            unpack_zip(path, folder)
        assert not folder.exists()
        assert "000/000140.mp3" not in held(folder.with_name(".fma_small.part"))


def test_a_file_damaged_on_the_disk_is_unpacked_again(songs_zip, folder):
    part = folder.with_name(".fma_small.part")
    (part / "000").mkdir(parents=True)
    (part / "000" / "000005.mp3").write_bytes(bytes(40_000))  # as after a power cut
    with pytest.raises(ArchiveError, match="the file was removed: run again"):
        unpack_zip(songs_zip, folder)
    assert held(unpack_zip(songs_zip, folder)) == SONGS


@pytest.mark.parametrize("name", ["000/000003.mp3", "../../precious", "/etc/passwd"])
def test_checksums_of_missing_files_are_an_error(tmp_path, folder, name):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    wrong = checksums_of(SONGS) + b"0" * 40 + f"  {name}\n".encode()
    path = write_zip(tmp_path / "fma_small.zip", SONGS, checksums=wrong)
    with pytest.raises(ArchiveError, match=f"lacks '{name}', which its checksums lists"):
        unpack_zip(path, folder)
    assert precious.read_text() == "mine"
    assert not folder.exists()


def test_a_zip_file_without_checksums_is_verified_by_its_crcs(tmp_path, folder):
    path = write_zip(tmp_path / "fma_small.zip", SONGS, checksums=False)
    assert held(unpack_zip(path, folder)) == SONGS


def test_a_disk_that_fills_up_leaves_whole_files_only(tmp_path, small_disk, monkeypatch):
    songs = {f"000/{n:06d}.mp3": np.random.default_rng(n).bytes(700_000) for n in range(5)}
    path = write_zip(tmp_path / "fma_small.zip", songs)
    folder = small_disk / "fma_small"
    with pytest.raises(DiskFull, match=r"0\.0 GB are needed, but .* has 0\.0 GB free"):
        unpack_zip(path, folder)
    monkeypatch.setattr(archives, "require_space", lambda folder, n_bytes: None)
    with pytest.raises(DiskFull, match=r"the disk is full while writing \d+\.mp3 into"):
        unpack_zip(path, folder)
    assert not folder.exists()
    part = folder.with_name(".fma_small.part")
    assert held(part).items() <= songs.items()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert held(unpack_zip(path, folder)) == songs


def test_a_disk_without_room_is_noticed_before(tmp_path):
    with pytest.raises(DiskFull, match=r"1000\.0 GB are needed"):
        require_space(tmp_path / "not" / "yet", 10**12)


# tar


def write_tar(path, files, *entries):
    with tarfile.open(path, "w:gz") as archive:
        for name, body in files.items():
            entry = tarfile.TarInfo(f"genres/{name}")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return path


def test_a_tar_file_becomes_its_folder(tmp_path, folder):
    path = write_tar(tmp_path / "genres.tar.gz", SONGS)
    for _ in range(2):
        assert held(unpack_tar(path, folder)) == {f"genres/{name}": b for name, b in SONGS.items()}


def test_an_interrupted_tar_file_is_unpacked_anew(tmp_path, folder):
    path = write_tar(tmp_path / "genres.tar.gz", SONGS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30_000])
    with pytest.raises(ArchiveError, match="is damaged"):
        unpack_tar(path, folder)
    assert not folder.exists()
    path.write_bytes(whole)
    assert len(held(unpack_tar(path, folder))) == len(SONGS)


@pytest.mark.parametrize("body", [b"<html>gone</html>", b"", bz2.compress(b"no tar")])
def test_a_file_that_is_no_tar_file_is_a_clear_error(tmp_path, folder, body):
    path = tmp_path / "genres.tar.gz"
    path.write_bytes(body)
    with pytest.raises(ArchiveError, match="is damaged"):
        unpack_tar(path, folder)
    assert not folder.exists()


def hostile(name, kind=tarfile.REGTYPE, target=""):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, target, 0
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        hostile("../evil"),
        hostile("genres/../../evil"),
        hostile("genres/link", tarfile.SYMTYPE, "/etc/passwd"),
        hostile("genres/link", tarfile.SYMTYPE, "../../evil"),
        hostile("genres/hard", tarfile.LNKTYPE, "../evil"),
        hostile("genres/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda entry: f"{entry.name} {entry.linkname}",
)
def test_a_hostile_tar_file_is_refused(tmp_path, folder, entry):
    path = write_tar(tmp_path / "genres.tar.gz", SONGS, entry)
    with pytest.raises(ArchiveError, match="is unsafe"):
        unpack_tar(path, folder)
    assert not folder.exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_full_disk_leaves_no_folder(tmp_path, small_disk, monkeypatch):
    songs = {name: np.random.default_rng(0).bytes(1_500_000) for name in ("a", "b")}
    path = write_tar(tmp_path / "genres.tar.gz", songs)
    monkeypatch.setattr(archives, "require_space", lambda folder, n_bytes: None)
    with pytest.raises(DiskFull, match=r"writing genres/b into"):
        unpack_tar(path, small_disk / "tree")
    assert not (small_disk / "tree").exists()
