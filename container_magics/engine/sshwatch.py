"""Run ssh for as long as the process that asked for it lives, and no longer.

Run as a file of its own, ``python sshwatch.py FOLDER ssh WORD...``, with nothing of ours loaded.
Its standard input is a pipe that only its owner holds. SIGKILL cannot be caught, and closes every
pipe; so when this one ends, ssh is ended, and the folder with its sockets goes. Where ssh ends
first, the file ENDED in the folder says so, and the folder stays for its owner to read ssh's words
in, until the pipe ends: an owner that is killed could not remove it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading

ENDED = "ended"
END_S = 2.0
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)


def with_us() -> None:
    """Let the system end ssh where this program is killed itself; Linux alone knows how."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then make it."""
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_for_the_owner(process: subprocess.Popen[bytes]) -> None:
    """Wait until the pipe ends, then end ssh."""
    while os.read(0, 1):
        pass
    end(process)


def watch(folder: str, *words: str) -> int:
    """ssh's status, when it has ended and its owner has let go of it."""
    with open(os.path.join(folder, "log"), "ab") as log:  # noqa: PTH118, PTH123 - loads quickly
        process = subprocess.Popen(  # noqa: S603 - our owner's words, no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=with_us,  # noqa: PLW1509 - no thread has begun yet
        )
    owner = threading.Thread(target=wait_for_the_owner, args=(process,), daemon=True)
    owner.start()
    status = process.wait()
    with contextlib.suppress(OSError), open(os.path.join(folder, ENDED), "wb"):  # noqa: PTH118, PTH123
        pass
    owner.join()
    shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    raise SystemExit(watch(*sys.argv[1:]) and 1)
