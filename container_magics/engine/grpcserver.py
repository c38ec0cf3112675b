"""Answering gRPC calls that come over a connection which we opened: HTTP/2 with turned roles.

BuildKit asks its client for what only the client has, and asks on the client's own connection.
The framing is that of gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): five bytes before each
message, of which the first says whether it is compressed and the others its length, and the
status in trailers. HTTP/2 itself is the h2 library's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from container_magics.errors import ContainerMagicsError

OK, NOT_FOUND, UNIMPLEMENTED, INTERNAL = "0", "5", "12", "13"
"""Statuses by number (grpc/doc/statuscodes.md)."""
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
PREFIX_BYTES = 5
FLUSH_BYTES = 1 << 18
END = object()
PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: a status, and words for a person where there was no answer."""

    status: str
    words: str


class Exchange(Protocol):
    """A call in which both sides speak."""

    def hear(self, message: bytes) -> None:
        """A message of the other side."""

    def messages(self) -> Iterator[bytes | None]:
        """Ours, until the call is over; None while there is nothing to say before more is heard."""


Metadata = Mapping[str, Sequence[str]]
Unary = Callable[[bytes], bytes | Outcome]
Streaming = Callable[[Metadata], Exchange]


class Line(Protocol):
    """The connection: bytes both ways."""

    def receive(self) -> bytes:
        """What has come; b"" when nothing will."""

    def send(self, data: bytes) -> None:
        """Send all of it."""


@dataclass(slots=True)
class Reply:
    """What is still to be sent on one stream; ``exchange`` is None for an answer to one message."""

    parts: Iterator[bytes | None]
    exchange: Exchange | None = None
    rest: bytes = b""
    ended: bool = False

    def fill(self, size_bytes: int) -> None:
        """Have so much to send, or as much as there is to say now."""
        held, waiting = [self.rest], len(self.rest)
        while waiting < size_bytes:
            part = next(self.parts, END)
            if not isinstance(part, bytes):
                self.ended = part is END
                break
            held.append(part)
            waiting += len(part)
        self.rest = b"".join(held)


class GrpcServer:
    """The methods that one connection serves.

    ``unary`` take the request's one message and give the answer's. ``streaming`` take the
    call's metadata; each message of the exchange is made when there is room for it.
    """

    def __init__(
        self, line: Line, unary: Mapping[str, Unary], streaming: Mapping[str, Streaming]
    ) -> None:
        """Take the connection after the upgrade; a name is "/package.Service/Method"."""
        self._line, self._unary, self._streaming = line, unary, streaming
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._http = h2.connection.H2Connection(config)
        self._metadata: dict[int, Metadata] = {}
        self._asked: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._replies: dict[int, Reply] = {}

    def serve(self) -> None:
        """Answer until the other side ends the connection, or breaks the protocol."""
        self._http.initiate_connection()
        self._flush()
        while data := self._line.receive():
            try:
                events = self._http.receive_data(data)
            except h2.exceptions.ProtocolError:
                self._flush()  # what HTTP/2 has to say of it
                return
            for event in events:
                self._step(event)
            self._send_what_fits()
            self._flush()

    def _step(self, event: h2.events.Event) -> None:
        """What one event asks for. A call may be cut off in the same breath, and its stream closed
        before we come to answer: that is no fault, and the other calls go on."""
        try:
            self._take(event)
        except h2.exceptions.StreamClosedError as closed:
            self._forget(closed.stream_id)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(stream)):
                metadata: dict[str, list[str]] = {}
                for name, value in event.headers:
                    metadata.setdefault(str(name), []).append(str(value))
                self._metadata[stream] = metadata
                if opened := self._streaming.get(path_of(metadata)):
                    exchange = opened(metadata)
                    self._begin(stream, exchange.messages(), exchange)
            case h2.events.DataReceived(stream_id=int(stream)):
                self._asked[stream] += event.data
                self._http.acknowledge_received_data(event.flow_controlled_length, stream)
                self._hear(stream)
            case h2.events.StreamEnded(stream_id=int(stream)):
                self._answer(stream)
            case h2.events.StreamReset(stream_id=int(stream)):
                self._forget(stream)
            case _:
                pass

    def _hear(self, stream: int) -> None:
        """Hand the whole messages that have come to the exchange on the stream, if it is one."""
        reply, asked = self._replies.get(stream), self._asked[stream]
        if reply is None or reply.exchange is None:
            return
        try:
            for message in taken(asked):
                reply.exchange.hear(message)
        except (ContainerMagicsError, ValueError) as error:
            self._end(stream, Outcome(INTERNAL, str(error)))

    def _answer(self, stream: int) -> None:
        """A call whose request is whole; an exchange ends when it has no more to say."""
        path = path_of(self._metadata.get(stream, {}))
        if path in self._unary:
            answer = self._unary[path](bytes(self._asked[stream][PREFIX_BYTES:]))
            if isinstance(answer, Outcome):
                self._refuse(stream, answer)
            else:
                self._begin(stream, iter((answer,)))
        elif path not in self._streaming:
            self._refuse(stream, Outcome(UNIMPLEMENTED, f"no method {path}"))

    def _begin(
        self, stream: int, messages: Iterator[bytes | None], exchange: Exchange | None = None
    ) -> None:
        """The head of an answer, and its messages to be sent as there is room."""
        self._http.send_headers(stream, HEAD)
        self._replies[stream] = Reply(framed(messages), exchange)

    def _send_what_fits(self) -> None:
        for stream, reply in list(self._replies.items()):
            try:
                self._send(stream, reply)
            except h2.exceptions.StreamClosedError:
                self._forget(stream)
            except ContainerMagicsError as error:  # a context's file that cannot be read
                self._end(stream, Outcome(INTERNAL, str(error)))

    def _send(self, stream: int, reply: Reply) -> None:
        """Send of one answer what the other side has room for; its end when nothing is left."""
        unsent = 0
        while room := min(
            self._http.local_flow_control_window(stream), self._http.max_outbound_frame_size
        ):
            reply.fill(room)
            if not reply.rest:
                break
            now, reply.rest = reply.rest[:room], reply.rest[room:]
            self._http.send_data(stream, now)
            unsent += len(now)
            if unsent >= FLUSH_BYTES:
                self._flush()
                unsent = 0
        if reply.ended and not reply.rest:
            self._end(stream, Outcome(OK, ""))

    def _refuse(self, stream: int, how: Outcome) -> None:
        """Trailers that are the whole answer."""
        self._http.send_headers(stream, [*HEAD, *trailers(how)], end_stream=True)
        self._forget(stream)

    def _end(self, stream: int, how: Outcome) -> None:
        """The trailers after the messages."""
        self._http.send_headers(stream, trailers(how), end_stream=True)
        self._forget(stream)

    def _forget(self, stream: int) -> None:
        for kept in (self._metadata, self._asked, self._replies):
            kept.pop(stream, None)

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._line.send(data)


def path_of(metadata: Metadata) -> str:
    """The method that is called."""
    return next(iter(metadata.get(":path", ())), "")


def trailers(how: Outcome) -> list[tuple[str, str]]:
    """How a call ended; words go as the header of a status does, percent-encoded."""
    return [("grpc-status", how.status), ("grpc-message", quote(how.words, safe=PLAIN))]


def framed(messages: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """Each message with gRPC's prefix: not compressed, and so long."""
    for message in messages:
        yield None if message is None else b"\0" + len(message).to_bytes(4, "big") + message


def taken(buffer: bytearray) -> Iterator[bytes]:
    """The whole messages at the buffer's beginning, taken out of it. ValueError for one that is
    compressed, which nobody offered."""
    while len(buffer) >= PREFIX_BYTES:
        end = PREFIX_BYTES + int.from_bytes(buffer[1:PREFIX_BYTES], "big")
        if buffer[0]:
            raise ValueError("a compressed message")
        if len(buffer) < end:
            return
        message = bytes(buffer[PREFIX_BYTES:end])
        del buffer[:end]
        yield message
