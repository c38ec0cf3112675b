"""A policy's rules, as values: what a file says, and what breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from container_magics.core.asked import (
    Asked,
    asked_of,
    asked_of_service,
    bounded_service,
    files_of,
    host_networks,
    odd_volumes,
    replicas,
)
from container_magics.core.dockerfile import parse
from container_magics.core.dockerfilestages import images_of
from container_magics.core.policy import Policy, is_under, matches, parse_policy
from container_magics.core.spec import ContainerSpec, Hardening, Limits
from container_magics.errors import UsageError

WHOLE = """
[images]
allow = ["python:3.*", "course/**"]
[limits]
cpus = 1.5
memory = "512m"
pids = 100
containers = 3
lifetime = "8h"
[mounts]
folders = ["/srv/course"]
[security]
capabilities = ["NET_ADMIN"]
"""
MODEST = Asked("python:3.12", memory_bytes=2**20, cpus=1.0, pids=10, folders=("/srv/course/data",))


def test_a_whole_file_is_read() -> None:
    assert parse_policy(WHOLE) == Policy(
        images=("python:3.*", "course/**"),
        memory_bytes=512 * 2**20,
        cpus=1.5,
        pids=100,
        containers=3,
        lifetime_s=8 * 3600.0,
        folders=("/srv/course",),
        capabilities=("NET_ADMIN",),
    )


def test_an_empty_file_forbids_what_gives_the_host_away() -> None:
    rules = parse_policy("")
    assert rules.check(Asked("anything/at:all", memory_bytes=2**40)) is None
    for asked in (
        Asked("a", folders=("/",)),
        Asked("a", privileged="privileged"),
        Asked("a", host_namespaces=("the host's network",)),
        Asked("a", capabilities=("SYS_ADMIN",)),
    ):
        assert rules.check(asked) is not None


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (replace(MODEST, image="python:2.7"), "images.allow"),
        (replace(MODEST, image="evil.example/python:3.12"), "images.allow"),
        (replace(MODEST, image="sha256:" + "0" * 64), "images.allow"),
        (replace(MODEST, cpus=2.0), "limits.cpus"),
        (replace(MODEST, memory_bytes=2**30), "limits.memory"),
        (replace(MODEST, memory_bytes=0), "limits.memory"),
        (replace(MODEST, memory_bytes=-1), "limits.memory"),
        (replace(MODEST, pids=101), "limits.pids"),
        (replace(MODEST, pids=-1), "limits.pids"),
        (replace(MODEST, folders=("/srv/courses",)), "mounts.folders"),
        (replace(MODEST, folders=("/srv/course/../..",)), "mounts.folders"),
        (replace(MODEST, folders=("/srv/course/docker.sock",)), "mounts.docker_socket"),
        (replace(MODEST, folders=("/var/run/docker.sock",)), "mounts.docker_socket"),
        (replace(MODEST, privileged="privileged"), "security.privileged"),
        (replace(MODEST, host_namespaces=("network", "processes")), "security.host_namespaces"),
        (replace(MODEST, gpus=True), "security.gpus"),
        (replace(MODEST, swap_bytes=-1), "limits.memory"),
        (replace(MODEST, swap_bytes=2**30 + 1), "limits.memory"),
        (replace(MODEST, mounted_images=("alpine",)), "images.allow"),
        (replace(MODEST, capabilities=("cap_sys_admin",)), "security.capabilities"),
        (replace(MODEST, capabilities=("ALL",)), "security.capabilities"),
    ],
)
def test_each_rule_refuses_by_its_name(asked: Asked, rule: str) -> None:
    rules = parse_policy(WHOLE)
    assert rules.check(MODEST) is None
    denial = rules.check(asked)
    assert denial is not None
    assert denial.rule == rule
    assert denial.sentence


def test_what_docker_gives_by_itself_and_what_is_listed_may_be_added() -> None:
    rules = parse_policy(WHOLE)
    for name in ("SETUID", "CAP_CHOWN", "net_admin"):
        assert rules.check(replace(MODEST, capabilities=(name,))) is None


def test_one_more_than_may_run_is_refused() -> None:
    rules = parse_policy(WHOLE)
    assert rules.check_count(2) is None
    denial = rules.check_count(3)
    assert denial is not None
    assert denial.rule == "limits.containers"


def test_a_build_begins_with_images_that_are_allowed() -> None:
    rules = parse_policy(WHOLE)
    assert rules.check_builds_from(("python:3.12", "course/base")) is None
    denial = rules.check_builds_from(("python:3.12", "alpine"))
    assert denial is not None
    assert denial.rule == "images.allow"
    denial = rules.check_builds_from((), "host")
    assert denial is not None
    assert denial.rule == "security.host_namespaces"


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM a\nFROM scratch\n", ("a",)),
        ("FROM a AS a\n", ("a",)),
        ("FROM a AS b\nFROM b AS c\nCOPY --from=b / /\nCOPY --from=0 / /\n", ("a",)),
        ("FROM c AS b\nFROM b AS c\n", ("c",)),
        ("FROM a\nCOPY --from=b / /\nRUN --mount=from=c,target=/c true\n", ("a", "b", "c")),
        ("FROM a AS b\nONBUILD COPY --from=c / /\nONBUILD COPY --from=b / /\n", ("a", "c")),
        ("# syntax=b/c:1 --more\nFROM a\n", ("a", "b/c:1")),
        ("FROM $BUILDPLATFORM\n", ("$BUILDPLATFORM",)),
    ],
)
def test_every_image_of_a_build_is_looked_at(text: str, images: tuple[str, ...]) -> None:
    assert images_of(parse(text)) == images


def test_an_argument_may_name_an_image_of_a_build() -> None:
    read = parse("ARG WHICH=a\nFROM $WHICH\n")
    given = (("WHICH", "b"), ("BUILDKIT_SYNTAX", "c/d"))
    assert images_of(read, given) == ("b", "c/d")


@pytest.mark.parametrize(
    ("pattern", "image", "fits"),
    [
        ("python", "python", True),
        ("python", "python:3.12", True),
        ("python", "docker.io/library/python@sha256:" + "a" * 64, True),
        ("python:3.12", "python", False),
        ("python:*", "python:3.12", True),
        ("python:*", "evil/python:3.12", False),
        ("python*", "python-evil:1", True),
        ("course/*", "course/a:1", True),
        ("course/*", "course/a/b:1", False),
        ("course/**", "course/a/b:1", True),
        ("course/*", "registry.example/course/a", False),
        ("registry.example:5000/*", "registry.example:5000/a:1", True),
        ("localhost/*", "localhost/a", True),
        ("**", "sha256:" + "0" * 64, True),
        ("py.hon", "python", False),
    ],
)
def test_patterns_fit_whole_names(pattern: str, image: str, fits: bool) -> None:
    assert matches(pattern, image) is fits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[limit]\ncpus = 1", "limit] is no section"),
        ("[limits]\ncpu = 1", "limits.cpu is no rule"),
        ("[limits]\nmemory = 512", "limits.memory cannot be 512"),
        ("[limits]\nmemory = 'lots'", "limits.memory cannot be 'lots'"),
        ("[limits]\npids = true", "limits.pids cannot be True"),
        ("[limits]\ncontainers = 0", "limits.containers cannot be 0"),
        ("[limits]\nlifetime = '8 hours'", "limits.lifetime cannot be"),
        ("[images]\nallow = 'python'", "images.allow cannot be 'python'"),
        ("[security]\nprivileged = 'no'", "security.privileged cannot be 'no'"),
        ("images = 3", "images] is no section"),
        ("[images", "It is not TOML"),
    ],
)
def test_a_rule_with_a_mistake_is_told_and_never_dropped(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_policy(text)
    assert words in str(caught.value)


def test_a_spec_is_looked_at_whole() -> None:
    spec = ContainerSpec(
        "a",
        network="host",
        limits=Limits(1024, 1_500_000_000, 7),
        hardening=Hardening(add_capabilities=("SYS_PTRACE",)),
    )
    assert asked_of(spec, ("/home",)) == Asked(
        "a", 1024, 1.5, 7, ("/home",), ("the host's network",), ("SYS_PTRACE",)
    )


def test_a_compose_service_is_looked_at_whole() -> None:
    asked = asked_of_service(
        "web",
        {
            "image": "a",
            "privileged": True,
            "pid": "host",
            "ipc": "host",
            "cap_add": ["SYS_ADMIN"],
            "mem_limit": "1073741824",
            "cpus": 2,
            "volumes": [
                {"type": "bind", "source": "/etc", "target": "/x"},
                {"type": "volume", "source": "data", "target": "/y"},
                "/root:/z:ro",
                "data:/v",
            ],
        },
    )
    assert asked == Asked(
        "a",
        memory_bytes=2**30,
        cpus=2.0,
        folders=("/etc", "/root"),
        host_namespaces=("the host's processes", "the host's shared memory"),
        capabilities=("SYS_ADMIN",),
        privileged="privileged",
    )
    limits = {"deploy": {"resources": {"limits": {"memory": "64m", "cpus": "0.5", "pids": 5}}}}
    assert asked_of_service("db", limits) == Asked("db", 64 * 2**20, 0.5, 5)
    assert asked_of_service("x", {"devices": ["/dev/sda"]}).privileged == "A device of the host"
    assert asked_of_service("x", {"security_opt": ["seccomp:unconfined"]}).privileged
    assert asked_of_service("x", {"use_api_socket": True}).privileged
    assert asked_of_service("x", {"post_start": [{"privileged": True}]}).privileged
    assert asked_of_service("x", {"build": {"privileged": True}}).privileged
    assert not asked_of_service("x", {"build": "."}).privileged


@pytest.mark.parametrize(
    ("service", "rule"),
    [
        ({"volumes_from": ["container:other:ro"]}, "security.privileged"),
        ({"volumes_from": ["db"]}, ""),
        ({"security_opt": ["seccomp:all.json"]}, "security.privileged"),
        ({"security_opt": ["label:disable"]}, "security.privileged"),
        ({"security_opt": ["no-new-privileges:true", "no-new-privileges"]}, ""),
        ({"network_mode": "container:other"}, "security.host_namespaces"),
        ({"pid": "container:other"}, "security.host_namespaces"),
        ({"ipc": "service:db"}, ""),
        ({"cgroup_parent": "/"}, "security.privileged"),
        ({"memswap_limit": -1}, "limits.memory"),
        ({"memswap_limit": "1g"}, ""),
        ({"gpus": "all"}, "security.gpus"),
        ({"gpus": [{"count": 1}]}, "security.gpus"),
        ({"gpus": [{"driver": "cdi", "device_ids": ["x"]}]}, "security.privileged"),
        ({"deploy": {"resources": {"reservations": {"devices": [
            {"capabilities": ["gpu"], "count": 1}]}}}}, "security.gpus"),
        ({"deploy": {"resources": {"reservations": {"devices": [
            {"capabilities": ["tpu"]}]}}}}, "security.privileged"),
        ({"volumes": [{"type": "image", "source": "alpine", "target": "/a"}]}, "images.allow"),
    ],
)  # fmt: skip
def test_a_service_has_no_way_around(service: dict[str, object], rule: str) -> None:
    asked = asked_of_service("web", {"image": "course/web", **service})
    denial = parse_policy(WHOLE).check(asked)
    assert (denial.rule if denial else "") == rule


@pytest.mark.parametrize(
    ("volume", "odd"),
    [
        (None, False),
        ({"driver": "local"}, False),
        ({"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=10m"}}, False),
        ({"driver_opts": {"type": "none", "device": "/srv", "o": "bind"}}, False),
        ({"driver_opts": {"type": "tmpfs", "device": "srv", "o": "bind"}}, True),
        ({"driver_opts": {"type": "overlay", "device": "overlay", "o": "lowerdir=/:/a"}}, True),
        ({"driver_opts": {"type": "ext4", "device": "/dev/sda1"}}, True),
        ({"driver": "plugin", "driver_opts": {"mountpoint": "/"}}, True),
    ],
)
def test_a_volume_has_options_that_are_seen_through(volume: object, odd: bool) -> None:
    config = {"volumes": {"a": volume}}
    assert odd_volumes(config) == (["a"] if odd else [])
    denial = parse_policy("").check_file(odd_volumes(config), ())
    assert (denial is not None) == odd


def test_the_hosts_network_has_no_other_name() -> None:
    networks = {"a": None, "b": {"external": True, "name": "host"}, "c": {"name": "project_c"}}
    found = host_networks({"networks": networks})
    assert found == ["b"]
    denial = parse_policy("").check_file((), found)
    assert denial is not None
    assert denial.rule == "security.host_namespaces"
    assert parse_policy("[security]\nhost_namespaces = true").check_file((), found) is None


def test_a_graphics_card_is_asked_for_by_its_flag() -> None:
    asked = asked_of(ContainerSpec("a", gpus="all"), ())
    denial = parse_policy("").check(asked)
    assert denial is not None
    assert denial.rule == "security.gpus"
    assert parse_policy("[security]\ngpus = true").check(asked) is None


def test_a_compose_file_has_files_of_the_host_beside_its_services() -> None:
    assert files_of(
        {
            "volumes": {"a": None, "b": {"driver_opts": {"o": "bind", "device": "/b"}}},
            "secrets": {"c": {"file": "/c"}, "d": {"environment": "D"}},
            "configs": {"e": {"file": "/e"}},
        }
    ) == ("/b", "/c", "/e")


def test_a_service_may_be_several_containers() -> None:
    assert [replicas(one) for one in ({}, {"scale": 3}, {"deploy": {"replicas": 2}})] == [1, 3, 2]


def test_limits_that_a_service_lacks_are_the_most_that_is_allowed() -> None:
    made = bounded_service({"image": "a", "cpus": 0.5}, 100, 2.0, None)
    assert made == {"image": "a", "cpus": 0.5, "mem_limit": 100}


def test_a_folder_is_under_itself_and_nothing_goes_up() -> None:
    assert is_under("/srv/a", "/srv/a")
    assert not is_under("/srv/ab", "/srv/a")
    assert not is_under("/srv/a/../b", "/srv/a")
