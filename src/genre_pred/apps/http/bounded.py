"""Limits on the requests to MLflow's scoring server.

The scoring server itself accepts bodies of any size from any number of clients at once, and its
error messages repeat the body.
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

HELD_BODIES = 8  # the memory for bodies, in bodies of the largest size
DRAINED_BODIES = 8  # how much of a refused body is read, so that the client reads the response
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
    'the body must be JSON like {"dataframe_split": {"columns": ["audio"], "data": [["..."]]}}, '
    "each row an audio file as base64 text"
)
log = logging.getLogger("genre_pred.apps.http.server")


@dataclass(frozen=True)
class Limits:
    """The limits of a worker, with the status of requests beyond them.

    Attributes:
        megabytes: Size of a body, in 10^6 bytes; 413 beyond.
        rows: Rows of a body; 400 beyond.
        seconds: Total audio of a body; 400 beyond.
        queue: Complete requests that wait or are processed; 503 beyond.
        timeout: Seconds to receive a body (408 beyond), then to answer it (504 beyond).
    """

    megabytes: int
    rows: int
    seconds: float
    queue: int
    timeout: int


class Denied(UserError):
    """A request that is refused before it reaches the application.

    Args:
        status: The HTTP status of the response.
        sentence: Its message.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence

    def response(self) -> Response:
        """The sentence in the format of MLflow's errors."""
        headers = {"Retry-After": "1"} if self.status == 503 else None
        code = CODES.get(self.status, "BAD_REQUEST")
        return JSONResponse({"error_code": code, "message": self.sentence}, self.status, headers)


class Upload:
    """A request body that is being received.

    Attributes:
        more: Whether parts of it are still missing.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self.more = receive, True

    async def chunk(self) -> bytes:
        """Receive the next part.

        Raises:
            ClientDisconnect: If the client has disconnected.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.more = message.get("more_body", False)
        return bytes(message.get("body", b""))


class Bounded:
    """Serves PATHS of an application with limits on /invocations, and logs each request.

    Other pages of MLflow's server are blocked, because they load scripts from other hosts.

    Requests are processed one at a time, in order. A request that has timed out runs in its thread
    until it checks DEADLINE, and the next one starts after that, so that work never piles up.
    HELD_BODIES clients that never finish bodies of the largest size use all memory for bodies, and
    others get 503 until the timeout: put a proxy that buffers requests in front of it.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self._most = limits.megabytes * 1_000_000
        self._inside, self._held = 0, 0  # complete requests, and the bytes of all bodies
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process a request, as an ASGI application."""
        if scope["type"] == "lifespan":
            # MLflow predicts in the threads of the event loop.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
            await self.app(scope, receive, _blocking_signals(send))
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, remark = time.perf_counter(), 499, ""
        try:
            if (scope["method"], scope["path"]) == ("POST", "/invocations"):
                response = await self._invoked(scope, receive)
                if response.status_code >= 400:
                    sentence = json.loads(bytes(response.body))["message"]
                    remark = ": " + sentence.encode("unicode_escape").decode()
            elif scope["path"] in PATHS:
                response = await _response_of(self.app, scope, receive)
            else:
                response = Denied(404, f"no such path: use {', '.join(PATHS)}").response()
            status = response.status_code
            await response(scope, receive, send)
        except ClientDisconnect:
            remark = ": the client has disconnected"
        finally:
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            client = (scope.get("client") or ["-"])[0]
            milliseconds = (time.perf_counter() - started) * 1000
            log.info(
                "%s %s %s %d %.0f ms%s", client, scope["method"], path, status, milliseconds, remark
            )

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
            # A client that waits for 100 Continue reads the response without sending its body.
            if headers.get("expect", "").lower() != "100-continue":
                await self._drain(upload)
            return denied.response()

    def _check_head(self, headers: Headers) -> None:
        self._check_queue()
        if int(headers.get("content-length", 0)) > self._most:
            raise self._too_large()
        kind = headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise Denied(415, f"Content-Type must be application/json, not {kind or 'empty'}")

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
            upload.more = False  # do not wait for the rest
            raise Denied(408, f"the body took more than {self.limits.timeout} s") from None

    async def _drain(self, upload: Upload) -> None:
        """Read on, because many clients send the whole body before they read the response."""
        received = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.timeout):
                while upload.more and received < DRAINED_BODIES * self._most:
                    received += len(await upload.chunk())

    async def _queued(self, scope: Scope, receive: Receive, body: bytearray) -> Response:
        self._check_queue()  # again: other requests may have been completed meanwhile
        self._inside += 1
        try:
            return await self._answered(scope, receive, body)
        finally:
            self._inside -= 1

    async def _answered(self, scope: Scope, receive: Receive, body: bytearray) -> Response:
        DEADLINE.set(time.monotonic() + self.limits.timeout)
        try:
            async with asyncio.timeout(self.limits.timeout), self._turn:
                await asyncio.to_thread(_nothing)  # wait for a timed-out request in the same thread
                response = await _response_of(self.app, scope, replayed(bytes(body), receive))
        except TimeoutError:
            raise Denied(504, f"the request took more than {self.limits.timeout} s") from None
        except RecursionError:
            raise Denied(400, f"the body is nested too deeply: {FORM}") from None
        except Exception as error:  # the application may raise anything
            log.exception("a request failed")
            message = f"internal error: {describe_error(error)} (see the server's log)"
            raise Denied(500, message) from None
        return response if response.status_code == 200 else self._reworded(response, body)

    def _reworded(self, response: Response, body: bytearray) -> Response:
        """Replace MLflow's error messages, which repeat the body or name Python objects."""
        text, status = bytes(response.body).decode(), response.status_code
        sentence = json.loads(text)["message"] if text.startswith("{") else text
        if not sentence.startswith(MLFLOWS_OWN) and "\n" not in sentence:
            return response if text != sentence else Denied(status, sentence).response()
        try:
            json.loads(body)
        except ValueError:
            return Denied(status, f"the body is not JSON: {FORM}").response()
        return Denied(status, FORM).response()

    def _too_large(self) -> Denied:
        return Denied(413, f"the body is too large: at most {self.limits.megabytes} MB")

    def _busy(self) -> Denied:
        return Denied(503, "too many requests are waiting: try again later")


def _blocking_signals(send: Send) -> Send:
    """Block signals after shutdown, because uvicorn raises its signal again."""

    async def send_and_block(message: Message) -> None:
        if message["type"] == "lifespan.shutdown.complete" and sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        await send(message)

    return send_and_block


async def _response_of(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    """The complete response of an application."""
    start: Message = {}
    body = bytearray()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, keep)
    response = Response(bytes(body), start["status"])
    response.raw_headers = list(start["headers"])
    return response


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns a body that has already been read."""
    bodies = [body]

    async def receive_again() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        return await receive()

    return receive_again


def _nothing() -> None:
    pass
