"""The command app: its address and its errors."""

import os
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from genre_pred.apps.cli import main


@pytest.fixture
def command(classifier, tmp_path, monkeypatch):
    """The command, which ends as soon as somebody has looked at the page."""
    seen: list[str] = []
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genre_pred.apps.cli.page.loaded", lambda model: classifier)
    before = {it: signal.signal(it, signal.SIG_DFL) for it in (signal.SIGTERM, signal.SIGHUP)}
    yield lambda *words: CliRunner().invoke(main, ["app", "--no-browser", *words]), seen
    for it, handler in before.items():
        signal.signal(it, handler)


def test_the_command_opens_the_page_and_says_where(command, monkeypatch):
    call, seen = command
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def look() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answered:
            seen.append(answered.read().decode())

    monkeypatch.setattr("genre_pred.apps.cli.page._wait", look)
    told = call("--port", str(port))
    assert told.exit_code == 0, told.output
    assert f"http://127.0.0.1:{port}/ serves genre-tones@champion (version 1)" in told.output
    assert "What genre is it?" in seen[0]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_page_and_its_uploads(command, monkeypatch, name):
    call, seen = command
    ending = getattr(signal, name)

    def end() -> None:
        seen.append(os.environ["GRADIO_TEMP_DIR"])
        assert Path(seen[0]).is_dir()
        assert signal.getsignal(ending) != signal.SIG_DFL  # which would end these tests
        signal.raise_signal(ending)
        pytest.fail("it went on")

    monkeypatch.setattr("genre_pred.apps.cli.page._wait", end)
    told = call()
    assert told.exit_code == 0, told.output
    assert not Path(seen[0]).exists()
    signal.raise_signal(ending)  # a second one does not disturb the end


def test_a_page_that_outlives_its_terminal_goes_on(command, monkeypatch):
    call, seen = command
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    def go_on() -> None:
        signal.raise_signal(signal.SIGHUP)
        seen.append("went on")

    monkeypatch.setattr("genre_pred.apps.cli.page._wait", go_on)
    assert call().exit_code == 0
    assert seen == ["went on"]


def test_a_port_in_use_is_reported(command):
    call, _ = command
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = call("--port", str(port))
    assert told.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in told.output


def test_without_a_champion_the_command_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = CliRunner().invoke(main, ["app", "--no-browser"])
    assert told.exit_code == 1
    assert "run dvc repro" in told.output
