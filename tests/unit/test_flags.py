"""The text after %%container: read as docker reads it, or refused with what to do."""

from __future__ import annotations

import shlex

import pytest

from container_magics.core.boxes import BoxSettings, unpacked
from container_magics.core.flags import parse_run, run_parser
from container_magics.core.names import ImageRef, container_name
from container_magics.core.spec import CellOptions, ContainerSpec, Limits, Mount, Port
from container_magics.core.sshflags import BoxRequest, parse_box, parse_ssh
from container_magics.errors import UsageError


def test_every_flag_finds_its_place() -> None:
    request = parse_run(
        "python:3.12 -e A=1 --env 'B=x y=z' -p 8080:80 -v ./data:/data:ro --name box -h host"
        " --network none -u 1000:1000 -w /data -m 64m --cpus 1.5 --pids-limit 9"
        " --entrypoint 'tini --' --as bash --out o --err e --rc r --stdin i --timeout 2m"
        " --no-check --expand"
    )
    assert request.spec == ContainerSpec(
        image="python:3.12",
        entrypoint=("tini", "--"),
        name="box",
        hostname="host",
        environment=(("A", "1"), ("B", "x y=z")),
        mounts=(Mount("./data", "/data", read_only=True),),
        ports=(Port(80, host_port=8080),),
        network="none",
        user="1000:1000",
        working_dir="/data",
        limits=Limits(64 * 1024**2, 1_500_000_000, 9),
    )
    assert request.options == CellOptions(
        interpreter="bash", out="o", err="e", rc="r", stdin="i", timeout_s=120.0, check=False,
        expand=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tini --", ("tini", "--")),
        ('"a b" c', ("a b", "c")),
        (r"/opt/my\ app -x", ("/opt/my app", "-x")),
        ("", ()),
    ],
)
def test_an_entrypoint_is_split_as_a_shell_would(text: str, words: tuple[str, ...]) -> None:
    assert parse_run(f"image --entrypoint {shlex.quote(text)}").spec.entrypoint == words


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80", Port(80)),
        ("8080:80", Port(80, host_port=8080)),
        ("53:53/udp", Port(53, "udp", 53)),
        ("0.0.0.0:8080:80", Port(80, host_port=8080, address="0.0.0.0")),
        ("0.0.0.0::80", Port(80, address="0.0.0.0")),
        ("[::1]:8080:80/tcp", Port(80, host_port=8080, address="::1")),
    ],
)
def test_a_port_is_bound_to_loopback_unless_written_otherwise(text: str, port: Port) -> None:
    assert parse_run(f"image -p {text}").spec.ports == (port,)


@pytest.mark.parametrize("text", ["0", "70000", "80:", "a:80", "80/icmp", "0:80"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write PORT"):
        parse_run(f"image -p {text}")


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("64m", 64 << 20), ("1.5g", 1536 << 20), ("10", 10), ("2KB", 2048)]
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_run(f"image -m {text}").spec.limits.memory_bytes == size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("500ms", 0.5), ("1.5m", 90), ("2h", 7200), ("7", 7)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_run(f"image --timeout {text}").options.timeout_s == seconds


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "needs an image"),
        ("--in box --name other", "--name cannot be used with --in"),
        ("--in box image", "IMAGE cannot be used with --in"),
        ("--in box --rm", "--rm cannot be used with --in"),
        ("image --entrypoint '\"a b'", "a quotation mark is not closed"),
        ("image --out class", "'class' cannot name a Python variable"),
        ("image --stdin None", "'None' cannot name a Python variable"),
        ("image --get /x=import", "write PATH=VAR"),
        ("image -d --out x", "-d leaves the container running"),
        ("image -d --stdin x", "-d leaves the container running"),
        ("--in ../images/x", "cannot name a container"),
        ("image -e SECRET", "write NAME=VALUE"),
        ("image --timeout 0s", "not a time"),
        ("image --cpus none", "not a number of processors"),
        ("image --out 2x", "cannot name a Python variable"),
        ("image --name /etc", "cannot name a container"),
        ("image -v data", "SOURCE:TARGET"),
        ("image -v a:relative", "SOURCE:TARGET"),
        ("image --privileged", "no flag --privileged"),
        ("image -p 1:2:3:4", "not an address"),
        ("image -p everywhere:1:2", "not an address"),
    ],
)
def test_what_cannot_be_read_is_said(line: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_run(line)
    assert sentence in str(caught.value)
    assert caught.value.hint or "variable" in sentence


def test_help_names_every_flag() -> None:
    text = run_parser().help_text()
    for flag in ("--env", "--volume", "--publish", "--timeout", "--in", "--entrypoint"):
        assert flag in text


@pytest.mark.parametrize(
    ("text", "whole", "name", "version"),
    [
        ("python", "python:latest", "python", "latest"),
        ("python:3.12", "python:3.12", "python", "3.12"),
        ("localhost/a/b", "localhost/a/b:latest", "localhost/a/b", "latest"),
        ("host:5000/a:1", "host:5000/a:1", "host:5000/a", "1"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64, "a", "sha256:" + "0" * 64),
    ],
)
def test_image_references(text: str, whole: str, name: str, version: str) -> None:
    reference = ImageRef.parse(text)
    assert (str(reference), reference.name, reference.version) == (whole, name, version)
    assert ImageRef.parse(str(reference)) == ImageRef.parse(whole)


@pytest.mark.parametrize("text", ["", "A", "a:", "a@", "a//b", "../a", "a b", "a:b:c", "-a"])
def test_what_is_no_image_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the name of an image"):
        ImageRef.parse(text)


@pytest.mark.parametrize("text", ["", "/a", "a b", "-a", "a/b", "é"])
def test_what_no_container_can_be_called_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        container_name(text)


def test_a_box_s_line() -> None:
    assert parse_box("") == BoxRequest("start", ("box",))
    assert parse_box("one two one") == BoxRequest("start", ("one", "two"))
    assert parse_box("reset home --host-key") == BoxRequest("reset", ("home",), new_host_key=True)
    assert parse_box("lab jump").names == ("jump", "inner")
    assert parse_box("lab jump db web").names == ("jump", "db", "web")
    assert parse_box("list") == BoxRequest("list", ())
    assert parse_box("stop") == BoxRequest("stop", ("box",))
    strict = parse_box("a --strict --idle 90m --image mine:1")
    assert strict.settings == BoxSettings("mine:1", strict=True, idle_s=5400)
    assert strict.asked == {"image", "strict", "idle_s"}
    assert parse_box("a --idle 0").asked == {"idle_s"}
    assert parse_ssh("home --via jump --timeout 5s")[:2] == ("home", "jump")


@pytest.mark.parametrize("settings", [BoxSettings(), BoxSettings("a", strict=True, lab="j")])
def test_a_box_s_settings_are_kept_in_a_label(settings: BoxSettings) -> None:
    assert unpacked(settings.packed()) == settings
    assert unpacked("of somebody else") == BoxSettings()
