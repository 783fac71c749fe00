"""The server's limits, in front of a stand-in for MLflow's application."""

import asyncio
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from served_tones import JSON, ask

from genre_pred.apps.http.bounded import FORM, Bounded, Limits

LIMITS = Limits(megabytes=1, rows=1, seconds=1, queue=2, timeout=1)


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


def asked(server: Bounded, chunks, headers=(JSON,), pause: float = 0) -> tuple[int, dict]:
    return asyncio.run(ask(server, chunks, headers, pause))


def test_a_body_within_the_limits_is_passed_on_whole():
    behind = Behind()
    assert asked(Bounded(behind, LIMITS), [b"ab", b"c"]) == (200, {})
    assert behind.bodies == [b"abc"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/ping/", "/"])
def test_other_pages_of_mlflow_return_404(path):
    behind = Behind()
    status, told = asyncio.run(ask(Bounded(behind, LIMITS), [], path=path))
    assert (status, told["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert told["message"].endswith("use /invocations, /ping, /health, /version")
    assert behind.bodies == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_returns_413_and_is_not_kept(announced):
    behind = Behind()
    server = Bounded(behind, LIMITS)
    headers = (JSON, (b"content-length", b"1500000")) if announced else (JSON,)
    status, told = asked(server, [b"x" * 500_000] * 3, headers)
    assert (status, told["message"]) == (413, "the body is too large: at most 1 MB")
    assert behind.bodies == []
    assert (server._inside, server._held) == (0, 0)


def test_other_content_types_return_415():
    for headers in ((), ((b"content-type", b"text/csv"),)):
        status, told = asked(Bounded(Behind(), LIMITS), [b"audio\nx"], headers)
        assert status == 415
        assert told["message"].startswith("Content-Type must be application/json")


def test_a_missing_body_returns_408():
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


def test_a_timeout_returns_504_and_the_next_request_waits_for_the_thread():
    behind = Behind(work=1.5)
    server = Bounded(behind, LIMITS)

    async def two():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        first = await ask(server, [b"x"])
        behind.work = 0
        return first, await ask(server, [b"x"])

    (status, told), second = asyncio.run(two())
    assert (status, told["message"]) == (504, "the request took more than 1 s")
    assert told["error_code"] == "DEADLINE_EXCEEDED"
    assert second == (200, {})
    assert behind.most_at_work == 1


@pytest.mark.parametrize(
    ("body", "theirs", "sentence"),
    [
        (b"{", {"message": "Invalid input. Input: \n{"}, f"the body is not JSON: {FORM}"),
        (b"{}", {"message": "Failed to predict data 'x'. \nError", "stack_trace": "x"}, FORM),
        (b"{}", {"message": "Encountered an unexpected error", "stack_trace": "x"}, FORM),
        (b"{}", {"message": "row 0: the file is empty"}, "row 0: the file is empty"),
    ],
)
def test_mlflows_own_errors_are_reworded(body, theirs, sentence):
    behind = Behind(400, json.dumps(theirs).encode())
    status, told = asked(Bounded(behind, LIMITS), [body])
    assert (status, told["message"]) == (400, sentence)
    assert "stack_trace" not in told


def test_internal_errors_return_500(caplog):
    async def broken(scope, receive, send):
        raise ValueError("odd")

    status, told = asked(Bounded(broken, LIMITS), [b"{}"])
    assert status == 500
    assert told == {
        "error_code": "INTERNAL_ERROR",
        "message": "internal error: ValueError: odd (see the server's log)",
    }
    assert "Traceback" in caplog.text


def test_a_line_is_logged_for_each_request_and_none_can_be_forged(caplog):
    caplog.set_level("INFO", "genre_pred.apps.http.server")
    forged = json.dumps({"message": "row 0: \r\x1b[2Jforged"}).encode()
    asked(Bounded(Behind(400, forged), LIMITS), [b"{}"])
    (line,) = caplog.messages
    assert re.fullmatch(r"- POST /invocations 400 \d+ ms: row 0: \\r\\x1b\[2Jforged", line)
