"""By which way a kernel in a container is reached, from what is known of engine and user."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from container_magics.core.kernelconfig import KernelConfig
from container_magics.engine.client import Engine
from container_magics.engine.endpoint import Endpoint
from container_magics.engine.kernelplace import KernelUser, chosen_net
from container_magics.errors import NotSupported, UsageError

ME = KernelUser("", os.getuid(), os.getgid(), is_own=True)
OTHER = KernelUser("4321", 4321, 4321, is_own=False)
HERE = Endpoint("unix:///run/docker.sock", "a test")
AUTO, IPC, PUBLISH = (KernelConfig("i", net=net) for net in ("auto", "ipc", "publish"))


@dataclass(frozen=True)
class Known:
    """What is asked of an engine for this: its facts, and where it is."""

    kernel: str = platform.release()
    operating_system: str = "Debian GNU/Linux 12 (bookworm)"
    rootless: bool = False
    endpoint: Endpoint = HERE

    def facts(self) -> Known:
        return self


def net(known: Known, config: KernelConfig = AUTO, user: KernelUser = ME) -> str:
    return chosen_net(cast("Engine", known), config, user)


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.usefixtures("on_linux")
def test_an_engine_of_this_machine_is_reached_by_sockets() -> None:
    assert net(Known()) == "ipc"
    assert net(Known(), IPC) == "ipc"
    assert net(Known(), PUBLISH) == "publish"


VIRTUAL = [
    Known(kernel="6.10.14-linuxkit", operating_system="Docker Desktop"),
    Known(operating_system="Docker Desktop"),
    Known(kernel="0.0.1-of-another-machine"),
]


@pytest.mark.usefixtures("on_linux")
@pytest.mark.parametrize("known", VIRTUAL)
def test_an_engine_in_a_virtual_machine_is_reached_by_ports(known: Known) -> None:
    assert net(known) == "publish"
    with pytest.raises(UsageError, match="runs in a virtual machine") as refused:
        net(known, IPC)
    assert '"net": "publish"' in refused.value.hint


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_where_this_machine_is_no_linux_there_are_ports(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert net(Known()) == "publish"
    with pytest.raises(UsageError, match="not on this machine"):
        net(Known(), IPC)


@pytest.mark.usefixtures("on_linux")
def test_another_machine_s_loopback_is_reached_by_ssh_alone() -> None:
    by_tcp = Known(endpoint=replace(HERE, url="tcp://far.example:2376"))
    for config in (AUTO, PUBLISH):
        with pytest.raises(NotSupported, match="another machine"):
            net(by_tcp, config)
    with pytest.raises(UsageError, match="not on this machine"):
        net(by_tcp, IPC)
    by_ssh = Known(endpoint=replace(HERE, url="ssh://far.example", tunnel=cast("Any", object())))
    assert net(by_ssh) == "publish"
    assert net(Known(endpoint=replace(HERE, url="tcp://127.0.0.1:2375"))) == "publish"


@pytest.mark.usefixtures("on_linux")
def test_a_rootless_engine_is_its_own_user_s(tmp_path: Path, as_root: None) -> None:
    socket = tmp_path / "docker.sock"
    socket.touch()
    known = Known(rootless=True, endpoint=replace(HERE, url=f"unix://{socket}"))
    assert net(known) == "ipc"
    os.chown(socket, 4321, 4321)
    assert net(known) == "publish"
    with pytest.raises(UsageError, match="another user's"):
        net(known, IPC)


@pytest.mark.usefixtures("on_linux")
def test_a_kernel_of_another_user_s_needs_root_for_its_sockets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert net(Known(), user=OTHER) == "ipc"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert net(Known(), user=OTHER) == "publish"
    with pytest.raises(UsageError, match="the kernel's user 4321"):
        net(Known(), IPC, OTHER)
