"""A real virtual machine beside a practice box: booted, measured, and gone whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from leftovers import left_over, machines, take_inventory

from container_magics.core.vm import Comparison, Measured, VmEvent, VmRequest
from container_magics.engine import qemu, vmfiles
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.engine.qemu import VmFiles
from container_magics.errors import EngineError
from container_magics.practice import vm

EMULATED = VmRequest("compare", "systemd", emulated=True)
BOOT_S = 240.0


@pytest.fixture(scope="module")
def files(engine: Engine, base: str) -> VmFiles:
    """What virtual machines start from; made where it is not there yet."""
    story = vm.prepared(engine)
    while True:
        try:
            next(story)
        except StopIteration as end:
            made: VmFiles = end.value
            return made


def wait_until_gone(limit_s: float = 60.0) -> None:
    end_s = time.monotonic() + limit_s
    while machines():
        assert time.monotonic() < end_s, "the virtual machine stays"
        time.sleep(0.1)


@pytest.fixture
def nothing_runs(nothing_left: object) -> Iterator[None]:
    """No virtual machine is there before the test, nor after it."""
    assert not machines()
    yield
    wait_until_gone()


@pytest.fixture(scope="module")
def compared(engine: Engine, files: VmFiles) -> Comparison:
    """Both measured once, for the tests that look at it."""
    state = Comparison()
    with closing(vm.compare(engine, owner(), EMULATED)) as story:
        for event in story:
            state = state.apply(event)
    return state


def test_both_come_to_their_first_login(compared: Comparison) -> None:
    box, machine = compared.container, compared.vm
    assert box
    assert machine
    assert 0 < box.login_s < machine.login_s
    assert machine.accelerator == "tcg", "it was asked for, and it is told"


def test_the_container_has_the_host_s_kernel_and_the_machine_its_own(compared: Comparison) -> None:
    assert compared.container
    assert compared.vm
    assert compared.container.inside.kernel == os.uname().release == compared.host_kernel
    assert compared.vm.inside.kernel != os.uname().release
    assert compared.vm.inside.kernel_threads > 5
    assert compared.container.inside.kernel_threads == 0
    assert (compared.container.inside.first, compared.vm.inside.first) == ("sshd", "systemd")


def test_the_machine_takes_more_of_everything(compared: Comparison) -> None:
    box, machine = compared.container, compared.vm
    assert box
    assert machine
    assert 0 < box.memory_bytes + (box.helper_bytes or 0) < machine.memory_bytes
    assert machine.memory_bytes > 50_000_000, "it has a memory of its own"
    assert box.own_bytes < 1_000_000 < 50_000_000 < machine.own_bytes < 1_000_000_000


def test_the_host_sees_the_container_s_process_and_of_the_machine_qemu_alone(
    compared: Comparison,
) -> None:
    assert compared.container
    assert compared.vm
    assert "sshd" in compared.container.seen[0]
    assert len(compared.vm.seen) == 1
    assert "qemu-system-x86_64" in compared.vm.seen[0]


def test_the_small_machine_has_a_script_for_its_first_process(
    files: VmFiles, nothing_runs: None
) -> None:
    side = vm.measured_vm(files, "tcg", "small")
    assert side.inside.first == "small-init"
    assert side.inside.kernel != os.uname().release


def test_what_a_machine_writes_is_gone_with_it(files: VmFiles, nothing_runs: None) -> None:
    """Its disk is the same file for the next one, byte for byte."""
    before = (files.disk.read_bytes(), files.disk.stat().st_mtime_ns)
    with qemu.machine(files, {"/new": (b"x", 0o600)}, accelerator="tcg", first="small") as started:
        assert started.says(qemu.LISTENS, BOOT_S), started.last_lines
    assert (files.disk.read_bytes(), files.disk.stat().st_mtime_ns) == before


@pytest.mark.parametrize("at", ["box", "machine"])
def test_an_interrupt_leaves_nothing(
    engine: Engine, files: VmFiles, nothing_runs: None, at: str
) -> None:
    with closing(vm.compare(engine, owner(), EMULATED)) as story:
        for event in story:
            if is_at(event, at):
                story.close()
    assert not machines()


def is_at(event: VmEvent, place: str) -> bool:
    """Whether the box is about to start, or has been measured and the machine is to boot."""
    if place == "machine":
        return isinstance(event, Measured)
    return not isinstance(event, Measured) and "practice box" in event.doing


def test_an_error_while_it_runs_ends_the_machine(files: VmFiles, nothing_runs: None) -> None:
    seen = []

    def work() -> None:
        with qemu.machine(files, {}, accelerator="tcg"):
            seen.extend(machines())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert seen
    assert not machines()


DYING = """
import sys, time
from pathlib import Path
from container_magics.engine import qemu
with qemu.machine(qemu.VmFiles(Path(sys.argv[1])), {}, accelerator="tcg"):
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_machine_dies_with_the_kernel_that_started_it(files: VmFiles, nothing_runs: None) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DYING, str(files.folder)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "begun\n"
        assert machines()
        other.send_signal(signal.SIGKILL)
    wait_until_gone()


def test_a_machine_that_stays_is_seen_by_the_inventory(engine: Engine, files: VmFiles) -> None:
    before = take_inventory(engine.api)
    with qemu.machine(files, {}, accelerator="tcg") as started:
        left = left_over(before, take_inventory(engine.api))
    assert f"machines: {started.pid} {qemu.guest_name()}" in left


@pytest.mark.parametrize("cpu", ["", "qemu64"])
def test_the_probe_of_kvm_keeps_its_limit_and_ends_what_it_began(
    files: VmFiles, nothing_runs: None, cpu: str
) -> None:
    """There are machines where a kernel begins and then hangs."""
    found = qemu.probe(files, cpu=cpu)
    assert found.works == (not found.why)
    assert found.seconds < qemu.PROBE_S + 10
    assert not machines()


def test_a_kernel_that_hangs_is_not_waited_for(files: VmFiles, nothing_runs: None) -> None:
    found = qemu.probe(files, limit_s=0.0)
    assert not found.works
    assert found.why


def test_without_qemu_it_is_said_how_to_get_it(
    engine: Engine, files: VmFiles, nothing_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setattr("container_magics.engine.command._SYSTEM_FOLDERS", ())
    with (
        pytest.raises(EngineError, match="QEMU") as raised,
        closing(vm.compare(engine, owner(), EMULATED)) as story,
    ):
        next(story)
    assert "apt-get install" in raised.value.hint


def test_the_disk_is_kept_and_made_once(engine: Engine, files: VmFiles) -> None:
    begin = files.disk.stat().st_ino
    story = vm.prepared(engine)
    with pytest.raises(StopIteration) as end:
        next(story)
    assert end.value.value == files
    assert files.disk.stat().st_ino == begin
    assert not list(vmfiles.folder().glob(f"{vmfiles.SCRATCH}*"))
