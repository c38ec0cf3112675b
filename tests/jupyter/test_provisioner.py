"""The provisioner: a kernel of an image, in a container, driven as a front end drives it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from faultproxy import Fault, FaultProxy
from incontainer import ARGV, Kernels, as_json, containers, environment, kernels_in, soon
from jupyter_client.ioloop.manager import AsyncIOLoopKernelManager
from jupyter_client.manager import AsyncKernelManager
from leftovers import Inventory
from nbclient import NotebookClient

from container_magics.core.kernelconfig import PROVISIONER
from container_magics.engine.client import Engine
from container_magics.jupyter.provisioner import ContainerProvisioner, KernelNotStarted

NETS = ("ipc", "publish")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernels]:
    yield from kernels_in(tmp_path, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "my work"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("net", NETS)
def test_a_whole_life(
    kernels: Kernels,
    kernel_image: str,
    engine: Engine,
    work: Path,
    nothing_left: Inventory,
    net: str,
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image, net=net), cwd=str(work))
    (container,) = containers(engine)
    facts = engine.api.inspect_container(container["Id"])
    assert kernel.run("import os; print(os.environ['FROM_THE_IMAGE'], os.getcwd())") == (
        f"yes {work}\n"
    )
    assert kernel.answered("print(input('name? ').upper())", "me") == "ME\n"
    assert kernel.client.is_alive()
    assert soon(kernel.client.hb_channel.is_beating)
    if net == "ipc":
        assert facts["HostConfig"]["NetworkMode"] == "none"
        assert not facts["HostConfig"]["PortBindings"]
    else:
        places = facts["HostConfig"]["PortBindings"].values()
        assert {place["HostIp"] for each in places for place in each} == {"127.0.0.1"}
        assert len(places) == 5

    # else ipykernel throws away what comes in the moment after an error (kernelbase.py)
    code = "import time\nprint('on', flush=True)\ntime.sleep(60)"
    begun = kernel.begin(code, stop_on_error=False)
    time.sleep(1)
    pressed_s = time.monotonic()
    kernel.manager.interrupt_kernel()
    assert kernel.wait(begun) == ("on\n", "KeyboardInterrupt")
    assert time.monotonic() - pressed_s < 5
    assert kernel.run("x = 1; print(x)") == "1\n"

    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.wait(kernel.begin("x"))[1] == "NameError"
    assert [each["Id"] for each in containers(engine)] != [container["Id"]]
    assert soon(kernel.client.hb_channel.is_beating)
    kernel.close()
    assert not containers(engine)


@pytest.mark.parametrize("net", NETS)
def test_interrupt_by_message(
    kernels: Kernels, kernel_image: str, net: str, nothing_left: Inventory
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image, net=net, mode="message"))
    # else ipykernel throws away what comes in the moment after an error, as in a whole life
    begun = kernel.begin("import time\ntime.sleep(60)", stop_on_error=False)
    time.sleep(1)
    kernel.manager.interrupt_kernel()
    assert kernel.wait(begun)[1] == "KeyboardInterrupt"
    begun = kernel.begin("print('on', flush=True)\n!sleep 60", stop_on_error=False)
    time.sleep(1)
    pressed_s = time.monotonic()
    kernel.manager.interrupt_kernel()
    assert kernel.wait(begun)[0].startswith("on\n"), "it had begun"
    assert time.monotonic() - pressed_s < 20, "the program that the cell has started ends, too"
    assert kernel.run("print(1)") == "1\n"
    kernel.close()


@pytest.mark.parametrize("net", NETS)
def test_no_secret_is_shown_by_inspect(
    kernels: Kernels, kernel_image: str, engine: Engine, net: str, nothing_left: Inventory
) -> None:
    name = kernels.provisioned(kernel_image, net=net, environment=["GIVEN"])
    kernel = kernels.start(name, env=environment(GIVEN="1", JUPYTER_TOKEN="cm-secret-token"))
    (container,) = containers(engine)
    shown = as_json(engine, container["Id"])
    assert kernel.manager.session.key.decode() not in shown
    assert "cm-secret-token" not in shown
    assert "JPY_PARENT_PID" not in shown
    assert '"GIVEN=1"' in shown
    stat = (
        "import os; s = os.stat('/container-magics-kernel.json'); print(oct(s.st_mode), s.st_uid)"
    )
    assert kernel.run(stat) == f"0o100600 {os.getuid()}\n"
    kernel.close()


@pytest.mark.parametrize("net", NETS)
def test_files_are_the_user_s_and_not_root_s(
    as_root: None,
    kernels: Kernels,
    kernel_image: str,
    work: Path,
    net: str,
    nothing_left: Inventory,
) -> None:
    """As root can see it: a kernel with another user's numbers, in that user's folder."""
    os.chown(work, 4321, 4322)
    name = kernels.provisioned(kernel_image, net=net, flags=["-u", "4321:4322"])
    kernel = kernels.start(name, cwd=str(work))
    kernel.run("open('mine', 'w').close()\nimport os; open(os.path.expanduser('~/x'), 'w').close()")
    made = (work / "mine").stat()
    assert (made.st_uid, made.st_gid) == (4321, 4322)
    assert kernel.run("print(os.getuid(), os.environ['HOME'])") == "4321 /tmp\n"
    kernel.close()


def test_this_user_s_numbers_are_the_default_and_a_name_is_looked_up(
    kernels: Kernels, kernel_image: str, work: Path, nothing_left: Inventory
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image), cwd=str(work))
    kernel.run("open('mine', 'w').close()")
    assert (work / "mine").stat().st_uid == os.getuid()
    kernel.close()
    student = kernels.start(kernels.provisioned(kernel_image, flags="-u student", mount="none"))
    assert student.run("import os; print(os.getuid(), os.getcwd())") == "1234 /\n"
    student.close()


def test_limits_and_flags_are_docker_run_s_own(
    kernels: Kernels, kernel_image: str, engine: Engine, nothing_left: Inventory
) -> None:
    name = kernels.provisioned(
        kernel_image, memory="300m", cpus=0.5, flags="-e A=1 -h lesson --network bridge"
    )
    kernel = kernels.start(name)
    (container,) = containers(engine)
    host = engine.api.inspect_container(container["Id"])["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (300 * 2**20, 500_000_000)
    assert host["NetworkMode"] == "bridge"
    assert kernel.run("import os; print(os.environ['A'], os.uname().nodename)") == "1 lesson\n"
    kernel.close()


def test_the_kernel_s_own_words_go_to_the_server_s_log(
    kernels: Kernels, kernel_image: str, caplog: pytest.LogCaptureFixture, nothing_left: Inventory
) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("traitlets").propagate = True
        kernel = kernels.start(kernels.provisioned(kernel_image))
        kernel.run("import os; _ = os.write(2, b'from the depth\\n')")
        assert soon(lambda: "provisioned: from the depth" in caplog.text)
        kernel.close()


def told(kernels: Kernels, name: str) -> str:
    """What a front end is told of a kernel that does not start."""
    with pytest.raises(KernelNotStarted) as caught:
        kernels.start(name)
    assert caught.value.status_code == 500
    assert str(caught.value) == "\n".join(caught.value.told())
    return str(caught.value)


def test_a_missing_image(kernels: Kernels, engine: Engine, nothing_left: Inventory) -> None:
    said = told(kernels, kernels.provisioned("cm-test-nosuch:1"))
    assert "There is no image 'cm-test-nosuch:1' here." in said
    assert "`docker pull cm-test-nosuch:1`" in said


@pytest.mark.parametrize("net", NETS)
def test_a_kernel_that_dies_at_its_start_says_why(
    kernels: Kernels, kernel_image: str, net: str, nothing_left: Inventory
) -> None:
    argv = ["python3", "-m", "no_such_kernel", "-f", "{connection_file}"]
    said = told(kernels, kernels.provisioned(kernel_image, net=net, argv=argv))
    assert f"KernelDied: The kernel in {kernel_image} has ended with status 1." in said
    assert "No module named no_such_kernel" in said
    assert not list((kernels.folder.parent / "runtime").glob("*.json"))


def test_an_image_without_the_kernel_s_program(
    kernels: Kernels, base: str, nothing_left: Inventory
) -> None:
    said = told(kernels, kernels.provisioned(base))
    assert f"{base} has no program 'python3', which is to be the kernel." in said
    assert f"container-magics kernel install --image {base}" in said


def test_too_little_memory_is_said_as_such(
    kernels: Kernels, kernel_image: str, nothing_left: Inventory
) -> None:
    argv = ["python3", "-c", "x = bytearray(10**9)"]
    said = told(kernels, kernels.provisioned(kernel_image, argv=argv, memory="40m"))
    assert "ran out of memory (its limit is" in said


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"imagine": 1}, "Did you mean image?"),
        ({"net": "tcp"}, "has net 'tcp'"),
        ({"flags": "-d"}, "not those of a cell"),
        ({"flags": "--name x"}, "cannot have --name"),
        ({"flags": ["--nosuch"]}, "there is no flag --nosuch"),
        ({"flags": 3}, "a list of texts for 'flags'"),
        ({"net": "publish", "flags": "--network none"}, "cannot be reached by ports"),
        ({"start_timeout_s": "long"}, "needs seconds"),
        ({"user": "root"}, "has user 'root'"),
    ],
)
def test_a_wrong_config_is_said(
    kernels: Kernels, kernel_image: str, config: dict[str, object], sentence: str
) -> None:
    assert sentence in told(kernels, kernels.provisioned(kernel_image, **config))


def test_no_engine(kernels: Kernels, kernel_image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert "NoEngine" in told(kernels, kernels.provisioned(kernel_image))


def test_a_kernel_that_is_killed_from_outside_is_dead_and_can_be_restarted(
    kernels: Kernels, kernel_image: str, engine: Engine, nothing_left: Inventory
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image))
    for end in (engine.api.kill, lambda each: engine.api.remove_container(each, force=True)):
        (container,) = containers(engine)
        end(container["Id"])
        assert soon(lambda: not kernel.manager.is_alive(), 5)
        kernel.manager.interrupt_kernel()  # nothing happens
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=60)
        assert kernel.run("print(2)") == "2\n"
    (container,) = containers(engine)
    engine.api.kill(container["Id"])
    kernel.close()


def test_a_server_restarts_it_by_itself_and_logs_why(
    kernels: Kernels, kernel_image: str, engine: Engine, caplog: pytest.LogCaptureFixture,
    nothing_left: Inventory,
) -> None:  # fmt: skip
    """The manager that Jupyter Server has, with its restarter."""

    async def life() -> str:
        manager = AsyncIOLoopKernelManager(kernel_name=kernels.provisioned(kernel_image))
        await manager.start_kernel()
        restarted = asyncio.Event()
        manager.add_restart_callback(restarted.set)
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        (first,) = containers(engine)
        client.execute("x = bytearray(10**10)")
        engine.api.kill(first["Id"])
        await asyncio.wait_for(restarted.wait(), 30)
        await client.wait_for_ready(timeout=60)
        (second,) = containers(engine)
        client.stop_channels()
        await manager.shutdown_kernel()
        return str(first["Id"] != second["Id"])

    assert asyncio.run(life()) == "True"
    assert not containers(engine)


def test_memory_that_runs_out_later_is_in_the_log(
    kernels: Kernels, kernel_image: str, caplog: pytest.LogCaptureFixture, nothing_left: Inventory
) -> None:
    logging.getLogger("traitlets").propagate = True
    kernel = kernels.start(kernels.provisioned(kernel_image, memory="100m"))
    kernel.begin("x = bytearray(10**9)")
    assert soon(lambda: not kernel.manager.is_alive())
    assert "ran out of memory" in caplog.text
    kernel.close()


def test_the_engine_s_guard_removes_what_a_killed_process_leaves(
    kernels: Kernels, kernel_image: str, engine: Engine, nothing_left: Inventory
) -> None:
    name = kernels.provisioned(kernel_image)
    program = (
        "import sys\nfrom jupyter_client.manager import start_new_kernel\n"
        f"manager, client = start_new_kernel(kernel_name={name!r})\n"
        "print(manager.ip, flush=True)\nimport time; time.sleep(600)\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert server.stdout
    sockets = Path(server.stdout.readline()).parent
    assert sockets.is_dir()
    assert len(containers(engine)) == 1
    server.kill()
    server.wait()
    assert soon(lambda: not containers(engine))
    assert soon(lambda: not sockets.exists())


def test_the_sockets_are_this_user_s_alone_and_go(
    kernels: Kernels, kernel_image: str, nothing_left: Inventory
) -> None:
    kernel = kernels.start(kernels.provisioned(kernel_image))
    sockets = Path(kernel.manager.ip).parent
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(list(sockets.iterdir())) == 5
    kernel.close()
    assert not sockets.exists()


def notebook(name: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_code_cell(
            "import os\nprint(os.path.exists('/container-magics-kernel.json'))"
        ),
        nbformat.v4.new_code_cell("open('written', 'w').write('by a cell')"),
    ]
    made.metadata.kernelspec = {"name": name, "display_name": name, "language": "python"}
    return made


def test_nbclient_and_papermill_run_a_notebook(
    kernels: Kernels, kernel_image: str, work: Path, engine: Engine, nothing_left: Inventory
) -> None:
    name = kernels.provisioned(kernel_image)
    done = NotebookClient(
        notebook(name), kernel_name=name, resources={"metadata": {"path": str(work)}}
    ).execute()
    assert done.cells[0].outputs[0]["text"] == "True\n"
    assert (work / "written").read_text() == "by a cell"
    (work / "written").unlink()
    nbformat.write(notebook(name), work / "in.ipynb")
    papermill.execute_notebook(
        str(work / "in.ipynb"), str(work / "out.ipynb"), cwd=str(work), progress_bar=False
    )
    out = json.loads((work / "out.ipynb").read_text())
    assert out["cells"][0]["outputs"][0]["text"] == ["True\n"]
    assert (work / "written").read_text() == "by a cell"
    assert not containers(engine)


def test_jupyter_run(
    kernels: Kernels, kernel_image: str, work: Path, engine: Engine, nothing_left: Inventory
) -> None:
    """It ends its kernel as Python itself ends, when no thread can be begun any more."""
    name = kernels.provisioned(kernel_image)
    (work / "program.py").write_text("import os\nprint('in it:', os.environ['FROM_THE_IMAGE'])\n")
    command = [sys.executable, "-m", "jupyter_client.runapp", "--kernel", name, "program.py"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120)
    assert done.stdout == "in it: yes\n", done.stderr
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert soon(lambda: not containers(engine), 5)


def test_jupyter_console(
    kernels: Kernels, kernel_image: str, work: Path, engine: Engine, nothing_left: Inventory
) -> None:
    """Cells typed at its prompt; its own quit ends it, and the kernel with it."""
    command = [
        sys.executable, "-m", "jupyter_console", "--simple-prompt", "--no-confirm-exit",
        "--kernel", kernels.provisioned(kernel_image),
    ]  # fmt: skip
    typed = "import os\nword = os.environ['FROM_THE_IMAGE']\nprint('typed', word)\nquit\n"
    done = subprocess.run(
        command, cwd=work, input=typed, capture_output=True, text=True, timeout=120
    )
    assert "typed yes" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert soon(lambda: not containers(engine), 5)


WAYS = ("shutdown", "now", "killed", "removed", "exits")
ROUNDS = 10


async def one_life(name: str, way: str, engine: Engine) -> None:
    """A kernel that is ended in one of the ways."""
    manager = AsyncKernelManager(kernel_name=name)
    await manager.start_kernel()
    assert isinstance(manager.provisioner, ContainerProvisioner)
    container = (await manager.provisioner.get_provisioner_info())["container_id"]
    if way == "killed":
        engine.api.kill(container)
    elif way == "removed":
        engine.api.remove_container(container, force=True)
    elif way == "exits":
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        client.execute("import os; os._exit(3)")
        for _ in range(200):
            if not await manager.is_alive():
                break
            await asyncio.sleep(0.05)
        client.stop_channels()
    await manager.shutdown_kernel(now=way == "now")


def test_fifty_kernels_leave_nothing(
    kernels: Kernels, kernel_image: str, engine: Engine, nothing_left: Inventory
) -> None:
    """Ended in every way, five at a time; counted after each round."""
    name = kernels.provisioned(kernel_image)

    async def together() -> list[BaseException | None]:
        lives = (one_life(name, way, engine) for way in WAYS)
        return await asyncio.gather(*lives, return_exceptions=True)

    for _ in range(ROUNDS):  # in the clone's own folder, where the engine's data may be
        assert asyncio.run(together()) == [None] * len(WAYS)
        assert not containers(engine)


def test_an_engine_that_goes_away_takes_the_kernel_with_it(
    kernels: Kernels, kernel_image: str, engine: Engine, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, nothing_left: Inventory,
) -> None:  # fmt: skip
    logging.getLogger("traitlets").propagate = True
    fault = Fault("cut", path="/logs", marker=b"now", for_good=True)
    with closing(FaultProxy(engine.endpoint.url, fault)) as way:
        monkeypatch.setenv("DOCKER_HOST", way.url)
        kernel = kernels.start(kernels.provisioned(kernel_image))
        (container,) = containers(engine)
        kernel.begin("import os; os.write(2, b'now\\n')")
        assert soon(lambda: not kernel.manager.is_alive())
        assert "The engine went away, and the kernel with it." in caplog.text
        with pytest.raises(KernelNotStarted, match=r"NoEngine|EngineLost"):
            kernel.manager.restart_kernel(now=True)
        assert not kernel.manager.has_kernel
        assert [each["Id"] for each in containers(engine)] == [container["Id"]], "out of reach"
        engine.api.remove_container(container["Id"], force=True)


def test_a_server_s_own_api(
    kernels: Kernels, kernel_image: str, engine: Engine, work: Path, nothing_left: Inventory
) -> None:
    """What a page asks of Jupyter Server, and what it gets to show when a kernel does not start."""
    name = kernels.provisioned(kernel_image)
    metadata = {"provisioner_name": PROVISIONER, "config": {"image": "cm-test-nosuch:1"}}
    kernels.write(
        "nosuch",
        {"argv": ARGV, "language": "python", "metadata": {"kernel_provisioner": metadata}},
    )
    with served(work) as ask:
        made = ask("POST", "api/kernels", {"name": name})
        assert made["name"] == name
        assert len(containers(engine)) == 1
        ask("POST", f"api/kernels/{made['id']}/interrupt", {})
        assert ask("POST", f"api/kernels/{made['id']}/restart", {})["id"] == made["id"]
        assert len(containers(engine)) == 1
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask("POST", "api/kernels", {"name": "nosuch"})
        said = json.loads(refused.value.read())["message"]
        assert "There is no image 'cm-test-nosuch:1' here." in said
        ask("DELETE", f"api/kernels/{made['id']}", None)
        assert not containers(engine)
        ask("POST", "api/kernels", {"name": name})  # the server ends, and it with it
    assert soon(lambda: not containers(engine))


@contextmanager
def served(folder: Path) -> Iterator[Callable[..., Any]]:
    """Jupyter Server in a process of its own; what is given asks its API."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["--no-browser", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1",
             "--ServerApp.disable_check_xsrf=True", "--allow-root"]  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *words],
        cwd=folder, env=environment(JUPYTER_TOKEN="t"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(method: str, path: str, content: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/{path}", method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Authorization": "token t", "Content-Type": "application/json"},
        )  # fmt: skip
        with opener.open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def answers() -> bool:
        try:
            return bool(ask("GET", "api", None))
        except OSError:
            return False

    try:
        assert soon(answers)
        yield ask
    finally:
        server.terminate()
        server.wait(30)
