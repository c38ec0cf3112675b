"""The network of our own dockerd: a bridge, addresses that nobody uses, rules that can be undone.

Where our dockerd is the only one on this network stack, it makes its own iptables rules, and we
take them away after it has stopped (it leaves them). Where another dockerd runs, ours is kept off
iptables: two of them would write into the same DOCKER chains. Then three rules of ours, each with
a comment that names us, let its containers out.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import shlex
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from container_magics.engine.command import output_of, succeeds
from container_magics.errors import EngineError

Network = ipaddress.IPv4Network

_PREFIX = 18  # room for 63 networks of 256 addresses beside the bridge's own
_TABLES = ("filter", "nat")
_USER_CHAIN = "DOCKER-USER"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_CHOOSE_S = 10.0
"""So long a start waits for another that chooses its range."""


def free_range(tag: str, taken: Iterable[Network]) -> Network:
    """A range of 10.200.0.0/13 that overlaps none of ``taken``; a tag has its favourite.

    Raises EngineError when all are taken.
    """
    ranges = list(Network("10.200.0.0/13").subnets(new_prefix=_PREFIX))
    start = int(tag, 16) % len(ranges)
    used = list(taken)
    for candidate in ranges[start:] + ranges[:start]:
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise EngineError(
        "No free range of addresses is left in 10.200.0.0/13.",
        hint="Stop another private engine: `container-magics engine stop`.",
    )


def routed() -> Iterator[Network]:
    """The IPv4 networks that this machine has routes to, other than the whole internet."""
    for route in json.loads(output_of("ip", "-json", "-4", "route", "show", "table", "all")):
        destination = str(route["dst"])
        if destination != "default":
            yield Network(destination, strict=False)


def bridge_network(whole: Network) -> Network:
    """The bridge's own part of an engine's range: the first 256 addresses."""
    return next(whole.subnets(new_prefix=24))


def pool(whole: Network) -> Network:
    """The part of an engine's range for its user's networks: the second half."""
    return list(whole.subnets(prefixlen_diff=1))[1]


def make_bridge(name: str, tag: str) -> Network:
    """Make an engine's bridge in a range that is free, and say which; an old one of ours goes.

    One engine at a time chooses: two that start at once would both find the same range free.
    Raises EngineError when no range is free or the bridge cannot be made.
    """
    with _choosing():
        whole = free_range(tag, routed())
        _make_bridge(name, whole)
    return whole


@contextmanager
def _choosing() -> Iterator[None]:
    """Alone, if it can be had in time: any user of the machine may lock that folder, and nobody
    is to keep an engine from its start."""
    folder = os.open("/run", os.O_RDONLY)  # no file of ours has to be there, or stays
    limit_s = time.monotonic() + _CHOOSE_S
    try:
        while time.monotonic() < limit_s:
            with suppress(BlockingIOError):
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        yield
    finally:
        os.close(folder)


def _make_bridge(name: str, whole: Network) -> None:
    """With the first address of its network."""
    remove_bridge(name)
    network = bridge_network(whole)
    output_of("ip", "link", "add", "name", name, "type", "bridge")
    output_of("ip", "address", "add", f"{network[1]}/{network.prefixlen}", "dev", name)
    output_of("ip", "link", "set", name, "up")


def interfaces() -> set[str]:
    """The names of this network stack's interfaces. Not from /sys, which may show another's."""
    return {name for _index, name in socket.if_nameindex()}


def remove_bridge(name: str) -> None:
    """Remove a bridge; nothing happens when there is none."""
    if name in interfaces():
        output_of("ip", "link", "delete", name)


def bridges_within(whole: Network) -> Iterator[str]:
    """The bridges that have an IPv4 address in an engine's range."""
    for link in json.loads(output_of("ip", "-json", "-4", "address", "show", "type", "bridge")):
        addresses = [ipaddress.IPv4Address(one["local"]) for one in link.get("addr_info", ())]
        if any(address in whole for address in addresses):
            yield str(link["ifname"])


def another_rule_writer() -> bool:
    """Whether a dockerd that writes iptables rules lives on this network stack.

    Those of ours that keep off iptables say so in their command line.
    """
    return any("--iptables=false" not in words for words in _dockerds())


def another_dockerd() -> bool:
    """Whether any dockerd lives on this network stack: its containers need routing."""
    return any(True for _ in _dockerds())


def _dockerds() -> Iterator[Sequence[str]]:
    """The command line of each dockerd on this network stack; those inside containers have one
    of their own."""
    for process in psutil.process_iter(["name", "status", "cmdline"]):
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if alive and process.info["name"] == "dockerd" and _shares_network(process.pid):
            yield process.info["cmdline"] or ()


def _shares_network(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")  # noqa: PTH115 -- a name, not a path
    except OSError:
        return False


def add_own_rules(tag: str, whole: Network) -> None:
    """Let the containers of our range out, and the answers back in."""
    for table, rule in _own_rules(tag, whole):
        action = "-I" if rule[0] == "FORWARD" else "-A"
        output_of("iptables", "-w", "-t", table, action, *rule)


def remove_own_rules(tag: str, whole: Network) -> None:
    """Take those rules away, as often as they are there."""
    for table, rule in _own_rules(tag, whole):
        while succeeds("iptables", "-w", "-t", table, "-D", *rule):
            pass


def _own_rules(tag: str, whole: Network) -> list[tuple[str, list[str]]]:
    said = ["-m", "comment", "--comment", f"container-magics:{tag}"]
    answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    inside = str(whole)
    return [
        ("filter", ["FORWARD", "-s", inside, *said, "-j", "ACCEPT"]),
        ("filter", ["FORWARD", "-d", inside, *answers, *said, "-j", "ACCEPT"]),
        ("nat", ["POSTROUTING", "-s", inside, "!", "-d", inside, *said, "-j", "MASQUERADE"]),
    ]


def rules() -> dict[str, list[str]]:
    """Every iptables rule, by table, as ``iptables -S`` prints them. Empty without iptables."""
    try:
        return {t: output_of("iptables", "-w", "-t", t, "-S").splitlines() for t in _TABLES}
    except EngineError:
        return {}


def forwarding() -> str:
    """The kernel's switch for routing between interfaces: "0" or "1"."""
    return _FORWARDING.read_text(encoding="ascii").strip()


def undo_rules(before: dict[str, list[str]], bridges: Iterable[str]) -> None:
    """Take away what our dockerd added since ``before`` for ``bridges``, ours all of them.

    Where no other dockerd writes rules, its chains (their names begin with DOCKER) go too. Any
    other rule that came in the meantime is somebody else's and stays; so does DOCKER-USER, with
    what leads to it, once somebody has put a rule there, for that is what it is for.
    """
    marks = [re.escape(name) for name in bridges]
    if not another_rule_writer():
        marks.append("DOCKER[A-Z0-9-]*")
    ours = re.compile(rf"(?<![\w-])({'|'.join(marks)})(?![\w-])")
    for table, now in rules().items():
        added = [line for line in now if line not in before.get(table, [])]
        gone = [line for line in added if ours.search(line)]
        if _has_users_rules(now):
            gone = [line for line in gone if _USER_CHAIN not in line.split()]
        _take_away(table, gone)


def _has_users_rules(lines: list[str]) -> bool:
    """Whether DOCKER-USER holds more than the rule that dockerd itself puts there."""
    default = f"-A {_USER_CHAIN} -j RETURN"
    return any(line.startswith(f"-A {_USER_CHAIN} ") and line != default for line in lines)


def restore_forwarding(before: dict[str, list[str]], forwarding_before: str) -> None:
    """Undo that dockerd switched routing on, and with it FORWARD's policy to DROP.

    Where routing was on before, dockerd left the policy as it was (moby, setupIPForwarding), and
    a policy of now is somebody else's. Where another engine lives it stays as it is.
    """
    if forwarding_before != "0" or another_dockerd():
        return
    _FORWARDING.write_text("0", encoding="ascii")
    if "-P FORWARD ACCEPT" in before.get("filter", []):
        output_of("iptables", "-w", "-P", "FORWARD", "ACCEPT")


def _take_away(table: str, lines: list[str]) -> None:
    """Rules first, then the chains, which must be empty and led to by none."""
    for line in lines:
        if line.startswith("-A "):
            output_of("iptables", "-w", "-t", table, "-D", *shlex.split(line)[1:])
    for line in lines:
        if line.startswith("-N "):
            output_of("iptables", "-w", "-t", table, "-X", line.split()[1])
