"""The launcher: the same kernel as a plain command, as VS Code starts one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from incontainer import Kernels, as_json, containers, kernels_in, soon
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from leftovers import Inventory

from container_magics.engine.client import Engine

LAUNCH = (sys.executable, "-m", "container_magics.launch", "-f")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernels]:
    yield from kernels_in(tmp_path, monkeypatch)


def launched(kernels: Kernels, image: str, *flags: str, mode: str = "signal") -> str:
    """The name of a kernelspec of the launcher's."""
    argv = [*LAUNCH, "{connection_file}", *flags, image]
    return kernels.write("launched", {"argv": argv, "language": "python", "interrupt_mode": mode})


@dataclass
class Launched:
    """A launcher that a front end without Jupyter's managers started."""

    process: subprocess.Popen[str]
    client: BlockingKernelClient


@pytest.fixture
def raw(tmp_path: Path, kernel_image: str) -> Iterator[Launched]:
    file, connection = write_connection_file(str(tmp_path / "kernel-1.json"), key=b"cm-secret-key")
    work = tmp_path / "work"
    work.mkdir()
    process = subprocess.Popen(
        [*LAUNCH, file, "-e", "A=1", kernel_image, "--",
         "python3", "-m", "ipykernel_launcher", "-f", file],
        cwd=work, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    client = BlockingKernelClient()
    client.load_connection_info({**connection, "key": b"cm-secret-key"})
    client.start_channels()
    try:
        assert soon(lambda: is_ready(client), 60)
        yield Launched(process, client)
    finally:
        client.stop_channels()
        process.kill()
        process.communicate()


def is_ready(client: BlockingKernelClient) -> bool:
    """A client without a manager gives up when the first beat is late."""
    try:
        client.wait_for_ready(timeout=10)
    except RuntimeError:
        return False
    return True


def test_a_whole_life(
    kernels: Kernels, kernel_image: str, engine: Engine, tmp_path: Path, nothing_left: Inventory
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    kernel = kernels.start(launched(kernels, kernel_image, "--memory", "300m"), cwd=str(work))
    (container,) = containers(engine)
    host = engine.api.inspect_container(container["Id"])["HostConfig"]
    assert host["Memory"] == 300 * 2**20
    assert {p["HostIp"] for each in host["PortBindings"].values() for p in each} == {"127.0.0.1"}
    shown = as_json(engine, container["Id"])
    assert kernel.manager.session.key.decode() not in shown
    assert kernel.run("import os; print(os.getcwd())") == f"{work}\n"
    assert kernel.answered("print(input() * 2)", "ab") == "abab\n"
    begun = kernel.begin("import time; time.sleep(60)")
    time.sleep(1)
    kernel.manager.interrupt_kernel()
    assert kernel.wait(begun)[1] == "KeyboardInterrupt"
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.run("print(1)") == "1\n"
    kernel.close()
    assert soon(lambda: not containers(engine))


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
)
def test_it_takes_the_container_with_it(
    raw: Launched, engine: Engine, nothing_left: Inventory, number: int, status: int
) -> None:
    assert len(containers(engine)) == 1
    raw.process.send_signal(number)
    assert raw.process.wait(30) == status
    assert soon(lambda: not containers(engine))


def test_an_interrupt_is_the_kernel_s_and_not_the_launcher_s(
    raw: Launched, engine: Engine, nothing_left: Inventory
) -> None:
    begun = raw.client.execute("import time\ntry:\n  time.sleep(60)\nexcept BaseException as e:\n"
                               "  print(type(e).__name__)")  # fmt: skip
    time.sleep(1)
    raw.process.send_signal(signal.SIGINT)
    reply = raw.client.get_shell_msg(timeout=30)
    while reply["parent_header"]["msg_id"] != begun:
        reply = raw.client.get_shell_msg(timeout=30)
    assert reply["content"]["status"] == "ok"
    assert raw.process.poll() is None
    (container,) = containers(engine)
    assert "cm-secret-key" not in as_json(engine, container["Id"])
    raw.client.shutdown()
    assert raw.process.wait(30) == 0
    assert not containers(engine)


def test_it_ends_when_the_kernel_is_killed(
    raw: Launched, engine: Engine, nothing_left: Inventory
) -> None:
    (container,) = containers(engine)
    engine.api.kill(container["Id"])
    assert raw.process.wait(30) == 137
    assert raw.process.stderr
    assert "has ended with status 137" in raw.process.stderr.read()
    assert not containers(engine)


def typed(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LAUNCH, *words], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **more})  # fmt: skip


def test_what_goes_wrong_is_said_on_stderr(
    kernel_image: str, base: str, tmp_path: Path, nothing_left: Inventory
) -> None:
    file, _ = write_connection_file(str(tmp_path / "kernel-2.json"))
    missing = typed(file, "cm-test-nosuch:1")
    assert (missing.returncode, "ImageNotFound" in missing.stderr) == (1, True)
    no_kernel = typed(file, base)
    assert (no_kernel.returncode, "has no program 'python3'" in no_kernel.stderr) == (127, True)
    dies = typed(file, kernel_image, "--", "python3", "-c", "raise SystemExit('no reason')")
    assert dies.returncode == 1
    assert "no reason" in dies.stderr
    assert typed(str(tmp_path / "none.json"), kernel_image).returncode == 1
    assert "no connection file" in typed(str(tmp_path / "none.json"), kernel_image).stderr
    (tmp_path / "list.json").write_text(json.dumps([]))
    assert "no connection file" in typed(str(tmp_path / "list.json"), kernel_image).stderr
    assert "needs a connection file and an image" in typed(file).stderr
    assert "no engine" in typed(file, base, DOCKER_HOST="unix:///nowhere").stderr.lower()


def test_by_ipc_it_sees_its_own_sockets_alone(
    kernels: Kernels, kernel_image: str, engine: Engine, tmp_path: Path, nothing_left: Inventory
) -> None:
    """Where the front end keeps them, other kernels' connection files lie too."""
    runtime = tmp_path / "runtime"
    (runtime / "kernel-other.json").write_text("another kernel's key")
    kernel = kernels.start(launched(kernels, kernel_image), ipc=str(runtime / "kernel-1-ipc"))
    assert kernel.run("print(6 * 7)") == "42\n"
    (one,) = containers(engine)
    sources = [mount["Source"] for mount in json.loads(as_json(engine, one["Id"]))["Mounts"]]
    assert str(runtime) not in sources
    assert kernel.run(f"import os; print(os.path.exists('{runtime}/kernel-other.json'))") == (
        "False\n"
    )
    kernel.close()
    assert soon(lambda: not list(runtime.glob("kernel-1-ipc-*")))
