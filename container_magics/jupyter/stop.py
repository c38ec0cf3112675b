"""The stop button: while a program runs in a container, Jupyter's interrupt ends that program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from container_magics.session.stopper import Stopper

IMPATIENT = 3
"""The press that no longer waits for the engine."""


class CellStopped(KeyboardInterrupt):
    """The stop button was pressed; shown as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


@contextmanager
def interrupts_to(take: Callable[[], bool]) -> Iterator[None]:
    """While the block runs, an interrupt calls ``take``, which says whether that was enough.

    Otherwise, and from the third press on, it is Python's KeyboardInterrupt as ever. Outside
    the main thread, where Python takes no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    presses = 0

    def pressed(_signal: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses >= IMPATIENT or not take():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def stop_button(stopper: Stopper) -> Iterator[None]:
    """While the block runs, an interrupt goes to ``stopper`` when it guards a program."""

    def take() -> bool:
        if stopper.guarding:
            stopper.press()
        return stopper.guarding

    with interrupts_to(take):
        yield
