"""A kernel of an image on an engine by ssh://: its ports are forwarded to the front end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from incontainer import Kernels, containers, kernels_in, soon
from leftovers import Inventory

from container_magics.engine.client import Engine
from container_magics.jupyter.provisioner import KernelNotStarted

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))
from sshserver import SshServer, ssh_server


@pytest.fixture
def server(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    folder = tmp_path / "ssh"
    folder.mkdir()
    with ssh_server(engine, folder) as found:
        monkeypatch.setenv("PATH", f"{found.bin}:{os.environ['PATH']}")
        monkeypatch.setenv("DOCKER_HOST", found.url)
        yield found


@pytest.fixture
def kernels(
    server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kernels]:
    yield from kernels_in(tmp_path, monkeypatch)


def test_a_whole_life_over_ssh(
    kernels: Kernels, kernel_image: str, engine: Engine, server: SshServer, nothing_left: Inventory
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image, mount="none"))
    (container,) = containers(engine)
    assert kernel.run("import os; print(os.environ['FROM_THE_IMAGE'])") == "yes\n"
    assert kernel.answered("print(input('name? ').upper())", "me") == "ME\n"
    assert soon(kernel.client.hb_channel.is_beating)
    here = {getattr(kernel.manager, f"{name}_port") for name in ("shell", "iopub", "hb")}
    published = engine.api.inspect_container(container["Id"])["NetworkSettings"]["Ports"]
    there = {int(place["HostPort"]) for places in published.values() for place in places}
    assert not here & there  # this machine's are the forwards'

    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.run("print('again')") == "again\n"
    assert [each["Id"] for each in containers(engine)] != [container["Id"]]
    assert len(server.masters()) == 1
    kernel.close()
    assert not containers(engine)


def test_ipc_is_refused_there_in_a_sentence(
    kernels: Kernels, kernel_image: str, server: SshServer, nothing_left: Inventory
) -> None:
    """ipc needs a folder that both sides see."""
    with pytest.raises(KernelNotStarted) as caught:
        kernels.start(kernels.provisioned(kernel_image, net="ipc", mount="none"))
    assert "the engine is not on this machine" in str(caught.value)
