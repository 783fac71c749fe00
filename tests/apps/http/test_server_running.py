"""Real servers of a registered champion on real ports, compared with MLflow's own."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest
import requests
from click.testing import CliRunner
from served_tones import GENRES, SPEC, ask, sound, table, text

from genre_pred import tracking
from genre_pred.apps.cli import main
from genre_pred.apps.http.bounded import Bounded, Limits
from genre_pred.apps.http.served import Served
from genre_pred.inference.batch import many_files as hearing
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.window_scorer import WindowScorer

ROOT = Path(__file__).parents[3]
SERVE = ["-c", "from genre_pred.apps.cli import main; main()", "serve"]
START_SECONDS = 180  # torch and MLflow are slow to import on a busy machine


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
        experiment = tracking.store.open_experiment("genre-tones")
        with mlflow.start_run(experiment_id=experiment) as run:
            example = text(sound(200, 2))
            uri = tracking.log_candidate(classifier.folder, "baseline", GENRES, example)
            version = tracking.register("genre-tones", uri, run.info.run_id, {"model": SPEC.model})
            tracking.set_champion("genre-tones", version, "it is the first", "first")
        yield folder


def test_a_registered_classifier_runs_on_the_code_that_it_brings(workspace):
    script = (
        "import mlflow; mlflow.pyfunc.load_model('models:/genre-tones@champion'); "
        "import genre_pred; print(genre_pred.__file__)"
    )
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{workspace}/mlflow.db"}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=workspace, env=os.environ | store,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(found.stdout.strip()).is_relative_to(workspace / "mlartifacts")


def test_prediction_stops_at_the_deadline(classifier, workspace, monkeypatch):
    heard, read = [], WindowScorer.read

    def slowly(scorer, window, rate):
        heard.append(rate)
        time.sleep(0.2)
        return read(scorer, window, rate)

    monkeypatch.setattr(WindowScorer, "read", slowly)
    _, folder = tracking.fetch("genre-tones@champion")
    app = tracking.scoring_app(Served(classifier), folder, 60)
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
    assert len(heard) < 15  # of 30 windows and 1


def test_internal_errors_return_500_through_mlflow(classifier, workspace, monkeypatch):
    def broken(*_):
        raise ValueError("Input X contains NaN.")

    monkeypatch.setattr(WindowScorer, "read", broken)
    _, folder = tracking.fetch("genre-tones@champion")
    app = tracking.scoring_app(Served(classifier), folder, 60)
    server = Bounded(app, Limits(megabytes=9, rows=9, seconds=100, queue=9, timeout=60))
    right, wrong = (json.dumps(it).encode() for it in (table(text(sound(200))), {"inputs": 5}))
    assert asyncio.run(ask(server, [right])) == (
        500,
        {
            "error_code": "INTERNAL_ERROR",
            "message": "row 0: prediction failed: ValueError: Input X contains NaN. "
            "(see the server's log)",
        },
    )
    assert asyncio.run(ask(server, [wrong]))[0] == 400


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
    ours = [*SERVE, "--workers", "2", "--megabytes", "1", "--seconds", "10"]
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
def test_a_wrong_body_returns_400_without_a_stack_trace(servers, body):
    for server in servers:
        answer = server.ask(body)
        assert answer.status_code == 400
        assert "message" in answer.json()
        assert "stack_trace" not in answer.json()
        assert "Traceback" not in answer.text
    sentence = servers[0].ask(body).json()["message"]
    assert "\n" not in sentence
    assert 10 < len(sentence) < 200


def test_both_servers_give_the_same_errors(servers):
    ours, theirs = (server.ask(table(text(b"no sound"))) for server in servers)
    assert ours.json() == theirs.json()
    assert ours.json()["message"] == "row 0: is not a sound file that can be decoded"


def test_the_same_addresses_answer(servers):
    for address in ("ping", "health", "version"):
        told = [requests.get(f"{server.url}/{address}", timeout=10) for server in servers]
        assert [answer.status_code for answer in told] == [200, 200]
        assert told[0].text == told[1].text


def test_requests_beyond_the_limits_are_refused(servers):
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


def test_an_unknown_model_is_reported_before_serving(workspace):
    told = CliRunner().invoke(main, ["serve", "--port", "0", "--model", "genre-nothing"])
    assert told.exit_code == 1
    known = "registered models are genre-tones"
    assert told.output == f"Error: no registered model 'genre-nothing'; {known}\n"


def test_a_port_in_use_is_reported_before_loading(workspace):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told = CliRunner().invoke(main, ["serve", "--port", port, "--model", "genre-nothing"])
    assert told.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in told.output


@pytest.mark.parametrize("host", ["ü" * 70, "256.0.0.1"])
def test_an_invalid_host_is_reported(workspace, host):
    told = CliRunner().invoke(main, ["serve", "--host", host, "--model", "genre-nothing"])
    assert told.exit_code == 1
    assert "cannot listen on" in told.output


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_address_of_ipv6_can_be_listened_at(workspace):
    asked = ["serve", "--host", "::1", "--port", "0", "--model", "genre-nothing"]
    assert "no registered model" in CliRunner().invoke(main, asked).output


@pytest.mark.parametrize(("timeout", "patience"), [("1", 60), ("120", 240)])
def test_workers_that_start_are_given_time_however_short_a_requests_is(
    workspace, monkeypatch, timeout, patience
):
    given = []

    class Supervisor:
        processes = ()

        def __init__(self, config, sockets) -> None:
            given.append(config.timeout_worker_healthcheck)
            sockets[0].close()

        def run(self) -> None:
            pass

    monkeypatch.setattr("genre_pred.apps.http.server._Supervisor", Supervisor)
    monkeypatch.setattr("genre_pred.apps.http.server._loaded", lambda settings: None)
    monkeypatch.setenv("GENRE_PRED_SERVER", "")
    call = ["serve", "--port", "0", "--workers", "2", "--timeout", timeout]
    told = CliRunner().invoke(main, [*call, "--model", "genre-tones"])
    assert told.exit_code == 0, told.output
    assert given == [patience]


@pytest.fixture
def broken(workspace):
    """The champion's folder, with a file that cannot be read."""
    _, folder = tracking.fetch("genre-tones@champion")
    pipeline = folder / "pipeline.skops"
    whole = pipeline.read_bytes()
    pipeline.write_bytes(b"broken")
    yield folder
    pipeline.write_bytes(whole)


def ended(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit status of a server that ends by itself, and what it said."""
    port = free_port()
    server = Running([*command, "--port", str(port)], folder, port)
    try:
        return server.process.wait(START_SECONDS), server.log.read_text()
    finally:
        server.kill()


def damaged_message(folder: Path) -> str:
    return (
        f"genre-tones@champion (version 1) in {folder.resolve()} cannot be read (BadZipFile: File "
        "is not a zip file): register it again with `dvc repro`, or name another with --model\n"
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_damaged_classifier_is_reported_and_not_served(workspace, broken, workers):
    status, told = ended([*SERVE, "--workers", workers], workspace)
    assert status == 1
    assert told.endswith(f"Error: {damaged_message(broken)}")
    assert "Traceback" not in told


def test_predict_reports_a_damaged_classifier(workspace, broken):
    song = workspace / "whole.wav"
    song.write_bytes(sound(200))
    hearing._classifier.cache_clear()
    told = CliRunner().invoke(main, ["predict", str(song)])
    assert told.exit_code == 1
    assert told.output.startswith(f"Error: the classifier in {broken} cannot be read (BadZipFile: ")


def test_workers_that_cannot_load_end_the_server(workspace, broken):
    """Though it could be loaded before they began."""
    blind = "from genre_pred.apps.http import server; server._loaded = lambda settings: None; "
    python, program, *command = SERVE
    status, told = ended([python, blind + program, *command, "--workers", "2"], workspace)
    assert status == 3
    assert f"] {damaged_message(broken)}" in told
    assert "Traceback" not in told
    assert told.count("failed to start, stopping the parent process") == 1


def test_under_load_no_request_fails_and_the_server_stops_cleanly(servers, workspace):
    ours, _ = servers
    until = time.monotonic() + START_SECONDS
    while ours.log.read_text().count(" is ready\n") < 2 and time.monotonic() < until:
        time.sleep(0.2)  # the one that was ready first has answered so far
    song = workspace / "load.mp3"
    song.write_bytes(sound(300, 3, "MP3"))
    command = [sys.executable, "-m", "benchmarks.load", str(song), "--url", ours.url]
    told = subprocess.run(
        [*command, "--clients", "10", "--seconds", "3"], cwd=ROOT, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert " 0 failed" in told.stdout
    assert re.search(r"latency: median \d+\.\d+ s, p95 \d+\.\d+ s, p99 \d+\.\d+ s", told.stdout)
    assert ours.stop() == 0
    lines = ours.log.read_text().splitlines()
    assert not [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d .* \[\d+\] ", line)]
    answered = [line for line in lines if " POST /invocations 200 " in line]
    assert len({line.split("[")[1].split("]")[0] for line in answered}) == 2, "one worker idled"
