"""A virtual machine by QEMU: started, listened to on its serial line, measured, ended for sure.

The machine is QEMU's "microvm": no firmware that searches, no screen, no buses; disk and network
are virtio over memory. It is this process's child and dies with it (prctl(2), PR_SET_PDEATHSIG,
by setpriv(1)). Nothing is written: QEMU keeps what the guest writes in a file that has no name, and
the keys lie in memory.
"""

from __future__ import annotations

import io
import os
import platform
import re
import socket
import subprocess
import tarfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from container_magics.core.terminal import plain
from container_magics.core.vm import Accelerator, First, Kvm
from container_magics.engine.command import find
from container_magics.engine.statedir import Places, state_dir
from container_magics.errors import EngineError

PROGRAM = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"
INSTALL = f"sudo apt-get install --no-install-recommends {PACKAGE}"
NAME = "container-magics-vm-"
"""How the name of each virtual machine begins, as QEMU shows it in the list of processes."""
PROBE_S = 3.0
END_S = 10.0
BOOTS, LISTENS = "container-magics: the kernel runs", "container-magics: sshd listens"
"""What the guest says on its serial line (practice/vmimage)."""
MEMORY_MB = {"systemd": 256, "small": 128}
TRANSLATED_MB = 64
"""How much of its translation the emulator keeps; QEMU's default would be a quarter of the RAM."""
LAST_LINES = 12
KVM = Path("/dev/kvm")
_MHZ = re.compile(r"^cpu MHz\s*: ([0-9.]+)", re.MULTILINE)  # proc(5)
_PSS = re.compile(r"^Pss:\s*(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class VmFiles:
    """The files that a virtual machine starts from; never written by it."""

    folder: Path

    @property
    def disk(self) -> Path:
        """Its disk."""
        return self.folder / "disk"

    @property
    def kernel(self) -> Path:
        """Its kernel."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Its first file system."""
        return self.folder / "initrd"

    @property
    def size_bytes(self) -> int:
        """What they take on the disk; holes count nothing."""
        paths = (self.disk, self.kernel, self.initrd)
        return sum(path.stat().st_blocks * 512 for path in paths)  # stat(2): in units of 512


def is_installed() -> bool:
    """Whether QEMU for this kind of machine is here, and this kind of machine is one of its."""
    return platform.machine() in ("x86_64", "AMD64") and find(PROGRAM) is not None


def guest_name() -> str:
    """The name of our virtual machines: of this state folder alone."""
    return NAME + Places(state_dir(os.environ)).tag


class Machine:
    """A virtual machine that runs. ``port`` of 127.0.0.1 leads to its sshd, 0 for none."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._said: set[str] = set()
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True, name="container-magics vm")
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            text = plain(line.decode("utf-8", "replace")).strip()
            with self._changed:
                self._lines.append(text)
                self._said |= {mark for mark in (BOOTS, LISTENS) if mark in text}
                self._changed.notify_all()
        with self._changed:
            self._said.add("")  # QEMU has ended
            self._changed.notify_all()

    @property
    def pid(self) -> int:
        """QEMU's process number."""
        return self._process.pid

    def says(self, mark: str, limit_s: float) -> bool:
        """Wait until the guest has said ``mark``; False when it does not in time, or QEMU ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._said & {mark, ""}, limit_s)
            return mark in self._said

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of what the guest, or QEMU itself, has said."""
        with self._changed:
            return tuple(line for line in self._lines if line)

    @property
    def command(self) -> str:
        """QEMU's line in the host's list of processes, its first words."""
        words = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        return " ".join(word.decode("utf-8", "replace") for word in words[:3])

    def end(self) -> None:
        """End it as one pulls a plug; it is gone afterwards."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(END_S)
        self._reader.join(END_S)
        if self._process.stdout:
            self._process.stdout.close()


@contextmanager
def machine(
    files: VmFiles,
    keys: Mapping[str, tuple[bytes, int]],
    *,
    accelerator: Accelerator,
    first: First = "systemd",
) -> Iterator[Machine]:
    """A virtual machine, started; gone after the block. ``keys`` are put on its disk before its
    first process runs: path -> (content, mode), root's. Raises EngineError where there is no
    QEMU."""
    port = free_port()
    with in_memory(archive(keys)) as second:
        words = [
            *common(files, accelerator, MEMORY_MB[first], small=first == "small"),
            # the guest reaches nothing; this machine reaches its sshd, on loopback alone
            "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22",
            "-device", "virtio-net-device,netdev=net",
            "-drive", f"id=disk,file={escaped(files.disk)},format=raw,if=none,snapshot=on",
            "-device", "virtio-blk-device,drive=disk",
            "-drive", f"id=keys,file=/proc/self/fd/{second},format=raw,if=none,readonly=on",
            "-device", "virtio-blk-device,drive=keys",
        ]  # fmt: skip
        started = launched(words, port, (second,))
    try:
        yield started
    finally:
        started.end()


def common(
    files: VmFiles, accelerator: Accelerator, memory_mb: int, *, small: bool, cpu: str = ""
) -> list[str]:
    """The words that every machine is started with; ``cpu`` "" is the best model there is."""
    how = "kvm" if accelerator == "kvm" else f"tcg,tb-size={TRANSLATED_MB}"
    cpu = cpu or ("host" if accelerator == "kvm" else "max")
    line = f"console=ttyS0 quiet panic=-1 reboot=t systemd.hostname=vm{clock(accelerator)}"
    return [
        "-name", guest_name(), "-M", "microvm,x-option-roms=off,rtc=on", "-nodefaults",
        "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-accel", how, "-cpu", cpu, "-m", f"{memory_mb}M",
        "-kernel", str(files.kernel), "-initrd", str(files.initrd),
        "-append", line + (" container_magics.small" if small else ""),
    ]  # fmt: skip


def clock(accelerator: Accelerator) -> str:
    """How quick the emulated time-stamp counter is: that of this machine, in kHz (tsc_early_khz in
    the kernel's list of parameters). A kernel that measures it itself beside other work gets it
    wrong now and then, and then waits for ever. "" where the processor tells it, or none is known.
    """
    with suppress(OSError):
        found = _MHZ.search(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        if found and accelerator == "tcg":
            return f" tsc_early_khz={int(float(found[1]) * 1000)}"
    return ""


def launched(words: Sequence[str], port: int = 0, descriptors: Sequence[int] = ()) -> Machine:
    """Start QEMU with these words; it keeps the descriptors. EngineError where there is none."""
    program = find(PROGRAM)
    if program is None:
        raise EngineError("QEMU is not installed here.", hint=f"Install it: {INSTALL}")
    guard = find("setpriv")
    before = [guard, "--pdeathsig", "KILL"] if guard else []
    process = subprocess.Popen(  # noqa: S603 -- a list of words from our own code, no shell
        [*before, program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=tuple(descriptors),
        start_new_session=True,  # the stop button's signal is for us: we end it
    )
    return Machine(process, port)


def probe(files: VmFiles, limit_s: float = PROBE_S, cpu: str = "") -> Kvm:
    """Whether KVM carries a kernel to its first process within ``limit_s``: there are machines,
    themselves virtual, where it begins and then hangs. ``cpu`` is a model that QEMU knows, "" for
    the machine's own. Nothing runs afterwards."""
    begin = time.monotonic()
    if not os.access(KVM, os.R_OK | os.W_OK):
        why = "this user may not use /dev/kvm" if KVM.exists() else "there is no /dev/kvm"
        return Kvm(works=False, seconds=0.0, why=why)
    words = common(files, "kvm", MEMORY_MB["small"], small=True, cpu=cpu)
    words[words.index("-append") + 1] += " container_magics.probe"
    started = launched(words)
    try:
        works = started.says(BOOTS, limit_s)
        ended = time.monotonic() - begin < limit_s
    finally:
        started.end()
    seconds = time.monotonic() - begin
    if works:
        return Kvm(works=True, seconds=seconds)
    words_of_it = "; ".join(started.last_lines[-1:]) if ended else ""
    slow = f"a kernel did not come up within {limit_s:g} s"
    return Kvm(works=False, seconds=seconds, why=words_of_it or slow)


def pss_bytes(pid: int) -> int | None:
    """The memory of a process, what it shares with others divided among them (proc(5),
    smaps_rollup); None where it may not be read or has ended."""
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def archive(keys: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Files of root's as a tar archive, in whole sectors of 512 bytes."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (content, mode) in keys.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), mode, int(time.time())
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """The descriptor of a file that has no name and lies in memory (memfd_create(2))."""
    descriptor = os.memfd_create("container-magics-keys")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)


def escaped(path: Path) -> str:
    """A path as QEMU's options take it: a comma is written twice."""
    return str(path).replace(",", ",,")
