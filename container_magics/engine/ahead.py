"""Read ahead in a thread, while what has come already is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue

BUFFERS = 4
BUFFER_BYTES = 1 << 20


def ahead(
    fill: Callable[[memoryview], int], stop: Callable[[], None] = lambda: None
) -> Generator[memoryview, None, None]:
    """What ``fill`` reads, piece by piece, in order; each piece only until the next is asked for.

    ``fill`` puts bytes into the start of a buffer and says how many, 0 at the end; it runs in a
    thread of its own, at most BUFFERS pieces ahead, and what it raises is raised here. When the
    caller wants no more, ``stop`` is called, from the caller's thread: it has to end a ``fill``
    that waits.
    """
    free, full = SimpleQueue[memoryview | None](), SimpleQueue[memoryview | BaseException | None]()
    for _ in range(BUFFERS):
        free.put(memoryview(bytearray(BUFFER_BYTES)))
    reader = threading.Thread(
        target=_read, args=(fill, free, full), daemon=True, name="container-magics ahead"
    )
    reader.start()
    try:
        while (piece := full.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            free.put(memoryview(piece.obj))
    finally:
        free.put(None)
        if reader.is_alive():
            stop()
        reader.join()


def _read(
    fill: Callable[[memoryview], int],
    free: SimpleQueue[memoryview | None],
    full: SimpleQueue[memoryview | BaseException | None],
) -> None:
    try:
        while (buffer := free.get()) is not None and (length := fill(buffer)):
            full.put(buffer[:length])
        full.put(None)
    except BaseException as error:  # noqa: BLE001 - raised where the pieces are asked for
        full.put(error)
