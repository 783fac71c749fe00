"""The command that opens the page."""

import signal
import sys
import threading

import click

from genre_pred.apps.cli.terminal import check_free, loaded, model_option
from genre_pred.core.errors import UserError


@click.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Who is answered.")
@click.option("--port", type=click.IntRange(1, 65535), help="Else the first free one from 7860.")
@click.option("--no-browser", is_flag=True, help="Do not open one.")
def app(model: str | None, host: str, port: int | None, no_browser: bool) -> None:
    """Open the page: drop or record a sound and see its genre, and why."""
    check_free(host, port or 0)
    classifier = loaded(model)
    try:
        from genre_pred.apps.web.page import serving
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise UserError(
            "the page needs Gradio: pip install -c constraints.txt -e '.[app]'"
        ) from error

    _end_by_signals()
    with serving(classifier, host, port, browser=not no_browser) as address:
        click.echo(f"{address} asks {classifier.title}; Ctrl+C ends it")
        if host not in ("127.0.0.1", "localhost", "::1"):
            click.echo("without a password: whoever reaches this machine may ask it", err=True)
        _wait()


def _end_by_signals() -> None:
    """End as by Ctrl+C, so that what was uploaded is deleted, also when the terminal closes."""
    names = ("SIGTERM", "SIGHUP")
    ends = [getattr(signal, name) for name in names if hasattr(signal, name)]  # Windows lacks one

    def end(*_: object) -> None:
        for again in ends:  # a terminal that closes may tell it twice
            signal.signal(again, signal.SIG_IGN)
        sys.exit(0)

    for it in ends:
        if signal.getsignal(it) != signal.SIG_IGN:  # as by nohup
            signal.signal(it, end)


def _wait() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo()
