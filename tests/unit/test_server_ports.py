"""Two servers of one process never get the same port, though neither has started yet."""

from __future__ import annotations

import socket

from aicache.testing import _server


class Probe(socket.socket):
    """A system that gives its lowest port again and again."""

    def __init__(self, ports):
        super().__init__()
        self.ports = ports

    def bind(self, address):
        self.port = address[1] or next(self.ports)

    def getsockname(self):
        return ("127.0.0.1", self.port)


def test_no_port_is_given_twice(monkeypatch):
    monkeypatch.setattr(_server, "_given", set())
    ports = iter([1000, 1000, 1001, 1000, 1001, 1002, 11_002, 1003])
    monkeypatch.setattr(_server.socket, "socket", lambda: Probe(ports))
    assert _server.free_port() == 1000
    assert _server.free_port() == 1001
    assert _server.free_port(with_bus=True) == 1002
    assert _server.free_port() == 1003  # 11,002 is the bus of a node
