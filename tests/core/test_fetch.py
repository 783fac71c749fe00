"""Downloads from a real server that misbehaves: the right file or a clear error."""

import errno
import hashlib
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from loopback import (
    CUT,
    Answer,
    Server,
    crawling,
    cutting,
    cutting_without_ranges,
    failing,
    honest,
    lying,
    no_range,
    shifted,
    shorter,
    without_ranges,
)

from genre_pred.core.fetch import N_TRIES, FetchError, fetch
from genre_pred.core.files import DiskFull, user_error_if_disk_full

BODY = np.random.default_rng(254).bytes(3_000_000)
SHA1 = hashlib.sha1(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(server: Server) -> Server:
    """The server with one file, called by its whole address."""
    server.files["body.bin"] = BODY
    server.url += "/body.bin"
    return server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "body.bin"


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def test_a_file_arrives_once(server: Server, target: Path) -> None:
    for _ in range(2):
        assert fetch(server.url, target, sha1=SHA1, n_bytes=len(BODY), progress=False) == target
    assert target.read_bytes() == BODY
    assert left(target) == ["body.bin"]
    assert server.starts == [None]


@pytest.mark.parametrize(
    ("answers", "starts"),
    [
        pytest.param([cutting, honest], [None, CUT], id="resumes"),
        pytest.param([cutting, cutting, cutting], [None, CUT, 2 * CUT], id="cut again"),
        pytest.param([cutting, without_ranges], [None, CUT], id="range ignored"),
        pytest.param([cutting, shifted], [None, CUT, None], id="another range"),
        pytest.param([cutting, no_range, honest], [None, CUT, None], id="416"),
        pytest.param([failing(500), failing(503), honest], [None] * 3, id="busy"),
        pytest.param([cutting, failing(500), honest], [None, CUT, CUT], id="cut, busy"),
    ],
)
@pytest.mark.parametrize("sha256", [None, SHA256[:8]], ids=["no hash", "prefix"])
def test_a_server_that_recovers_gives_the_right_file(
    answers: list[Answer],
    starts: list[int | None],
    sha256: str | None,
    server: Server,
    target: Path,
) -> None:
    server.answers = list(answers)
    fetch(server.url, target, sha256=sha256, progress=False)
    assert target.read_bytes() == BODY
    assert left(target) == ["body.bin"]
    assert server.starts == starts


@pytest.mark.parametrize(
    ("answer", "said", "n_requests"),
    [
        pytest.param(lying, f"sha256 is .* instead of {SHA256}; the download was removed", 1),
        pytest.param(shorter, "2999993 bytes instead of 3000000", 1),
        pytest.param(failing(404), "answers 404", 1),
        pytest.param(failing(403), "answers 403", 1),
        pytest.param(failing(500), rf"answers 500 \({N_TRIES} tries\)", N_TRIES),
    ],
)
def test_a_server_that_does_not_gives_a_clear_error_and_no_file(
    answer: Answer, said: str, n_requests: int, server: Server, target: Path
) -> None:
    server.answers = [answer]
    with pytest.raises(FetchError, match=said) as caught:
        fetch(server.url, target, sha256=SHA256, n_bytes=len(BODY), progress=False)
    assert server.url in str(caught.value)
    assert left(target) == []
    assert len(server.starts) == n_requests


def test_a_short_file_is_detected_by_its_hash_alone(server: Server, target: Path) -> None:
    server.answers = [shorter]
    with pytest.raises(FetchError, match="sha1"):
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert left(target) == []


def test_a_later_call_goes_on_where_an_interrupted_one_stopped(
    server: Server, target: Path
) -> None:
    server.answers = [cutting_without_ranges]
    with pytest.raises(FetchError, match=f"the first {CUT} bytes are kept in .*body.bin.part"):
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert left(target) == ["body.bin.part"]
    server.answers, server.starts = [honest], []
    fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY
    assert server.starts == [CUT]


def test_tries_that_receive_data_do_not_count(server: Server, target: Path) -> None:
    server.answers = [crawling]
    fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY
    assert len(server.starts) == 8 > N_TRIES


def test_without_a_hash_an_old_part_is_not_trusted(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part = target.with_name("body.bin.part")
    part.write_bytes(b"of an older edition")
    fetch(server.url, target, progress=False)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("n_bytes", [None, len(BODY)])
def test_a_part_that_was_complete_is_only_verified(
    n_bytes: int | None, server: Server, target: Path
) -> None:
    target.parent.mkdir()
    target.with_name("body.bin.part").write_bytes(BODY)
    fetch(server.url, target, sha1=SHA1, n_bytes=n_bytes, progress=False)
    assert target.read_bytes() == BODY
    assert server.starts == ([] if n_bytes else [len(BODY)])


@pytest.mark.parametrize("old", [b"of another file", BODY + b"and more"])
def test_a_wrong_part_never_becomes_the_file(old: bytes, server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("body.bin.part").write_bytes(old)
    try:
        fetch(server.url, target, sha1=SHA1, progress=False)
    except FetchError:
        assert left(target) == []
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY


def test_a_wrong_file_at_the_target_is_replaced_only_by_the_right_one(
    server: Server, target: Path
) -> None:
    target.parent.mkdir()
    target.write_bytes(b"damaged")
    server.answers = [failing(404), honest]
    with pytest.raises(FetchError, match="404"):
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == b"damaged"
    fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY


def test_a_full_disk_is_noticed_before_the_download(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FetchError, match=r"0\.0 GB are needed, but .* has 0\.0 GB free"):
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert left(target) == []


def test_no_server_and_no_address(server: Server, target: Path) -> None:
    server.http.server_close()
    with pytest.raises(FetchError, match="failed or was cut .*5 tries.$"):
        fetch(server.url, target, progress=False, timeout=2)
    with pytest.raises(FetchError, match="is not a valid URL"):
        fetch("body.bin", target, progress=False)


def test_concurrent_calls_download_once(server: Server, target: Path) -> None:
    threads = [
        threading.Thread(target=fetch, args=(server.url, target), kwargs={"progress": False})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == BODY
    assert server.starts == [None]


def test_progress_is_shown_on_request(
    server: Server, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(server.url, target, sha1=SHA1)
    shown = capsys.readouterr().err
    assert "body.bin" in shown
    assert "3.00M/3.00M" in shown


def test_an_md5_is_compared_too(server: Server, target: Path) -> None:
    with pytest.raises(FetchError, match=r"its md5 is \w{32} instead of 0000; the download was"):
        fetch(server.url, target, md5="0000", progress=False)
    fetch(server.url, target, md5=hashlib.md5(BODY).hexdigest(), progress=False)
    assert target.read_bytes() == BODY


def test_a_disk_that_fills_up_is_a_sentence_and_the_rest_comes_later(
    server: Server, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the check before sees room, as where something else fills the disk meanwhile
    usage = shutil.disk_usage("/")._replace(free=10**12)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    target = small_disk / "body.bin"
    with pytest.raises(DiskFull, match=r"the disk is full while writing body\.bin into"):
        fetch(server.url, target, sha1=SHA1, progress=False)
    assert left(target) == ["body.bin.part"]
    kept = target.with_name("body.bin.part").read_bytes()
    assert BODY.startswith(kept)
    assert len(kept) > 1_000_000
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    fetch(server.url, target, sha1=SHA1, progress=False)
    assert target.read_bytes() == BODY
    assert server.starts == [None, len(kept)]


def test_other_disk_errors_are_not_reported_as_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), user_error_if_disk_full(tmp_path, "x"):
        raise PermissionError(errno.EACCES, "no")
