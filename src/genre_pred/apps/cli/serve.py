"""The command serve: predictions over HTTP."""

import click

from genre_pred.apps.cli.terminal import check_free, model_option


@click.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=5001, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of worker processes.",
)
@click.option(
    "--megabytes",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Largest request body, in MB.",
)
@click.option(
    "--rows", type=click.IntRange(1), default=16, show_default=True, help="Most rows of a request."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=900,
    show_default=True,
    help="Longest total audio of a request, in seconds.",
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Most requests waiting in each worker.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=120,
    show_default=True,
    help="Seconds until a request is aborted.",
)
def serve(
    model: str | None,
    host: str,
    port: int,
    workers: int,
    megabytes: int,
    rows: int,
    seconds: float,
    queue: int,
    timeout: int,
) -> None:
    """Serve predictions over HTTP like `mlflow models serve`, with limits.

    POST audio files as base64 text to /invocations; /ping and /health report the status. Too large
    a body returns 413, too many rows or seconds 400, a full queue 503, a timeout 504. Eight
    clients that never finish large bodies can block a worker until --timeout: put a proxy that
    buffers requests in front of a public server.
    """
    check_free(host, port)
    from genre_pred.apps.http.bounded import Limits
    from genre_pred.apps.http.server import run

    run(model, host, port, workers, Limits(megabytes, rows, seconds, queue, timeout))
