"""The command that answers over HTTP."""

import click

from genre_pred.apps.cli.terminal import check_free, model_option


@click.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=5001, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--megabytes", type=click.IntRange(1), default=32, show_default=True, help="A body.")
@click.option("--rows", type=click.IntRange(1), default=16, show_default=True, help="Of a body.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=900,
    show_default=True,
    help="Of a body's sounds together.",
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Whole requests at a time in each worker.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=120,
    show_default=True,
    help="Seconds of a request.",
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
    """Answer over HTTP as `mlflow models serve` does, within limits.

    POST sounds as base64 text to /invocations; /ping and /health tell that it lives. Larger
    bodies get 413, too many rows or seconds 400, a full queue 503, a slow answer 504. Eight
    clients that never finish their large bodies keep a worker from all others until --timeout:
    let a proxy before it buffer requests.
    """
    check_free(host, port)
    from genre_pred.apps.http.server import Limits, run

    run(model, host, port, workers, Limits(megabytes, rows, seconds, queue, timeout))
