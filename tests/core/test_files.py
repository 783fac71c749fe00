"""Files are whole or absent, and have DVC's digests."""

import hashlib

import pytest
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_objects.fs.local import LocalFileSystem

from genre_pred.core.files import DiskFull, atomic_write, digest


def test_a_file_appears_only_when_the_block_has_succeeded(tmp_path):
    path = tmp_path / "made" / "here" / "table.csv"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("disk")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a longer text than the new one")
    with atomic_write(path) as temporary:
        temporary.write_text("short")
    assert path.read_text() == "short"


def test_a_failure_before_anything_is_written_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), atomic_write(tmp_path / "x"):
        raise KeyError("x")
    assert list(tmp_path.iterdir()) == []


def test_names_as_long_as_the_system_allows_are_written_beside_each_other(tmp_path):
    one, other = (tmp_path / f"{first}{'é' * 125}.csv" for first in "ab")
    with atomic_write(one) as here, atomic_write(other) as there:
        here.write_text("one")
        there.write_text("other")
    assert (one.read_text(), other.read_text()) == ("one", "other")
    with atomic_write(tmp_path / f"a.{'b' * 250}") as temporary:
        temporary.write_text("")


def test_a_full_disk_is_reported_and_leaves_no_file(small_disk):
    path = small_disk / "table.csv"
    with pytest.raises(DiskFull, match=r"full while writing table\.csv into"):  # noqa: SIM117
        with atomic_write(path) as temporary:
            temporary.write_bytes(bytes(4_000_000))
    assert list(small_disk.iterdir()) == []


def test_the_digest_of_a_file_is_its_md5(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\r\nabc\0")
    assert digest(tmp_path / "a.bin") == hashlib.md5(b"\r\nabc\0").hexdigest()


FILES = {
    "z.txt": "1",
    "sub.txt": "2",
    "sub/a b.txt": "3",
    "sub/deeper/é “quoted”.txt": "4",
    "Sub/upper.txt": "5",
    ".hidden": "6",
}


def lay_out(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(FILES[name])
    return root


def test_the_digest_of_a_folder_is_the_one_in_dvc_lock(tmp_path):
    root = lay_out(tmp_path / "folder", FILES)
    files = LocalFileSystem()
    database = HashFileDB(files, str(tmp_path / "database"))
    _, _, found = build(database, str(root), files, "md5", dry_run=True)
    assert digest(root) == found.hash_info.value
    assert digest(root).endswith(".dir")


def test_the_digest_of_a_folder_does_not_depend_on_the_order_of_making(tmp_path):
    one, other = (
        lay_out(tmp_path / "a", FILES),
        lay_out(tmp_path / "b", reversed(FILES)),
    )
    assert digest(one) == digest(other)


@pytest.mark.parametrize("change", ["content", "name", "added"])
def test_the_digest_of_a_folder_tells_of_every_change(tmp_path, change):
    root = lay_out(tmp_path / "folder", FILES)
    before = digest(root)
    match change:
        case "content":
            (root / "sub" / "a b.txt").write_text("changed")
        case "name":
            (root / "z.txt").rename(root / "y.txt")
        case "added":
            (root / "sub" / "new.txt").write_text("1")
    assert digest(root) != before
