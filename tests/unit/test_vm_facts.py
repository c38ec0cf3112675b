"""The container beside the virtual machine: what is typed, read inside, folded and shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from container_magics.core.vm import (
    Comparison,
    Inside,
    Kvm,
    Measured,
    Side,
    VmRequest,
    VmStep,
    inside,
    packed,
    parse_vm,
    unpacked,
)
from container_magics.errors import UsageError
from container_magics.practice import vm as practice
from container_magics.view.html import html
from container_magics.view.model import View
from container_magics.view.plain import plain
from container_magics.view.present import vm as present

HOST = "6.18.1-host"
BOX = Side(
    "container", 0.5, 3_000_000, 12_000_000, 150_000_000, 600, Inside(HOST, "sshd", 4, 0),
    ("sshd: /usr/sbin/sshd -D -e",),
)  # fmt: skip
VM = Side(
    "virtual machine", 10.0, 270_000_000, None, 0, 180_000_000,
    Inside("6.1.0-56-cloud", "systemd", 7, 47), ("/usr/bin/qemu-system-x86_64 -name vm",), "tcg",
)  # fmt: skip
BOTH = Comparison(BOX, VM, HOST)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("", VmRequest("compare")),
        ("compare --first small --emulated", VmRequest("compare", "small", emulated=True)),
        ("probe", VmRequest("probe")),
    ],
)
def test_what_is_typed_is_read(line: str, request_: VmRequest) -> None:
    assert parse_vm(line) == request_


@pytest.mark.parametrize("line", ["stat", "compare --first upstart", "rm --emulated", "probe me"])
def test_what_cannot_be_done_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        parse_vm(line)


def test_the_kernel_s_threads_are_told_from_processes() -> None:
    said = "6.1.0\nsystemd\n1 0 systemd\n2 0 kthreadd\n3 2 rcu_gp\n9 2 kworker/0:0 x\n70 1 sshd\n"
    assert inside(said) == Inside("6.1.0", "systemd", 2, 3)


def test_a_container_s_second_process_is_no_thread_of_the_kernel() -> None:
    assert inside("6.1.0\nsh\n1 0 sh\n2 1 sleep\n3 2 true\n") == Inside("6.1.0", "sh", 3, 0)


@pytest.mark.parametrize("said", ["", "6.1.0\n", "6.1.0\nsh\n1 0\n"])
def test_an_answer_that_makes_no_sense_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        inside(said)


def view_of(state: Comparison, *, stable: bool = False) -> View:
    view = present.comparison(state, stable=stable)
    assert view
    return view


def test_each_side_takes_its_place_as_it_is_measured() -> None:
    state = Comparison().apply(VmStep("booting"))
    assert "booting" in plain(view_of(state))
    state = state.apply(Measured(VM, HOST)).apply(Measured(BOX, HOST))
    assert state == BOTH


def test_nothing_is_shown_before_it_begins() -> None:
    assert present.comparison(Comparison(), stable=True) is None


def test_figures_that_were_kept_are_the_same_when_they_are_read() -> None:
    kept = replace(BOTH, day="26 November 2026", machine="a laptop")
    assert unpacked(packed(kept)) == kept


def text_of(state: Comparison, *, stable: bool = False) -> str:
    return plain(view_of(state, stable=stable))


def test_the_reader_sees_whose_kernel_it_is_and_what_each_takes() -> None:
    text = text_of(BOTH)
    for words in (
        f"{HOST}, the host's", "6.1.0-56-cloud, its own", "systemd", "3 MB + 12 MB", "270 MB",
        "0.5 s", "10.0 s", "1 process: qemu-system-x86_64",
    ):  # fmt: skip
        assert words in text, words


def test_an_emulated_machine_is_not_passed_off_as_more() -> None:
    assert "many times slower" in text_of(BOTH)
    by_hardware = text_of(replace(BOTH, vm=replace(VM, accelerator="kvm")))
    assert "many times slower" not in by_hardware
    assert "KVM" in by_hardware


def test_a_bar_is_as_long_as_its_figure() -> None:
    drawn = html(view_of(BOTH))
    assert 'value="0.05"' in drawn, "0.5 s beside 10 s"
    assert "newest first" not in drawn, "as above layers"
    assert "<script" not in drawn


def test_the_stable_mode_shows_what_holds_and_no_figure() -> None:
    other = Comparison(
        replace(BOX, login_s=0.9, memory_bytes=1, own_bytes=7, inside=Inside("7.0", "sshd", 5, 0)),
        replace(VM, login_s=77.0, accelerator="kvm", inside=Inside("6.2", "systemd", 9, 60)),
        "7.0",
    )
    assert text_of(BOTH, stable=True) == text_of(other, stable=True)
    lines = text_of(BOTH, stable=True).splitlines()
    assert any("kernel inside" in line and "the host's" in line for line in lines)
    assert any("first login" in line and "virtual machine" in line for line in lines)


def test_a_container_with_a_kernel_of_its_own_would_be_seen_in_the_stable_mode() -> None:
    strange = replace(BOTH, container=replace(BOX, inside=Inside("5.0", "sshd", 4, 0)))
    assert text_of(strange, stable=True) != text_of(BOTH, stable=True)


def test_without_qemu_the_last_figures_are_shown_with_day_and_machine() -> None:
    kept = replace(BOTH, day="26 November 2026", machine="a laptop")
    text = plain(present.without_qemu("Install it: x", kept))
    for words in (
        "QEMU is not installed",
        "Install it: x",
        "26 November 2026",
        "a laptop",
        "10.0 s",
    ):
        assert words in text
    assert "Install it: x" in plain(present.without_qemu("Install it: x", None))


def test_the_figures_that_come_with_the_package_can_be_read() -> None:
    last = practice.last_figures()
    assert last is not None
    assert last.day
    assert last.machine
    assert last.container
    assert last.vm
    assert last.vm.accelerator


def test_the_probe_says_why() -> None:
    text = plain(present.probe(Kvm(works=False, seconds=3.0, why="no answer"), stable=False))
    assert "KVM does not work here" in text
    assert "no answer" in text
    assert "KVM works" in plain(present.probe(Kvm(works=True, seconds=0.3), stable=False))
