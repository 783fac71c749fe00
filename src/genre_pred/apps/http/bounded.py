"""Limits before MLflow's scoring server, which takes whatever comes.

That takes bodies of any size, as many at a time as there are clients, and its errors repeat the
body.
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genre_pred.apps.http.served import DEADLINE
from genre_pred.core.errors import UserError, describe_error

HELD_BODIES = 8  # as many bodies of the largest size are held in memory
DRAINED_BODIES = 8  # as much of a refused body is read, so that the client reads the answer
PATHS = ("/invocations", "/ping", "/health", "/version")
CODES = {
    404: "ENDPOINT_NOT_FOUND",
    408: "REQUEST_TIMEOUT",
    413: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
MLFLOWS_OWN = ("Invalid input", "The input must be", "Failed to", "Encountered an unexpected")
FORM = (
    'the body must be JSON as {"dataframe_split": {"columns": ["audio"], "data": [["..."]]}}, '
    "each row a sound file as base64 text"
)
log = logging.getLogger("genre_pred.apps.http.server")


@dataclass(frozen=True)
class Limits:
    """What a worker takes.

    Attributes:
        megabytes: Of a body (10^6 bytes); 413 beyond.
        rows: Of a body; 400 beyond.
        seconds: Of a body's sounds together; 400 beyond.
        queue: Requests that have come whole, and wait or are answered; 503 beyond.
        timeout: In seconds, of the body's coming (408 beyond), then of the answer (504).
    """

    megabytes: int
    rows: int
    seconds: float
    queue: int
    timeout: int


class Denied(UserError):
    """A request that is not passed on.

    Args:
        status: Of the answer.
        sentence: Its message.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence

    def answer(self) -> Response:
        """The sentence in the shape of MLflow's errors."""
        headers = {"Retry-After": "1"} if self.status == 503 else None
        code = CODES.get(self.status, "BAD_REQUEST")
        told = {"error_code": code, "message": self.sentence}
        return JSONResponse(told, self.status, headers)


class Upload:
    """A body as it comes.

    Attributes:
        more: Whether some of it is still to come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self.more = receive, True

    async def chunk(self) -> bytes:
        """The next part.

        Raises:
            ClientDisconnect: If the client has gone.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.more = message.get("more_body", False)
        return bytes(message.get("body", b""))


class Bounded:
    """Passes on what PATHS has, keeps the limits of /invocations, and logs a line for each request.

    MLflow's own further pages load scripts from other hosts.

    Requests are answered one at a time, in their order. What has timed out goes on in its thread
    until it looks at DEADLINE, and nothing else starts before it ends: work never piles up. But
    HELD_BODIES clients that never finish bodies of the largest size hold all its memory for
    bodies, and others get 503, until the timeout: a proxy before it should buffer requests.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self._most = limits.megabytes * 1_000_000
        self._inside, self._held = 0, 0  # whole requests, and the bytes of all
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "lifespan":
            # MLflow predicts in the loop's threads.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
            await self.app(scope, receive, _ending_in_peace(send))
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, told = time.perf_counter(), 499, ""
        try:
            if (scope["method"], scope["path"]) == ("POST", "/invocations"):
                answer = await self._invoked(scope, receive)
                if answer.status_code >= 400:
                    sentence = json.loads(bytes(answer.body))["message"]
                    told = ": " + sentence.encode("unicode_escape").decode()
            elif scope["path"] in PATHS:
                answer = await _answer_of(self.app, scope, receive)
            else:
                answer = Denied(404, f"there is nothing here: ask {', '.join(PATHS)}").answer()
            status = answer.status_code
            await answer(scope, receive, send)
        except ClientDisconnect:
            told = ": the client has gone"
        finally:
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            client = (scope.get("client") or ["-"])[0]
            took = (time.perf_counter() - started) * 1000
            log.info("%s %s %s %d %.0f ms%s", client, scope["method"], path, status, took, told)

    async def _invoked(self, scope: Scope, receive: Receive) -> Response:
        headers, upload = Headers(scope=scope), Upload(receive)
        try:
            self._check_head(headers)
            body = bytearray()
            try:
                await self._read(upload, body)
                return await self._queued(scope, receive, body)
            finally:
                self._held -= len(body)
        except Denied as denied:
            # A client that waits to be asked for its body reads the answer at once.
            if headers.get("expect", "").lower() != "100-continue":
                await self._drain(upload)
            return denied.answer()

    def _check_head(self, headers: Headers) -> None:
        self._check_queue()
        if int(headers.get("content-length", 0)) > self._most:
            raise self._too_large()
        kind = headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise Denied(415, f"Content-Type must be application/json, not {kind or 'left out'}")

    def _check_queue(self) -> None:
        if self._inside >= self.limits.queue:
            raise self._busy()

    async def _read(self, upload: Upload, body: bytearray) -> None:
        try:
            async with asyncio.timeout(self.limits.timeout):
                while upload.more:
                    chunk = await upload.chunk()
                    if len(body) + len(chunk) > self._most:
                        raise self._too_large()
                    if self._held + len(chunk) > HELD_BODIES * self._most:
                        raise self._busy()
                    self._held += len(chunk)
                    body += chunk
        except TimeoutError:
            upload.more = False  # nor is it waited for any longer
            raise Denied(408, f"the body took more than {self.limits.timeout} s") from None

    async def _drain(self, upload: Upload) -> None:
        """Let a client send what it will not stop sending before it reads the answer."""
        came = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.timeout):
                while upload.more and came < DRAINED_BODIES * self._most:
                    came += len(await upload.chunk())

    async def _queued(self, scope: Scope, receive: Receive, body: bytearray) -> Response:
        self._check_queue()  # again: others have come whole before
        self._inside += 1
        try:
            return await self._answered(scope, receive, body)
        finally:
            self._inside -= 1

    async def _answered(self, scope: Scope, receive: Receive, body: bytearray) -> Response:
        DEADLINE.set(time.monotonic() + self.limits.timeout)
        try:
            async with asyncio.timeout(self.limits.timeout), self._turn:
                await asyncio.to_thread(_nothing)  # until its thread has ended what timed out
                answer = await _answer_of(self.app, scope, replayed(bytes(body), receive))
        except TimeoutError:
            raise Denied(504, f"there was no answer within {self.limits.timeout} s") from None
        except RecursionError:
            raise Denied(400, f"the body is nested too deeply: {FORM}") from None
        except Exception as error:  # an application raises what it likes
            log.exception("a request could not be answered")
            words = f"there is no answer, for a fault of the server's: {describe_error(error)}"
            raise Denied(500, f"{words} (its log has more)") from None
        return answer if answer.status_code == 200 else self._reworded(answer, body)

    def _reworded(self, answer: Response, body: bytearray) -> Response:
        """An error in one sentence: MLflow's own repeat the body, or tell of Python."""
        told = bytes(answer.body).decode()
        sentence = json.loads(told)["message"] if told.startswith("{") else told
        if not sentence.startswith(MLFLOWS_OWN) and "\n" not in sentence:
            return answer if told != sentence else Denied(answer.status_code, sentence).answer()
        try:
            json.loads(body)
        except ValueError:
            return Denied(answer.status_code, f"the body is not JSON: {FORM}").answer()
        return Denied(answer.status_code, FORM).answer()

    def _too_large(self) -> Denied:
        return Denied(413, f"the body is too large: at most {self.limits.megabytes} MB")

    def _busy(self) -> Denied:
        return Denied(503, "too many requests are waiting: try again later")


def _ending_in_peace(send: Send) -> Send:
    """When all is shut down, uvicorn raises its signal again, which would kill the process."""

    async def told(message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete" and sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        await send(message)

    return told


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """All that an application answers."""
    start: Message = {}
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    answer = Response(bytes(body), start["status"])
    answer.raw_headers = list(start["headers"])
    return answer


def replayed(body: bytes, receive: Receive) -> Receive:
    """A body that has been read, to be read once more."""
    waiting = [body]

    async def again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return again


def _nothing() -> None:
    pass
