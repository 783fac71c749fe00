"""Many clients at once against a running server: is anything lost, how long do they wait?

    genre-pred serve --workers 2 &
    python -m benchmarks.load song.mp3 --clients 50 --seconds 60

Each client asks, waits for the answer and asks again. Latency is what a client waits; anything but
an answer with probabilities is lost, and nothing is tried again.
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

PATIENCE = 300  # seconds that a client waits


@dataclass(frozen=True)
class Load:
    """What the clients met.

    Attributes:
        latencies: In seconds, of each answer.
        lost: How often, by the reason.
        seconds: From the first request to the last answer.
    """

    latencies: list[float]
    lost: Counter[str]
    seconds: float

    def told(self) -> str:
        """The figures in two lines."""
        lost = "".join(f"; {count} x {why}" for why, count in self.lost.most_common())
        first = (
            f"{len(self.latencies)} answers in {self.seconds:.1f} s "
            f"({len(self.latencies) / self.seconds:.1f} a second), {self.lost.total()} lost{lost}"
        )
        if not self.latencies:
            return first
        shares = np.percentile(self.latencies, [50, 95, 99])
        named = zip(("median", "p95", "p99"), shares, strict=True)
        return f"{first}\nlatency: " + ", ".join(f"{name} {each:.2f} s" for name, each in named)


def load(url: str, sounds: list[bytes], clients: int, seconds: float) -> Load:
    """Let clients ask for a time.

    Args:
        url: Of the server, without /invocations.
        sounds: Sound files, asked for in turn.
        clients: Each with a connection of its own.
        seconds: After which no new request is sent; those under way are waited for.
    """
    bodies = [_body(sound) for sound in sounds]
    started = time.perf_counter()

    def client(number: int) -> tuple[list[float], Counter[str]]:
        latencies: list[float] = []
        lost: Counter[str] = Counter()
        with requests.Session() as session:
            session.trust_env = False  # no proxy
            while (asked := time.perf_counter()) - started < seconds:
                turn = number + len(latencies) + lost.total()
                why = _ask(session, url, bodies[turn % len(bodies)])
                if why:
                    lost[why] += 1
                else:
                    latencies.append(time.perf_counter() - asked)
        return latencies, lost

    with ThreadPoolExecutor(clients) as pool:
        met = list(pool.map(client, range(clients)))
    took = time.perf_counter() - started
    lost = sum((lost for _, lost in met), Counter[str]())
    return Load([each for latencies, _ in met for each in latencies], lost, took)


def _body(sound: bytes) -> bytes:
    text = base64.b64encode(sound).decode()
    return json.dumps({"dataframe_split": {"columns": ["audio"], "data": [[text]]}}).encode()


def _ask(session: requests.Session, url: str, body: bytes) -> str:
    """Why there was no answer; empty where there was one."""
    kind = {"Content-Type": "application/json"}
    try:
        answer = session.post(f"{url}/invocations", body, headers=kind, timeout=PATIENCE)
    except requests.RequestException as error:
        return type(error).__name__
    if answer.status_code != 200:
        return f"status {answer.status_code}"
    return "" if "genre" in answer.json()["predictions"][0] else "no genre in the answer"


@click.command()
@click.argument("sounds", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--url", default="http://127.0.0.1:5001", show_default=True)
@click.option("--clients", type=click.IntRange(1), default=50, show_default=True)
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True)
def main(sounds: tuple[Path, ...], url: str, clients: int, seconds: int) -> None:
    """Put a running server under load; exit code 1 if anything was lost."""
    click.echo(f"{clients} clients for {seconds} s at {url}")
    met = load(url, [sound.read_bytes() for sound in sounds], clients, seconds)
    click.echo(met.told())
    if met.lost or not met.latencies:
        sys.exit(1)


if __name__ == "__main__":
    main()
