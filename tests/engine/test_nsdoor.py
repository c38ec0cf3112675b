"""The way into another network namespace ends for a visitor when it ends on the other side."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import closing

from container_magics.engine.nsdoor import way_in


def test_a_visitor_hears_of_a_connection_that_broke(as_root: None) -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        way_in(os.getpid(), server.getsockname()[1]) as port,
        closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as visitor,
    ):
        visitor.sendall(b"hello")
        host, _ = server.accept()
        assert host.recv(5) == b"hello"
        # a close with SO_LINGER 0 is a reset (socket(7), tcp(7)), as a killed program's may be
        host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        host.close()
        assert visitor.recv(1) == b""
