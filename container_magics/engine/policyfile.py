"""The policy of this machine: found, trusted, and held against each request before it is sent.

The file lies where only root can write. One that others could have written is no policy: then
nothing is made at all, and the error says why. To look at it costs a few system calls, so that a
change counts at once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from container_magics.core.asked import (
    asked_of,
    bounded_service,
    files_of,
    host_networks,
    limits_within,
    odd_volumes,
    read_asked,
    replicas,
)
from container_magics.core.compose import PROJECT
from container_magics.core.policy import Denial, Policy, parse_policy
from container_magics.core.spec import ContainerSpec, Limits
from container_magics.engine.alarms import Alarms
from container_magics.engine.client import Engine, told
from container_magics.engine.mounts import source_of
from container_magics.engine.ownership import PURPOSE, USER, user_name
from container_magics.engine.policyfolders import whole_folder
from container_magics.engine.statedir import KERNEL_SOCKETS, is_ours_alone
from container_magics.errors import ContainerMagicsError, PolicyDenied, UsageError

POLICY = Path("/etc/container-magics/policy.toml")
"""No variable of the environment says otherwise: the user has the environment."""
UNCOUNTED = ("spare", "look")
"""The purposes of containers that wait for a cell, and of those that are never started."""
ROOT = 0
ENDS = Alarms()
"""The ends of all containers of this process that have one."""


def policy() -> Policy | None:
    """The rules of this machine; None where there are none. PolicyDenied for a file that is not
    root's alone, or cannot be read."""
    try:
        refuse_untrusted(POLICY)
        text = POLICY.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise broken(f"it cannot be read: {error}") from error
    try:
        found = parse_policy(text)
    except UsageError as error:
        raise broken(str(error)) from error
    try:
        folders = tuple(map(whole_folder, found.folders))
    except ValueError as error:
        raise broken(f"mounts.folders: {error}") from error
    return replace(found, folders=tuple(folder for folder in folders if folder))


def refuse_untrusted(path: Path) -> None:
    """PolicyDenied where another than root could have written the file, or put it there."""
    for each in (path, *path.parents):
        found = each.lstat()
        kind = stat.S_ISREG(found.st_mode) if each == path else stat.S_ISDIR(found.st_mode)
        sticky = bool(found.st_mode & stat.S_ISVTX) and each != path.parent
        if not kind or found.st_uid != ROOT or (found.st_mode & 0o022 and not sticky):
            raise broken(f"{each} is not root's, or others may write to it")


def broken(why: str) -> PolicyDenied:
    """The error for a file that is there and cannot be followed."""
    return PolicyDenied(
        f"The policy of this machine cannot be trusted: {why.rstrip('.')}.",
        rule="the file itself",
        file=str(POLICY),
        hint="Until it is mended, nothing is made. An admin: `chown root:root`, `chmod 644`; the "
        "form is in docs/policy.md.",
    )


def denied(denial: Denial) -> PolicyDenied:
    """The error for a rule that is broken."""
    return PolicyDenied(
        f"{denial.sentence} (rule {denial.rule} in {POLICY}).",
        rule=denial.rule,
        file=str(POLICY),
        hint="Ask for less, or ask the admin of this machine.",
    )


def allowed(
    engine: Engine, spec: ContainerSpec, labels: Mapping[str, str], but: Collection[str] = ()
) -> ContainerSpec:
    """The spec with the limits that the policy sets where it has none; as it is without a policy.
    ``but`` are the IDs of containers that go before this one comes. PolicyDenied when it asks for
    what is not allowed."""
    rules = policy()
    if rules is None:
        return spec
    sources = (source_of(mount) for mount in spec.mounts)
    whole = [os.path.realpath(each) for each in sources if each.startswith("/")]
    folders = tuple(each for each in whole if not is_kernels(Path(each)))
    denial = rules.check(asked_of(spec, folders))
    if denial is None and labels.get(PURPOSE) not in UNCOUNTED:
        denial = rules.check_count(running(engine, but) if rules.containers is not None else 0)
    if denial is not None:
        raise denied(denial)
    limits = limits_within(spec.limits, rules.memory_bytes, rules.cpus, rules.pids)
    return replace(spec, limits=limits)


def allowed_boxes(image: str, limits: Limits, boxes: int, lasts_s: float) -> Limits:
    """The limits of a class's boxes, with those that the policy sets where there are none.
    PolicyDenied for an image, a limit, a number or a time that is not allowed."""
    rules = policy()
    if rules is None:
        return limits
    denial = rules.check(asked_of(ContainerSpec(image, (), limits=limits), ()))
    denial = denial or rules.check_class(boxes, lasts_s)
    if denial is not None:
        raise denied(denial)
    return limits_within(limits, rules.memory_bytes, rules.cpus, rules.pids)


def refuse_longer(lasts_s: float) -> None:
    """PolicyDenied where a class may not last so long in all."""
    rules = policy()
    denial = rules.check_class(0, lasts_s) if rules else None
    if denial is not None:
        raise denied(denial)


def capped(limits: Limits) -> Limits:
    """As much of these limits as the policy allows: for a container whose limits no user says."""
    rules = policy()
    if rules is None:
        return limits
    most = limits_within(Limits(), rules.memory_bytes, rules.cpus, rules.pids)
    return Limits(
        smaller(limits.memory_bytes, most.memory_bytes),
        smaller(limits.nano_cpus, most.nano_cpus),
        smaller(limits.pids, most.pids),
    )


def smaller(one: int | None, other: int | None) -> int | None:
    """The smaller of two limits, where None is no limit."""
    return min((each for each in (one, other) if each is not None), default=None)


def is_kernels(folder: Path) -> bool:
    """Whether it is a folder that was made for the sockets of a kernel, this user's alone."""
    return folder.name.startswith(KERNEL_SOCKETS) and is_ours_alone(folder)


def allowed_number(engine: Engine, number: int, but: Collection[str] = ()) -> None:
    """PolicyDenied when so many more containers would be too many. ``allowed`` counts what runs:
    of several that start at once it sees none. ``but`` as there."""
    rules = policy()
    if rules is not None and rules.containers is not None:
        refuse_number(rules, number, running(engine, but))


def refuse_number(rules: Policy, number: int, others: int) -> None:
    """PolicyDenied when ``number`` more are too many where ``others`` run."""
    denial = rules.check_count(others + number - 1)
    if denial is not None:
        sentence = f"{number} containers are too many, where {others} others of yours run"
        raise denied(replace(denial, sentence=f"{sentence}, and {rules.containers} may"))


def running(engine: Engine, but: Collection[str] = (), *, project: str = "") -> int:
    """How many containers of this user run, but those that wait for a cell, those IDs, and those
    of that Compose project."""
    with told():
        found = engine.api.containers(filters={"label": f"{USER}={user_name()}"})
    there = [each["Labels"] or {} for each in found if each["Id"] not in but]
    counted = (labels for labels in there if labels.get(PURPOSE) not in UNCOUNTED)
    return sum(not project or labels.get(PROJECT) != project for labels in counted)


def keep_lifetime(engine: Engine, container_id: str) -> None:
    """Let a container of ours go when its time is over, as long as this process lives. After it
    the session's end, or the sweep, has it gone before."""
    rules = policy()
    if rules is None or rules.lifetime_s is None:
        return
    ENDS.add(rules.lifetime_s, partial(end, engine, container_id))


def end(engine: Engine, container_id: str) -> None:
    """Remove it, if it is still there."""
    with suppress(ContainerMagicsError):
        engine.request(
            "DELETE", f"/containers/{container_id}", params={"v": "1", "force": "1"}, timeout_s=60
        )


def allowed_services(engine: Engine, project: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """A whole Compose file, with limits as above. PolicyDenied when a service asks for what is not
    allowed, or has a file of the host by way of a volume, a secret or a config. What the project
    has already is not counted, for it is replaced."""
    rules, made = policy(), dict(config)
    if rules is None:
        return made
    beside = rules.check_file(odd_volumes(config), host_networks(config))
    if beside is not None:
        raise denied(beside)
    services, shared = {}, tuple(os.path.realpath(each) for each in files_of(config))
    for name, service in dict(config.get("services") or {}).items():
        asked = read_asked(name, service or {})
        folders = tuple(os.path.realpath(each) for each in asked.folders)
        denial = rules.check(replace(asked, folders=(*folders, *shared)))
        if denial is not None:
            raise denied(replace(denial, sentence=f"Service {name}: {denial.sentence}"))
        services[name] = bounded_service(service or {}, rules.memory_bytes, rules.cpus, rules.pids)
    wanted = sum(map(replicas, services.values()))
    others = running(engine, project=project) if rules.containers is not None else 0
    refuse_number(rules, wanted, others)
    return {**made, "services": services}


def refuse_build(images: tuple[str, ...], network: str) -> None:
    """PolicyDenied where a build begins with an image that is not allowed, or its steps would have
    the host's network."""
    rules = policy()
    denial = rules.check_builds_from(images, network) if rules else None
    if denial is not None:
        raise denied(denial)


def refuse_helper() -> None:
    """PolicyDenied where there is a policy: the helper has the engine's own folders."""
    if policy() is not None:
        raise denied(Denial("mounts.folders", "The engine's own folders may not be given"))
