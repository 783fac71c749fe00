"""Load test of a running server: latency and failed requests with many clients at once.

    genre-pred serve --workers 2 &
    python -m benchmarks.load song.mp3 --clients 50 --seconds 60

Each client sends a request, waits for the response and repeats. A response without a genre counts
as failed; nothing is retried.
"""

import base64
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import requests

TIMEOUT = 300  # seconds that a client waits


@dataclass(frozen=True)
class Load:
    """The results of a load test.

    Attributes:
        latencies: In seconds, of each response.
        lost: Number of failed requests by reason.
        seconds: From the first request to the last response.
    """

    latencies: list[float]
    lost: Counter[str]
    seconds: float

    def summary(self) -> str:
        """The figures in two lines."""
        reasons = "".join(f"; {count} x {reason}" for reason, count in self.lost.most_common())
        first = (
            f"{len(self.latencies)} responses in {self.seconds:.1f} s "
            f"({len(self.latencies) / self.seconds:.1f} per second), "
            f"{self.lost.total()} failed{reasons}"
        )
        if not self.latencies:
            return first
        shares = np.percentile(self.latencies, [50, 95, 99])
        percentiles = zip(("median", "p95", "p99"), shares, strict=True)
        return f"{first}\nlatency: " + ", ".join(
            f"{name} {latency:.2f} s" for name, latency in percentiles
        )


def load(url: str, sounds: list[bytes], clients: int, seconds: float) -> Load:
    """Send requests from several clients for a time.

    Args:
        url: The server's URL, without /invocations.
        sounds: Audio files, sent in turn.
        clients: Number of clients, each with its own connection.
        seconds: Time after which no new request is sent; open requests are completed.
    """
    bodies = [_body(sound) for sound in sounds]
    started = time.perf_counter()

    def client(number: int) -> tuple[list[float], Counter[str]]:
        latencies: list[float] = []
        lost: Counter[str] = Counter()
        with requests.Session() as session:
            session.trust_env = False  # no proxy
            while (sent := time.perf_counter()) - started < seconds:
                turn = number + len(latencies) + lost.total()
                failure = _request(session, url, bodies[turn % len(bodies)])
                if failure:
                    lost[failure] += 1
                else:
                    latencies.append(time.perf_counter() - sent)
        return latencies, lost

    with ThreadPoolExecutor(clients) as pool:
        results = list(pool.map(client, range(clients)))
    took = time.perf_counter() - started
    lost = sum((lost for _, lost in results), Counter[str]())
    return Load([latency for latencies, _ in results for latency in latencies], lost, took)


def _body(sound: bytes) -> bytes:
    text = base64.b64encode(sound).decode()
    return json.dumps({"dataframe_split": {"columns": ["audio"], "data": [[text]]}}).encode()


def _request(session: requests.Session, url: str, body: bytes) -> str:
    """Send a request; return the reason for a failure, or an empty text."""
    kind = {"Content-Type": "application/json"}
    try:
        response = session.post(f"{url}/invocations", body, headers=kind, timeout=TIMEOUT)
    except requests.RequestException as error:
        return type(error).__name__
    if response.status_code != 200:
        return f"status {response.status_code}"
    return "" if "genre" in response.json()["predictions"][0] else "no genre in the response"


@click.command()
@click.argument("sounds", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--url", default="http://127.0.0.1:5001", show_default=True)
@click.option("--clients", type=click.IntRange(1), default=50, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True)
def main(sounds: tuple[Path, ...], url: str, clients: int, seconds: int) -> None:
    """Load-test a running server; the exit code is 1 if any request failed."""
    click.echo(f"{clients} clients for {seconds} s at {url}")
    results = load(url, [sound.read_bytes() for sound in sounds], clients, seconds)
    click.echo(results.summary())
    if results.lost or not results.latencies:
        sys.exit(1)


if __name__ == "__main__":
    main()
