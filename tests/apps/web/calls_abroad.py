"""Sockets that are watched: whom does this process call beyond this machine?"""

import socket

import pytest


def watch_sockets(patch: pytest.MonkeyPatch) -> list[object]:
    """Note whom this process, the page's server, calls beyond this machine."""
    abroad: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def here(host: object) -> bool:
        return host in (None, "", "localhost", "127.0.0.1", "::1", b"127.0.0.1", b"localhost")

    def watched_connect(self, where):
        if isinstance(where, tuple) and not here(where[0]):
            abroad.append(where)
        return connect(self, where)

    def watched_look_up(host, *rest, **more):
        if not here(host):
            abroad.append(host)
        return look_up(host, *rest, **more)

    patch.setattr(socket.socket, "connect", watched_connect)
    patch.setattr(socket, "getaddrinfo", watched_look_up)
    return abroad
