"""The SSH practice box: a hardened container whose sshd takes one key, ready at the first login."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import RunEvent
from container_magics.core.facts import ContainerFacts
from container_magics.core.spec import ContainerSpec, Hardening, Limits, Port
from container_magics.engine import containers, images
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.keys import BOX_USER, Address, KeyFolder, public_key
from container_magics.engine.ownership import PREFIX, PURPOSE, SESSION, Owner, may_replace
from container_magics.engine.reach import engine_host, is_here
from container_magics.engine.sshclient import login
from container_magics.engine.statedir import state_dir
from container_magics.errors import EngineError, ImageNotFound, NameTaken, SshFailed
from container_magics.session.detached import run_detached
from container_magics.session.run import told_stop
from container_magics.session.stopper import Stopper

IMAGE = "container-magics/sshbox:bookworm"
RECIPE = PREFIX + "recipe"
SSH_PORT = 22
READY_S = 15.0
HARDENING = Hardening(
    drop_capabilities=("ALL",),
    # what sshd needs to log one user in, found by leaving out one at a time
    add_capabilities=("SETUID", "SETGID", "SYS_CHROOT", "CHOWN", "AUDIT_WRITE"),
    no_new_privileges=True,
)
LIMITS = Limits(memory_bytes=256 * 1024**2, pids=128)


@dataclass(frozen=True, slots=True)
class Box:
    """A box that has been logged in to. ``fingerprint`` is its host key's, as ssh shows it."""

    name: str
    address: Address
    fingerprint: str

    @property
    def config(self) -> str:
        """The ssh_config file to give to ``ssh -F``."""
        return str(self.address.config)

    @property
    def line(self) -> str:
        """What to type in a terminal of one's own."""
        return shlex.join(("ssh", "-F", self.config, self.name))


def keys() -> KeyFolder:
    """This user's practice keys."""
    return KeyFolder(state_dir(os.environ) / "ssh")


def recipe() -> tuple[BuildSpec, str]:
    """How the box's image is built, and the hash of it: another hash, another image."""
    folder = files("container_magics.practice") / "image"
    dockerfile = (folder / "Dockerfile").read_text()
    config = (folder / "sshd_config").read_bytes()
    digest = hashlib.sha256(dockerfile.encode() + config).hexdigest()[:16]
    labels = ((RECIPE, digest), (PURPOSE, "sshbox"))
    return BuildSpec(dockerfile, IMAGE, added=(("sshd_config", config),), labels=labels), digest


def image_is_here(engine: Engine) -> bool:
    """Whether the box's image is on the engine, made by the recipe of this version."""
    try:
        labels = images.inspect(engine, IMAGE)["Config"]["Labels"] or {}
    except ImageNotFound:
        return False
    return bool(labels.get(RECIPE) == recipe()[1])


def box_spec(name: str, ring: KeyFolder) -> ContainerSpec:
    """The container: hardened, limited, on loopback, with its keys put in before it starts."""
    user_key, host_key = ring.user_key, ring.host_key(name)
    return ContainerSpec(
        image=IMAGE,
        name=name,
        hostname=name,
        ports=(Port(SSH_PORT),),
        limits=LIMITS,
        hardening=HARDENING,
        files=(
            (f"/etc/ssh/authorized_keys/{BOX_USER}", public_key(user_key), 0o644),
            ("/etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600),
            ("/etc/ssh/ssh_host_ed25519_key.pub", public_key(host_key), 0o644),
        ),
    )


def start(
    engine: Engine, owner: Owner, name: str, stopper: Stopper | None = None
) -> Iterator[RunEvent]:
    """Start a fresh box under ``name``; the image is there. See ``find`` for where it listens.
    EngineError for an engine on another machine."""
    refuse_elsewhere(engine)
    spec = box_spec(name, keys())
    yield from run_detached(engine, spec, owner, purpose="sshbox", stopper=stopper)


def find(engine: Engine, owner: Owner, name: str) -> Box | None:
    """The running box of this session, started again if it was stopped; None if there is none.
    What a dead session left is none: the sweep may be taking it at this moment.

    NameTaken when the name is another container's, or of a box that a living session has.
    EngineError for an engine on another machine.
    """
    refuse_elsewhere(engine)
    facts = verbs.named(engine, name)
    if facts is None:
        return None
    labels = facts["Config"]["Labels"] or {}
    if labels.get(PURPOSE) != "sshbox" or not may_replace(engine, owner, labels, facts["Image"]):
        raise NameTaken(
            f"{name!r} is the name of a container that is no practice box of this notebook.",
            hint="Give the box another name: %sshbox NAME.",
            facts=(f"image {facts['Config']['Image']}",),
        )
    if labels[SESSION] != owner.session:
        return None
    if not facts["State"]["Running"]:
        containers.start(engine, name)
        facts = verbs.inspect(engine, name)
    return located(facts, name)


def refuse_elsewhere(engine: Engine) -> None:
    """EngineError when the engine's 127.0.0.1, where a box listens, is not this machine's: a
    login would come to whatever listens on that port here."""
    if not is_here(engine):
        raise EngineError(
            f"A practice box needs an engine on this machine, and this one is on "
            f"{engine_host(engine)}.",
            hint=f"It was found by {engine.endpoint.found_by}. Choose one that runs here, or open "
            "the notebook on that machine.",
        )


def located(facts: dict[str, Any], name: str) -> Box:
    """The box from what the engine says of its container; SshFailed when it ended meanwhile,
    for then it has no port."""
    ring = keys()
    address = dict(verbs.published(facts)).get(f"{SSH_PORT}/tcp", "")
    if not address:
        raise SshFailed(
            f"The box {name} ended as soon as it had started.",
            hint=f"`%container logs {name}` shows its last words.",
        )
    host, _, port = address.rpartition(":")
    return Box(name, ring.address(name, host, int(port)), ring.fingerprint(name))


def wait_until_ready(box: Box) -> None:
    """Return after the first login that succeeds; SshFailed when none does in time."""
    with login(box.address, patience_s=READY_S):
        return


def ready(engine: Engine, owner: Owner, name: str) -> Box:
    """A box that has just started, after its first login."""
    box = find(engine, owner, name)
    if box is None:
        raise SshFailed(f"The box {name} ended as soon as it had started.")
    wait_until_ready(box)
    return box


def existing(engine: Engine, owner: Owner, name: str) -> Box:
    """The running box; SshFailed when there is none."""
    box = find(engine, owner, name)
    if box is None:
        raise SshFailed(
            f"There is no practice box {name!r}.", hint=f"Start it first: %sshbox {name}"
        )
    return box


def run_on(
    box: Box, cell: str, *, stdin: bytes | None = None, stopper: Stopper | None = None
) -> Generator[RunEvent, None, None]:
    """Run ``cell`` in the student's login shell on the box; output and then its exit."""
    stopper = stopper or Stopper()
    with login(box.address) as session:
        program = session.start(cell)
        program.feed(stdin or b"")
        with (
            stopper.guard(program.signal, program.abandon),
            closing(told_stop(program.output(), stopper)) as story,
        ):
            yield from story
            exited = program.exited()
        yield exited


def remove(engine: Engine, owner: Owner, name: str) -> None:
    """Remove the box; its keys stay. SshFailed when there is none."""
    existing(engine, owner, name)
    containers.remove(engine, name)
    keys().forget(name)


def listed(engine: Engine, owner: Owner) -> list[ContainerFacts]:
    """The boxes of this session, newest first."""
    return [
        facts
        for facts in containers.listed(engine, owner, mine=True)
        if facts.labels.get(PURPOSE) == "sshbox"
    ]
