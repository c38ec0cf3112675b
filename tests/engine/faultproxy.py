"""A way to a real engine that fails on purpose, as a plan says: a test's way to make faults."""

from __future__ import annotations

import json
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import docker

from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint

CHUNK_BYTES = 1 << 16
JOIN_S = 30.0
LAST_CHUNK = b"0\r\n\r\n"
REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)

Garble = Callable[[bytes], bytes]
How = Literal["nothing", "cut", "truncate", "stall", "delay", "refuse"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, with which requests, and when.

    ``path`` is a part of the request's target ("/attach", "/events"); "" for every request. It
    happens once, after ``at`` bytes of answers to such requests, all connections together; or
    when ``marker`` has come by, at its last byte. Then

    - "cut" ends the connection, for both sides;
    - "truncate" lets what is sent at this moment pass, and ends the answer as if it were whole;
    - "stall" says nothing more, and cuts ``pause_s`` later; never, when that is None;
    - "delay" waits for ``pause_s`` there, and before each further piece of such answers;
    - "refuse" answers with status 500 in the engine's place; here ``at`` counts the requests
      that get through before.

    With ``for_good`` a cut or a stall is one of all connections, now and later.
    """

    how: How = "nothing"
    at: int = 0
    path: str = ""
    marker: bytes = b""
    pause_s: float | None = None
    for_good: bool = False


@dataclass(slots=True)
class Talk:
    """One connection: both ends, and what was asked last."""

    here: socket.socket
    there: socket.socket
    target: str = ""
    chunked: bool = False
    tail: bytes = b""
    asked: threading.Event = field(default_factory=threading.Event)


class FaultProxy:
    """Relays between a socket of its own and the engine's; close it in the end.

    ``answered_bytes`` counts the answers to what the fault's path means, ``targets`` lists all
    requests, ``struck`` says whether the fault has happened. ``garble`` may change what is
    asked on its way to the engine.
    """

    def __init__(
        self, url: str, fault: Fault | None = None, *, tcp: bool = False, garble: Garble = bytes
    ) -> None:
        self.fault, self._garble = fault or Fault(), garble
        self._engine = url.removeprefix("unix://")
        self.answered_bytes = 0
        self.targets: list[str] = []
        self.struck = False
        self._matching = 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._folder = Path(tempfile.mkdtemp(prefix="cm-fault-"))
        if tcp:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            path = self._folder / "s"  # short: the system allows some 100 characters
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen(64)
            self.url = f"unix://{path}"
        self._start(self._accept)

    # Connections

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="fault proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.socket(socket.AF_UNIX)
                with self._lock:
                    self._sockets += [here, there]
                    dead = self._ended.is_set()
                if dead or (self.struck and self.fault.for_good and self.fault.how == "cut"):
                    end(here)
                    continue
                there.connect(self._engine)
                talk = Talk(here, there)
                self._start(self._asks, talk)
                self._start(self._answers, talk)

    def _asks(self, talk: Talk) -> None:
        with suppress(OSError):
            while data := talk.here.recv(CHUNK_BYTES):
                if self.struck and self.fault.for_good:
                    self._ended.wait(self.fault.pause_s)  # an engine that hangs hears nothing
                    return
                if found := REQUEST.match(data):
                    talk.target, talk.chunked = found[1].decode(), False
                    self.targets.append(talk.target)
                    if self._refuses(talk):
                        return
                talk.there.sendall(self._garble(data))
            # the end of a program's stdin, most often: answers go on
            talk.there.shutdown(socket.SHUT_WR)

    def _answers(self, talk: Talk) -> None:
        with suppress(OSError):
            while (data := talk.there.recv(CHUNK_BYTES)) and self._relay(talk, data):
                pass
        end(talk.here)
        end(talk.there)

    # Faults

    def _matches(self, talk: Talk) -> bool:
        return self.fault.path in talk.target

    def _refuses(self, talk: Talk) -> bool:
        """Answer in the engine's place, if that is the plan; the connection ends with it."""
        if self.fault.how != "refuse" or not self._matches(talk):
            return False
        with self._lock:
            number, self._matching = self._matching, self._matching + 1
        if number != self.fault.at:
            return False
        self.struck = True
        body = json.dumps({"message": "the engine fails on purpose"}).encode()
        talk.here.sendall(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        talk.here.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while talk.here.recv(CHUNK_BYTES):  # a body that is still being sent
                pass
        end(talk.there)
        return True

    def _relay(self, talk: Talk, data: bytes) -> bool:
        """Pass on what came from the engine; whether the connection goes on."""
        talk.chunked = talk.chunked or bool(CHUNKED.search(data[:4096]))
        fault = self.fault
        if self.struck and fault.for_good and fault.how in ("cut", "stall"):
            return self._for_good()
        here = self._where(talk, data)
        if here is None:
            if self.struck and fault.how == "delay" and self._matches(talk):
                self._ended.wait(fault.pause_s)
            talk.here.sendall(data)
            return True
        if fault.how == "truncate":
            talk.here.sendall(data if talk.chunked else data[:here])
            talk.here.sendall(LAST_CHUNK if talk.chunked else b"")
            return False
        talk.here.sendall(data[:here])
        if fault.how == "cut":
            return self._for_good() if fault.for_good else False
        self._ended.wait(fault.pause_s)
        if fault.how == "delay":
            talk.here.sendall(data[here:])
        return fault.how == "delay"

    def _where(self, talk: Talk, data: bytes) -> int | None:
        """How much of ``data`` passes before the fault happens; None when it does not yet."""
        if self.fault.how in ("nothing", "refuse") or not self._matches(talk):
            if self.fault.how == "nothing" and self._matches(talk):
                self.answered_bytes += len(data)
            return None
        with self._lock:
            before, self.answered_bytes = self.answered_bytes, self.answered_bytes + len(data)
            if self.struck:
                return None
            here = self._marked(talk, data) if self.fault.marker else self.fault.at - before
            if here is None or here > len(data):
                return None
            self.struck = True
            return max(0, here)

    def _marked(self, talk: Talk, data: bytes) -> int | None:
        """Just before the marker's last byte; the marker may come in two pieces."""
        found = (talk.tail + data).find(self.fault.marker)
        kept = len(talk.tail)
        talk.tail = (talk.tail + data)[-len(self.fault.marker) + 1 :]
        return None if found < 0 else found - kept + len(self.fault.marker) - 1

    def _for_good(self) -> bool:
        """Every connection ends, or stalls, now."""
        if self.fault.how == "stall":
            self._ended.wait(self.fault.pause_s)
        with self._lock:
            for one in self._sockets:
                end(one)
        return False

    # The end

    def close(self) -> None:
        """End every connection and thread of ours."""
        with self._lock:
            self._ended.set()
            for one in (self._listener, *self._sockets):
                end(one)
        self._threads[0].join(JOIN_S)  # the one that starts the others
        for thread in self._threads[1:]:
            thread.join(JOIN_S)
        for one in (self._listener, *self._sockets):
            end(one)
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def left(self) -> tuple[int, int]:
        """(threads that run, sockets that are open) of this proxy; (0, 0) after ``close``."""
        sockets = (self._listener, *self._sockets)
        return (
            sum(thread.is_alive() for thread in self._threads),
            sum(one.fileno() >= 0 for one in sockets),
        )


def end(one: socket.socket) -> None:
    """Both ways; whoever reads it, there or here, comes to the end."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def through(
    engine: Engine,
    fault: Fault | None = None,
    *,
    tcp: bool = False,
    garble: Garble = bytes,
    limit_s: float = 60,
) -> Iterator[tuple[Engine, FaultProxy]]:
    """The same engine by a way that fails, and that way. ``limit_s`` is the SDK's own limit."""
    with closing(FaultProxy(engine.endpoint.url, fault, tcp=tcp, garble=garble)) as proxy:
        api = docker.APIClient(
            base_url=proxy.url, version=engine.api.api_version, timeout=int(limit_s)
        )
        api.trust_env = tcp
        with closing(Engine(Endpoint(proxy.url, "a test"), api)) as broken:
            yield broken, proxy
