"""docker run's seldom flags: read as docker reads them, or refused; and none of them forgotten
where two containers are compared."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from container_magics.core.buildflags import parse_build
from container_magics.core.fingerprint import fingerprint
from container_magics.core.flags import parse_run
from container_magics.core.flagtypes import environment_lines
from container_magics.core.spec import ContainerSpec, Hardening, Health, Limits, Port
from container_magics.errors import UsageError
from container_magics.session.spares import kind

CELL = ContainerSpec("image", ("sh", "-c", "echo"))


def test_every_flag_finds_its_place() -> None:
    request = parse_run(
        "image -d --name box -l lesson=3 --label mine --init --env-file a.env --env-file b.env"
        " --read-only --tmpfs /tmp:size=64m --tmpfs /run --cap-add NET_ADMIN --cap-drop ALL"
        " --add-host db:10.0.0.1 --add-host me:host-gateway --restart on-failure:3"
        " --health-cmd 'test -e /up' --health-interval 500ms --platform linux/arm/v7"
    )
    assert request.spec == ContainerSpec(
        image="image:latest",
        name="box",
        labels=(("lesson", "3"), ("mine", "")),
        init=True,
        read_only=True,
        tmpfs=(("/tmp", "size=64m"), ("/run", "")),
        hardening=Hardening(("ALL",), ("NET_ADMIN",)),
        extra_hosts=("db:10.0.0.1", "me:host-gateway"),
        restart="on-failure:3",
        health=Health("test -e /up", 0.5),
        platform="linux/arm/v7",
    )
    assert request.options.env_files == ("a.env", "b.env")
    assert parse_run("image --restart no").spec == parse_run("image").spec


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("image -l container-magics.session=x", "say whose a thing is"),
        ("image --label container-magics.made", "say whose a thing is"),
        ("image -l =x", "write NAME=VALUE"),
        ("image --tmpfs tmp", "full path"),
        ("image --add-host db", "NAME:ADDRESS"),
        ("image --add-host db:nowhere", "NAME:ADDRESS"),
        ("image --platform arm64", "OS/ARCHITECTURE"),
        ("image -d --name box --restart sometimes", "no such policy"),
        ("image --restart always", "goes with -d and --name"),
        ("image -d --restart always", "goes with -d and --name"),
        ("image -d --rm --name box --restart always", "goes with -d and --name"),
        ("image --health-interval never", "not a time"),
        ("--in box -l a=b", "--label cannot be used with --in"),
        ("--in box --init", "--init cannot be used with --in"),
        ("--in box --health-cmd true", "--health-cmd cannot be used with --in"),
        ("image --privileged", "no flag --privileged"),
    ],
)
def test_what_cannot_be_is_said(line: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_run(line)
    assert sentence in str(caught.value)
    assert caught.value.hint


def test_an_image_gets_no_label_of_ours_either() -> None:
    assert parse_build("tag --label a=b").spec.labels == (("a", "b"),)
    with pytest.raises(UsageError, match="say whose"):
        parse_build("tag --label container-magics.purpose=cell")


def test_a_file_of_variables_is_read_as_docker_reads_it() -> None:
    text = "\ufeffA=1\r\n\n  # a comment = none\n  B=x y = 'z' # all of it\nC=\n"
    assert environment_lines(text, "f") == (("A", "1"), ("B", "x y = 'z' # all of it"), ("C", ""))
    for wrong in ("SECRET", "=x", "A B=1"):
        with pytest.raises(UsageError, match="f: line 2 is not NAME=VALUE") as caught:
            environment_lines(f"A=1\n{wrong}\n", "f")
        assert wrong not in str(caught.value)


CHANGES: dict[str, object] = {
    "command": ("sh",), "entrypoint": ("tini",), "name": "box", "hostname": "h",
    "environment": (("A", "1"),), "ports": (Port(80),), "network": "none", "user": "1",
    "working_dir": "/x", "limits": Limits(1), "hardening": Hardening(("ALL",)),
    "labels": (("a", "b"),), "files": (("/f", b"", 0o644),), "init": True, "read_only": True,
    "tmpfs": (("/tmp", ""),), "extra_hosts": ("a:1.1.1.1",), "restart": "always",
    "health": Health("true"), "platform": "linux/arm64", "gpus": "all",
}  # fmt: skip


def test_no_setting_is_left_out_where_containers_are_compared() -> None:
    settings = {each.name for each in fields(ContainerSpec) if each.compare}
    assert set(CHANGES) == settings - {"image", "mounts"}
    assert replace(CELL, own_languages=(("tcl", "tclsh"),)) == CELL
    for name, value in CHANGES.items():
        other = replace(CELL, **{name: value})  # type: ignore[arg-type]
        words = [fingerprint(one, "sha256:1", (), auto_remove=True) for one in (CELL, other)]
        assert words[0] != words[1], name
        if name != "command":
            assert kind(other) != kind(CELL), name


@pytest.mark.parametrize("name", ["labels", "init", "health", "restart", "name", "ports"])
def test_what_can_have_no_spare_gets_none(name: str) -> None:
    assert kind(replace(CELL, **{name: CHANGES[name]})) is None  # type: ignore[arg-type]
    assert kind(replace(CELL, tmpfs=(("/tmp", ""),), read_only=True)) is not None
