"""A dockerd of our own: what it is started with, and what has to be gone after it."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from container_magics.engine import privatenet
from container_magics.engine.command import find, output_of
from container_magics.engine.endpoint import own
from container_magics.engine.probe import probe
from container_magics.engine.statedir import Places
from container_magics.errors import EngineError


@dataclass(frozen=True, slots=True)
class Net:
    """The engine's network, as the record keeps it.

    ``whole`` is its range of addresses ("10.200.64.0/18"). ``beside_another``: a dockerd of
    somebody else ran when this one started, so this one keeps off iptables. The rest is how the
    machine was before.
    """

    whole: str
    beside_another: bool
    rules_before: dict[str, list[str]] = field(default_factory=dict)
    forwarding_before: str = "1"


def prepare(places: Places) -> Net:
    """Make the bridge, and choose who writes iptables rules. Raises EngineError."""
    if find("dockerd") is None:
        raise EngineError(
            "dockerd is not installed.",
            hint="Install it: `apt-get install docker.io iptables` on Debian and Ubuntu.",
        )
    _spare_docker0(places)
    beside = privatenet.another_rule_writer()
    rules, forwarding = privatenet.rules(), privatenet.forwarding()
    whole = privatenet.make_bridge(places.bridge, places.tag)
    net = Net(str(whole), beside, rules, forwarding)
    if beside:
        privatenet.remove_own_rules(places.tag, whole)
        privatenet.add_own_rules(places.tag, whole)
    # Of its own, so that the machine's /etc/docker/daemon.json has no say.
    (places.state / "daemon.json").write_text("{}\n", encoding="utf-8")
    return net


def _spare_docker0(places: Places) -> None:
    """Keep our dockerd from deleting the default bridge of another engine.

    A dockerd with address pools of its own deletes "docker0", whosever it is, when it finds a
    default network from an earlier start in its records (moby, daemon_unix.go,
    initNetworkController). So it shall find none: the user's networks on our engine are then
    made anew by the cells that made them.
    """
    if "docker0" in privatenet.interfaces():
        with suppress(FileNotFoundError, NotADirectoryError):  # a data folder that is none
            (places.data / "network" / "files" / "local-kv.db").unlink()


def command(places: Places, net: Net) -> list[str]:
    """The dockerd call. In the machine's containerd, if any, the namespace is ours."""
    whole = privatenet.Network(net.whole)
    namespace = _namespace(places)
    return [
        find("dockerd") or "dockerd",
        f"--config-file={places.state / 'daemon.json'}",
        f"--host={places.url}",
        f"--data-root={places.data}",
        f"--exec-root={places.exec_root}",
        f"--pidfile={places.pid_file}",
        f"--containerd-namespace={namespace}",
        f"--containerd-plugins-namespace={namespace}-plugins",
        f"--bridge={places.bridge}",
        f"--fixed-cidr={privatenet.bridge_network(whole)}",
        f"--default-address-pool=base={privatenet.pool(whole)},size=24",
        f"--iptables={'false' if net.beside_another else 'true'}",
        f"--ip-forward={'false' if net.beside_another else 'true'}",
        "--group=root",
    ]


def before_stop(places: Places) -> None:
    """Note the bridges of the user's networks: dockerd leaves their interfaces behind."""
    _attempt, api = probe(own(places))
    if api is None:
        return
    with suppress(Exception):
        networks = api.networks(filters={"driver": "bridge"})
        names = [f"br-{network['Id'][:12]}" for network in networks]
        _bridges_file(places).write_text("\n".join(names), encoding="utf-8")
    api.close()


def after_stop(places: Places, net: Net | None) -> None:
    """Take away what a dockerd of ours leaves: helpers, mounts, bridges, rules. No data."""
    _end_helpers(places)
    _unmount_under(places.exec_root, places.data)
    bridges = _noted_bridges(places)
    if net is not None and places.bridge in privatenet.interfaces():
        within = privatenet.bridges_within(privatenet.Network(net.whole))
        bridges += [name for name in within if name != places.bridge]
        _undo(places, net, {places.bridge, *bridges})
    for name in (*bridges, places.bridge):  # as long as it is there, the range is ours
        privatenet.remove_bridge(name)
    _bridges_file(places).unlink(missing_ok=True)


def _undo(places: Places, net: Net, bridges: set[str]) -> None:
    """Take away the rules. Only where our bridge is: where it is not, the engine had another
    network stack, or the machine was started anew, and the range may be another engine's."""
    if net.beside_another:
        privatenet.remove_own_rules(places.tag, privatenet.Network(net.whole))
    else:
        privatenet.undo_rules(net.rules_before, bridges)
        privatenet.restore_forwarding(net.rules_before, net.forwarding_before)


def _namespace(places: Places) -> str:
    return f"container-magics-{places.tag}"


def _bridges_file(places: Places) -> Path:
    return places.state / "bridges"


def _noted_bridges(places: Places) -> list[str]:
    """The bridges of the user's networks; the next start makes them again.

    Empty after a dockerd that was killed: then their addresses tell which are ours.
    """
    try:
        return _bridges_file(places).read_text(encoding="utf-8").split()
    except OSError:
        return []


def _end_helpers(places: Places) -> None:
    """End the containerd and the shims that name our exec root or our namespace.

    After an orderly stop there are none. A dockerd that was killed leaves them, and then the
    containers under the shims have to end too.
    """
    marks = (f"{places.exec_root}/", _namespace(places))
    ours = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if str(process.info["name"]).startswith("containerd")
        and any(mark in word for word in process.info["cmdline"] or () for mark in marks)
    ]
    for process in ours:
        with suppress(psutil.NoSuchProcess):
            for each in (*process.children(recursive=True), process):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
    psutil.wait_procs(ours, timeout=5)


def _unmount_under(*folders: Path) -> None:
    """Lazily, the innermost first: a mount point that is still in use must not hold us up."""
    marks = [f"{os.fspath(folder)}" for folder in folders]
    for _attempt in range(3):
        points = [
            point
            for point in _mount_points()
            if any(point == mark or point.startswith(f"{mark}/") for mark in marks)
        ]
        if not points:
            return
        for point in reversed(points):
            with suppress(EngineError):
                output_of("umount", "--lazy", point)
        time.sleep(0.1)


def _mount_points() -> list[str]:
    """In the order in which they were mounted; octal escapes as proc(5) says."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [
        line.split()[4].encode().decode("unicode_escape").encode("latin-1").decode()
        for line in lines
    ]
