"""The command app: the web page."""

import signal
import sys
import threading

import click

from genre_pred.apps.cli.terminal import check_free, loaded, model_option
from genre_pred.core.errors import UserError


@click.command()
@model_option
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 for all networks.",
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port.  [default: the first free one from 7860]"
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def app(model: str | None, host: str, port: int | None, no_browser: bool) -> None:
    """Open the web page: upload or record a song and see its predicted genre."""
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
        click.echo(f"{address} serves {classifier.title}; press Ctrl+C to stop")
        if host not in ("127.0.0.1", "localhost", "::1"):
            click.echo("warning: no password; anyone who reaches this host can use it", err=True)
        _wait()


def _end_by_signals() -> None:
    """Exit cleanly on SIGTERM and when the terminal closes, so that uploads are deleted."""
    names = ("SIGTERM", "SIGHUP")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]  # not on Windows

    def end(*_: object) -> None:
        for number in signals:  # a closing terminal may send SIGHUP twice
            signal.signal(number, signal.SIG_IGN)
        sys.exit(0)

    for number in signals:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, end)


def _wait() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo()
