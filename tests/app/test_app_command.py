"""The command that opens the page: where it is, or why it is not."""

import os
import signal
import socket
import urllib.request

import pytest
from click.testing import CliRunner

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from genre_pred.classifier import GenreClassifier
from genre_pred.cli import main


@pytest.fixture
def command(classifier, tmp_path, monkeypatch):
    """The command, which ends as soon as somebody has looked at the page."""
    seen: list[str] = []
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GenreClassifier, "load", lambda model: classifier)
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *words: CliRunner().invoke(main, ["app", "--no-browser", *words]), seen
    signal.signal(signal.SIGTERM, before)


def test_the_command_opens_the_page_and_says_where(command, monkeypatch):
    call, seen = command
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def look() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answered:
            seen.append(answered.read().decode())

    monkeypatch.setattr("genre_pred.cli.page._wait", look)
    told = call("--port", str(port))
    assert told.exit_code == 0, told.output
    assert f"http://127.0.0.1:{port}/ asks genre-tones@champion (version 1)" in told.output
    assert "What genre is it?" in seen[0]


def test_a_taken_port_is_said(command):
    call, _ = command
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = call("--port", str(port))
    assert told.exit_code == 1
    assert f"of its ports {port} is taken; name one with --port" in told.output


def test_without_a_champion_the_command_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = CliRunner().invoke(main, ["app", "--no-browser"])
    assert told.exit_code == 1
    assert "run dvc repro" in told.output
