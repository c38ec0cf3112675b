"""What a kernelspec says of its container: read, or refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from container_magics.core.kernelconfig import KernelConfig, filled, read_config
from container_magics.core.spec import Limits, Mount, Port
from container_magics.engine.imagekernels import places
from container_magics.engine.kernelplace import (
    KernelUser,
    connection_inside,
    with_environment,
    with_folder,
    with_net,
)
from container_magics.errors import UsageError
from container_magics.jupyter.kernelspecs import slug
from container_magics.launch import read_words

TCP = {
    "transport": "tcp", "ip": "127.0.0.1", "key": "k", "shell_port": 1, "iopub_port": 2,
    "stdin_port": 3, "control_port": 4, "hb_port": 5,
}  # fmt: skip
IPC = {**TCP, "transport": "ipc", "ip": "/run/cm-k-x/k"}
ME = KernelUser("1000:1000", 1000, 1000, is_own=True)


def test_a_config_with_everything() -> None:
    config = read_config(
        {"image": "i", "flags": "-e A=1", "memory": "1g", "cpus": 2, "gpus": "all", "net": "ipc",
         "user": "image", "mount": False, "environment": ["B"], "start_timeout_s": 5}
    )  # fmt: skip
    assert config == KernelConfig(
        "i", ("-e", "A=1", "--memory=1g", "--cpus=2", "--gpus=all"), "ipc", "image", "none",
        ("B",), 5.0,
    )  # fmt: skip
    spec = config.spec(("python3",))
    assert spec.limits == Limits(2**30, 2_000_000_000)
    assert (spec.gpus, spec.init, spec.command) == ("all", True, ("python3",))


def test_the_least_config() -> None:
    assert read_config({"image": "i"}) == KernelConfig("i")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "needs a text for 'image'"),
        ({"image": 3}, "needs a text for 'image'"),
        ({"image": "i", "imag": 3}, "unknown key 'imag'"),
        ({"image": "i", "flags": "-e 'A"}, "a list of texts for 'flags'"),
        ({"image": "i", "environment": 1}, "a list of texts for 'environment'"),
        ({"image": "i", "start_timeout_s": True}, "needs seconds"),
        ({"image": "i", "start_timeout_s": 0}, "needs seconds"),
    ],
)
def test_what_cannot_be_read_is_refused(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_config(config)


@pytest.mark.parametrize(
    "flags", ["-d", "--rm", "--name x", "--read-only", "--as python", "--in x"]
)
def test_flags_that_a_kernel_cannot_have(flags: str) -> None:
    with pytest.raises(UsageError):
        KernelConfig("i", tuple(flags.split())).spec(("p",))


def test_the_connection_file_s_path_is_the_one_in_the_container() -> None:
    argv = ("p", "-f", "{connection_file}", "/run/user/k.json")
    assert filled(argv, "/c", "/run/user/k.json") == ("p", "-f", "/c", "/c")
    assert filled(("p", "a{b}"), "/c") == ("p", "a{b}")


def test_ipc_has_no_network_and_no_ports() -> None:
    spec = with_net(KernelConfig("i").spec(("p",)), IPC)
    assert (spec.network, spec.ports) == ("none", ())
    assert spec.mounts == (Mount("/run/cm-k-x", "/run/cm-k-x"),)
    assert connection_inside(spec, IPC) == IPC
    asked = with_net(KernelConfig("i", ("-p", "8000")).spec(("p",)), IPC)
    assert (asked.network, len(asked.ports)) == ("", 1), "a port that is asked for is published"


def test_ports_are_on_the_loopback_address() -> None:
    spec = with_net(KernelConfig("i").spec(("p",)), TCP)
    assert set(spec.ports) == {Port(n, host_port=n, address="127.0.0.1") for n in range(1, 6)}
    assert connection_inside(spec, TCP)["ip"] == "0.0.0.0"
    host = with_net(KernelConfig("i", ("--network", "host")).spec(("p",)), TCP)
    assert (host.ports, connection_inside(host, TCP)["ip"]) == ((), "127.0.0.1")


def test_the_folder_is_mounted_where_it_is(tmp_path: Path) -> None:
    config, spec = KernelConfig("i"), KernelConfig("i").spec(("p",))
    sub = tmp_path / "sub"
    sub.mkdir()
    here = with_folder(spec, config, tmp_path)
    assert here.mounts == (Mount(str(tmp_path), str(tmp_path)),)
    assert here.working_dir == str(tmp_path)
    above = with_folder(spec, KernelConfig("i", mount=str(tmp_path)), sub)
    assert (above.mounts, above.working_dir) == (here.mounts, str(sub))
    data = with_folder(spec, config, tmp_path, f"{sub}/overlay2")
    assert data.mounts == (Mount(str(tmp_path), str(tmp_path), alone=True),)
    for nothing in (Path("/"), Path("/usr"), tmp_path / "none"):
        assert with_folder(spec, config, nothing) == spec
    assert with_folder(spec, KernelConfig("i", mount="none"), tmp_path) == spec


def test_variables_are_handed_in_by_name_alone() -> None:
    config = KernelConfig("i", ("-e", "A=flag"), environment=("A", "B", "NOT_SET"))
    environ = {"A": "server", "B": "server", "SECRET": "s", "TZ": "UTC"}
    spec = with_environment(config.spec(("p",)), config, {"K": "1"}, environ, ME)
    assert dict(spec.environment) == {
        "HOME": "/tmp", "K": "1", "TZ": "UTC", "A": "flag", "B": "server"
    }  # fmt: skip


def test_kernels_are_looked_for_where_the_image_s_path_leads() -> None:
    found = places({"Env": ["PATH=/opt/my/bin:/usr/bin", "JUPYTER_PATH=/j", "HOME=/h"]})
    assert found[:4] == [
        "/j/kernels", "/h/.local/share/jupyter/kernels", "/opt/my/share/jupyter/kernels",
        "/usr/share/jupyter/kernels",
    ]  # fmt: skip
    assert "/opt/conda/share/jupyter/kernels" in places({})


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("python:3.12", "python-3.12"),
        ("ghost:5/a/B_c", "b_c"),
        ("a@sha256:1", "a"),
        (":", "container"),
    ],
)
def test_an_image_gives_a_kernelspec_its_name(image: str, name: str) -> None:
    assert slug(image) == name


def test_the_launcher_s_words() -> None:
    file, config, program = read_words(
        ["-f", "/k.json", "--memory", "1g", "--pass", "A", "i:1", "--", "r", "-f", "/k.json"]
    )
    assert (file, program) == (Path("/k.json"), ("r", "-f", "/k.json"))
    assert config == KernelConfig("i:1", ("--memory", "1g"), environment=("A",))
    assert read_words(["-f", "/k", "i"])[2][0] == "python3"
    for wrong in (["i"], ["-f", "/k"]):
        with pytest.raises(UsageError, match="a connection file and an image"):
            read_words(wrong)
