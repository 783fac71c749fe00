"""The served classifier: its limits before an application of the test's, and on a real port."""

import asyncio
import base64
import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import soundfile
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genre_pred import track
from genre_pred.audio.excerpts import Recording
from genre_pred.classifier import GenreClassifier, Spec, save_classifier
from genre_pred.cli import main
from genre_pred.pipelines import save_pipeline
from genre_pred.served import DEADLINE, Served, _load_pyfunc
from genre_pred.server import FORM, Bounded, Limits
from genre_pred.track import Refused

ROOT = Path(__file__).parents[1]
GENRES = ["High", "Low"]
RATE = 16_000
SPEC = Spec(
    model="log_mel_stats/logistic_regression", approach="floor", collection="tones", genres=GENRES,
    clip={"min_seconds": 1.0, "clip_seconds": 2.0, "windows_per_track": 1}, store_dtype="float32",
    features="log_mel_stats", network=None, hidden=0, descriptor_rate=22050, precision="float32",
    temperature=1.0, weights="", note="", protocol="publisher, artists apart", grouped=True,
    validation_log_loss=0.5,
)  # fmt: skip
START_SECONDS = 180  # torch and MLflow are slow to import on a busy machine


def sound(pitch: float, seconds: float = 3, kind: str = "WAV") -> bytes:
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.02 * np.random.default_rng(round(pitch)).normal(size=len(t))
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * pitch * t) + noise, RATE, format=kind)
    return file.getvalue()


def text(of: bytes) -> str:
    return base64.b64encode(of).decode()


def table(*rows: str) -> dict:
    return {"dataframe_split": {"columns": ["audio"], "data": [[row] for row in rows]}}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> GenreClassifier:
    """High tones and low ones."""
    folder = tmp_path_factory.mktemp("classifier")
    held_out = pd.DataFrame({"content": []})
    save_classifier(
        folder / "classifier", SPEC, files={}, trained_on=["x"], held_out=held_out, known_music=None
    )
    classifier = GenreClassifier(folder / "classifier")
    features = []
    for pitch in (1400, 1500, 1600, 200, 220, 240):
        path = folder / f"{pitch}.wav"
        path.write_bytes(sound(pitch))
        recording = Recording(path, RATE, 3 * RATE)
        features.append(classifier.features(recording, 1)[0])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
    pipeline.fit(np.stack(features), [0, 0, 0, 1, 1, 1])
    save_pipeline(pipeline, classifier.folder / "pipeline.skops")
    return classifier


def test_a_table_of_base64_is_answered_row_by_row(classifier):
    served = _load_pyfunc(str(classifier.folder))
    answer = served.predict(pd.DataFrame({"audio": [text(sound(210)), text(sound(1450))]}))
    assert list(answer) == ["genre", *GENRES, "genre_set", "unknown"]
    assert answer["genre"].tolist() == ["Low", "High"]
    assert answer["unknown"].tolist() == [None, None]  # it does not carry its training music
    np.testing.assert_allclose(answer[GENRES].sum(axis=1), 1)


@pytest.mark.parametrize("name", ["classifier.json", "pipeline.skops", "known_music.npz"])
def test_what_answers_otherwise_in_any_part_has_another_identity(classifier, tmp_path, name):
    copied = shutil.copytree(classifier.folder, tmp_path / "copied")
    assert GenreClassifier(copied).identity == classifier.identity
    with (copied / name).open("ab") as file:
        file.write(b"\n")
    assert GenreClassifier(copied).identity != classifier.identity


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "there are no rows: each row's audio is a sound file as base64 text"),
        ([text(sound(200))] * 3, "there are 3 rows: at most 2 at a time"),
        ([text(sound(200)), "/etc/passwd"], "row 1: its audio is not base64 text"),
        (["Ä"], "row 0: its audio is not base64 text"),
        ([None], "row 0: its audio is no text"),
        ([""], "row 0: the file is empty"),
        ([text(b"no sound")], "row 0: is not a sound file that can be decoded"),
        ([text(sound(200, 0.2))], "row 0: too short: 0.2 s of at least 1 s"),
        ([text(sound(200, 5.5))], "row 0: too long: more than 5 s"),
        ([text(sound(200, 60, "FLAC"))], "row 0: too long: more than 5 s"),
        ([text(sound(200, 2.6))] * 2, "the rows are too long together: more than 5 s"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(classifier, rows, sentence):
    with pytest.raises(Refused) as refused:
        Served(classifier, max_rows=2, max_seconds=5).predict(pd.DataFrame({"audio": rows}))
    refused.value.message = "as MLflow's server does: " + refused.value.message
    told = json.loads(refused.value.serialize_as_json())
    assert told == {"error_code": "INVALID_PARAMETER_VALUE", "message": sentence}
    assert refused.value.get_http_status_code() == 400


def test_rows_are_as_long_together_as_they_may_be(classifier):
    rows = pd.DataFrame({"audio": [text(sound(200, 2.3)), text(sound(200, 2.7))]})
    assert len(Served(classifier, max_rows=2, max_seconds=5).predict(rows)) == 2


def test_what_a_check_raises_ends_decoding_and_hearing(classifier):
    calls = []

    def check() -> None:
        calls.append(None)
        if len(calls) > last:
            raise TimeoutError

    last = 1000
    classifier.predict(io.BytesIO(sound(200, 9)), check=check)
    assert len(calls) == 3 + 4  # blocks of 65536 samples, windows of 2 s
    for last in (0, 4):
        calls.clear()
        with pytest.raises(TimeoutError):
            classifier.predict(io.BytesIO(sound(200, 9)), check=check)
        assert len(calls) == last + 1


# Limits, before an application that stands for MLflow's.

LIMITS = Limits(megabytes=1, rows=1, seconds=1, queue=2, timeout=1)
JSON = (b"content-type", b"application/json")


class Behind:
    """An application: keeps the bodies that reach it, and answers when it is let."""

    def __init__(self, status: int = 200, answer: bytes = b"{}", work: float = 0) -> None:
        self.status, self.answer, self.work = status, answer, work
        self.bodies: list[bytes] = []
        self.at_work = self.most_at_work = 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            return
        self.bodies.append((await receive())["body"])
        await asyncio.to_thread(self._work)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": self.answer})

    def _work(self) -> None:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        time.sleep(self.work)
        self.at_work -= 1


async def ask(server, chunks, headers=(JSON,), pause: float = 0) -> tuple[int, dict]:
    waiting, sent = list(chunks), []

    async def receive():
        if not waiting:
            await asyncio.sleep(3600)
        await asyncio.sleep(pause)
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    path = {"path": "/invocations", "raw_path": b"/invocations", "query_string": b""}
    scope = {"type": "http", "method": "POST", **path, "headers": list(headers)}
    await server(scope, receive, send)
    start, *bodies = sent
    return start["status"], json.loads(b"".join(part["body"] for part in bodies))


def asked(server: Bounded, chunks, headers=(JSON,), pause: float = 0) -> tuple[int, dict]:
    return asyncio.run(ask(server, chunks, headers, pause))


def test_a_body_within_the_limits_is_passed_on_whole():
    behind = Behind()
    assert asked(Bounded(behind, LIMITS), [b"ab", b"c"]) == (200, {})
    assert behind.bodies == [b"abc"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_told_413_and_never_held(announced):
    behind = Behind()
    server = Bounded(behind, LIMITS)
    headers = (JSON, (b"content-length", b"1500000")) if announced else (JSON,)
    status, told = asked(server, [b"x" * 500_000] * 3, headers)
    assert (status, told["message"]) == (413, "the body is too large: at most 1 MB")
    assert behind.bodies == []
    assert (server._inside, server._held) == (0, 0)


def test_other_content_types_are_told_415():
    for headers in ((), ((b"content-type", b"text/csv"),)):
        status, told = asked(Bounded(Behind(), LIMITS), [b"audio\nx"], headers)
        assert status == 415
        assert told["message"].startswith("Content-Type must be application/json")


def test_a_body_that_does_not_come_is_told_408():
    status, told = asked(Bounded(Behind(), LIMITS), [b"x"] * 100, pause=0.3)
    assert (status, told["message"]) == (408, "the body took more than 1 s")
    assert told["error_code"] == "REQUEST_TIMEOUT"


def test_slow_uploads_leave_the_queue_to_whole_requests():
    server = Bounded(Behind(), replace(LIMITS, timeout=10))

    async def five_slow_ones_and_a_quick_one():
        slow = [asyncio.create_task(ask(server, [b"x"] * 8, pause=0.1)) for _ in range(5)]
        await asyncio.sleep(0.2)
        quick = await ask(server, [b"x"])
        done = sum(task.done() for task in slow)
        return quick, done, await asyncio.gather(*slow)

    quick, done, slow = asyncio.run(five_slow_ones_and_a_quick_one())
    assert (quick[0], done) == (200, 0)
    assert 200 in [status for status, _ in slow]
    assert (server._inside, server._held) == (0, 0)


def test_only_its_lifespan_gives_a_server_its_thread():
    async def behind(scope, receive, send):
        pass

    async def executors():
        server, loop = Bounded(behind, LIMITS), asyncio.get_running_loop()
        found = []
        for kind in ("lifespan", "websocket"):
            await server({"type": kind}, None, None)
            found.append(loop._default_executor)
        return found

    first, second = asyncio.run(executors())
    assert first is second
    assert first._max_workers == 1


def test_requests_are_answered_one_at_a_time_and_no_more_than_a_queue_of_them():
    behind = Behind(work=0.1)
    server = Bounded(behind, replace(LIMITS, timeout=10))  # of a busy machine

    async def five():
        return await asyncio.gather(*(ask(server, [b"x"]) for _ in range(5)))

    statuses = sorted(status for status, _ in asyncio.run(five()))
    assert statuses == [200, 200, 503, 503, 503]
    assert behind.most_at_work == 1
    assert asked(server, [b"x"])[0] == 200


def test_bodies_that_come_together_are_held_within_a_limit():
    server = Bounded(Behind(), Limits(megabytes=1, rows=1, seconds=1, queue=100, timeout=5))

    async def many():
        chunks = [b"x" * 300_000] * 3
        return await asyncio.gather(*(ask(server, chunks, pause=0.01) for _ in range(12)))

    statuses = [status for status, _ in asyncio.run(many())]
    assert set(statuses) == {200, 503}
    assert server._held == 0


def test_a_slow_answer_is_told_504_and_the_next_waits_for_its_thread():
    behind = Behind(work=1.5)
    server = Bounded(behind, LIMITS)

    async def two():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        first = await ask(server, [b"x"])
        behind.work = 0
        return first, await ask(server, [b"x"])

    (status, told), second = asyncio.run(two())
    assert (status, told["message"]) == (504, "there was no answer within 1 s")
    assert told["error_code"] == "DEADLINE_EXCEEDED"
    assert second == (200, {})
    assert behind.most_at_work == 1


@pytest.mark.parametrize(
    ("body", "theirs", "sentence"),
    [
        (b"{", {"message": "Invalid input. Input: \n{"}, f"the body is not JSON: {FORM}"),
        (b"{}", {"message": "Failed to predict data 'x'. \nError", "stack_trace": "x"}, FORM),
        (b"{}", {"message": "row 0: the file is empty"}, "row 0: the file is empty"),
    ],
)
def test_mlflows_own_errors_are_reworded(body, theirs, sentence):
    behind = Behind(400, json.dumps(theirs).encode())
    status, told = asked(Bounded(behind, LIMITS), [body])
    assert (status, told["message"]) == (400, sentence)
    assert "stack_trace" not in told


def test_a_line_is_logged_for_each_request_and_none_can_be_forged(caplog):
    caplog.set_level("INFO", "genre_pred.server")
    forged = json.dumps({"message": "row 0: \r\x1b[2Jforged"}).encode()
    asked(Bounded(Behind(400, forged), LIMITS), [b"{}"])
    (line,) = caplog.messages
    assert re.fullmatch(r"- POST /invocations 400 \d+ ms: row 0: \\r\\x1b\[2Jforged", line)


# Real servers.


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def workspace(classifier, tmp_path_factory):
    """A registry whose champion is the small classifier."""
    folder = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        experiment = track.store.open_experiment("genre-tones")
        with mlflow.start_run(experiment_id=experiment) as run:
            code = ROOT / "src" / "genre_pred"
            example = text(sound(200, 2))
            uri = track.log_candidate(classifier.folder, "floor", GENRES, example, code)
            version = track.register("genre-tones", uri, run.info.run_id, {"model": SPEC.model})
            track.crown("genre-tones", version, "it is the first", "first")
        yield folder


def test_hearing_ends_with_its_request(classifier, workspace):
    class Slow(GenreClassifier):
        heard = 0

        def _of_window(self, window, rate):
            self.heard += 1
            time.sleep(0.2)
            return super()._of_window(window, rate)

    _, folder = track.fetch("genre-tones@champion")
    slow = Slow(classifier.folder)
    app = track.scoring_app(Served(slow), folder, 60)
    server = Bounded(app, Limits(megabytes=9, rows=9, seconds=100, queue=9, timeout=2))
    long, short = (
        json.dumps(table(text(sound(200, seconds, "MP3")))).encode() for seconds in (60, 3)
    )

    async def both():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        return await ask(server, [long]), await ask(server, [short])

    (status, told), (answered, _) = asyncio.run(both())
    assert (status, told["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert answered == 200
    assert slow.heard < 15  # of 30 windows and 1


def test_an_answer_that_comes_too_late_is_told_504(classifier):
    token = DEADLINE.set(time.monotonic() - 1)
    try:
        with pytest.raises(Refused) as late:
            Served(classifier).predict(pd.DataFrame({"audio": [text(sound(200))]}))
    finally:
        DEADLINE.reset(token)
    assert late.value.get_http_status_code() == 504
    assert json.loads(late.value.serialize_as_json()) == {
        "error_code": "DEADLINE_EXCEEDED",
        "message": "there was no answer in time",
    }


class Running:
    """A server in processes of its own."""

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.url, self.log = f"http://127.0.0.1:{port}", folder / f"{port}.log"
        environment = os.environ | {
            "DVC_ROOT": str(folder),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            "PYTHONPATH": str(ROOT / "src"),
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                if requests.get(f"{self.url}/ping", timeout=5).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"it did not start: {self.log.read_text()}")

    def ask(self, body: object) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body)
        kind = {"Content-Type": "application/json"}
        return requests.post(f"{self.url}/invocations", data, headers=kind, timeout=60)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def servers(workspace):
    """Our server with two workers, and MLflow's; both of the same champion."""
    model = "models:/genre-tones@champion"
    ports = free_port(), free_port()
    ours = [
        "-c",
        "from genre_pred.cli import main; main()",
        "serve",
        "--workers",
        "2",
        "--megabytes",
        "1",
        "--seconds",
        "10",
    ]
    theirs = ["-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    running = [
        Running([*command, "--port", str(port)], workspace, port)
        for command, port in zip((ours, theirs), ports, strict=True)
    ]
    try:
        for server in running:
            server.wait()
        yield running
    finally:
        for server in running:
            server.kill()


def test_predict_class_and_servers_give_the_same_probabilities(servers, workspace, classifier):
    song = workspace / "song.mp3"
    song.write_bytes(sound(500, 7, "MP3"))
    expected = classifier.predict(song).probabilities
    ours, theirs = servers
    answers = [
        server.ask(table(text(song.read_bytes()))).json() for server in [ours] * 6 + [theirs]
    ]
    told = [answer["predictions"][0] for answer in answers]
    command = CliRunner().invoke(main, ["predict", "--json", str(song)])
    told.append(json.loads(command.output)["files"][0]["probabilities"])
    loaded = GenreClassifier.load("genre-tones@champion").predict(song)
    told.append(loaded.probabilities)
    assert 0.01 < expected["Low"] < 0.99
    for probabilities in told:
        for genre in GENRES:
            assert probabilities[genre] == pytest.approx(expected[genre], abs=1e-6)
    assert set(told[0]) == {"genre", *GENRES, "genre_set", "unknown"}
    assert answers[0] == answers[-1]


WRONG = [
    b"no JSON",
    table(),
    table("/etc/passwd"),
    table(text(b"no sound")),
    table(text(sound(200, 0.2))),
    {"dataframe_split": {"columns": ["sound"], "data": [["x"]]}},
    {"dataframe_records": 5},
    {"inputs": {"audio": ["x"]}},
    {},
    [],
]


@pytest.mark.parametrize("body", WRONG, ids=lambda body: str(body)[:60])
def test_a_wrong_body_is_told_400_without_a_stack_trace(servers, body):
    for server in servers:
        answer = server.ask(body)
        assert answer.status_code == 400
        assert "message" in answer.json()
        assert "stack_trace" not in answer.json()
        assert "Traceback" not in answer.text
    sentence = servers[0].ask(body).json()["message"]
    assert "\n" not in sentence
    assert 10 < len(sentence) < 200


def test_what_the_classifier_refuses_both_servers_tell_alike(servers):
    ours, theirs = (server.ask(table(text(b"no sound"))) for server in servers)
    assert ours.json() == theirs.json()
    assert ours.json()["message"] == "row 0: is not a sound file that can be decoded"


def test_the_same_addresses_answer(servers):
    for address in ("ping", "health", "version"):
        told = [requests.get(f"{server.url}/{address}", timeout=10) for server in servers]
        assert [answer.status_code for answer in told] == [200, 200]
        assert told[0].text == told[1].text


def test_what_is_beyond_the_limits_is_told(servers):
    ours, _ = servers
    large = ours.ask(table("A" * 3_000_000))
    assert (large.status_code, large.json()["message"]) == (
        413,
        "the body is too large: at most 1 MB",
    )
    long = ours.ask(table(text(sound(200, 15, "FLAC"))))
    assert (long.status_code, long.json()["message"]) == (400, "row 0: too long: more than 10 s")
    many = ours.ask(table(*["AAAA"] * 17))
    assert (many.status_code, many.json()["message"]) == (
        400,
        "there are 17 rows: at most 16 at a time",
    )
    deep = ours.ask(b"[" * 100_000)
    assert deep.status_code == 400
    assert ours.ask(table(text(sound(200)))).status_code == 200


def test_a_model_that_is_not_there_is_told_before_anything_is_served(workspace):
    told = CliRunner().invoke(main, ["serve", "--model", "genre-nothing"])
    assert told.exit_code == 1
    assert told.output == "Error: no registered model 'genre-nothing'; known are genre-tones\n"


def test_under_load_nothing_is_lost_then_it_stops_cleanly(servers, workspace):
    ours, _ = servers
    until = time.monotonic() + START_SECONDS
    while ours.log.read_text().count(" answers\n") < 2 and time.monotonic() < until:
        time.sleep(0.2)  # the one that was ready first has answered so far
    song = workspace / "load.mp3"
    song.write_bytes(sound(300, 3, "MP3"))
    command = [sys.executable, "-m", "benchmarks.load", str(song), "--url", ours.url]
    told = subprocess.run(
        [*command, "--clients", "10", "--seconds", "3"], cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert " 0 lost" in told.stdout
    assert re.search(r"latency: median \d+\.\d+ s, p95 \d+\.\d+ s, p99 \d+\.\d+ s", told.stdout)
    assert ours.stop() == 0
    lines = ours.log.read_text().splitlines()
    assert not [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d .* \[\d+\] ", line)]
    answered = [line for line in lines if " POST /invocations 200 " in line]
    assert len({line.split("[")[1].split("]")[0] for line in answered}) == 2, "one worker idled"
