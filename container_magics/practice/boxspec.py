"""What a practice box is made of: its image, its hardening, its keys, and the words for it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from importlib.resources import files

from container_magics.core.boxes import BOX_USER, BoxSettings
from container_magics.core.buildspec import BuildSpec
from container_magics.core.spec import ContainerSpec, Hardening, Limits, Port
from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.keys import KeyFolder, public_key
from container_magics.engine.ownership import PREFIX, PURPOSE
from container_magics.engine.statedir import state_dir
from container_magics.errors import ImageNotFound

IMAGE = "container-magics/sshbox:bookworm"
RECIPE = PREFIX + "recipe"
NAME = PREFIX + "box"
"""The label with the name that the student gave: the engine's own may be another."""
SETTINGS = PREFIX + "boxsettings"
PARTS = ("sshd_config", "start-usual", "start-strict", "idle")
HARDENING = Hardening(
    drop_capabilities=("ALL",),
    # what sshd needs to log one user in, found by leaving out one at a time
    add_capabilities=("SETUID", "SETGID", "SYS_CHROOT", "CHOWN", "AUDIT_WRITE"),
    no_new_privileges=True,
)
STRICT = Hardening(drop_capabilities=("ALL",), no_new_privileges=True)
LIMITS = Limits(memory_bytes=256 * 1024**2, pids=128)
STUDENT_ID = 1000
IN_MEMORY = tuple(
    (path, f"rw,nosuid,nodev,{more}uid={STUDENT_ID},gid={STUDENT_ID},mode={mode},size={size}")
    for path, more, mode, size in (
        ("/run", "", "755", "4m"),
        ("/tmp", "noexec,", "700", "64m"),  # noqa: S108 - a path in the box
        ("/home/student", "exec,", "750", "64m"),
    )
)


def keys() -> KeyFolder:
    """This user's practice keys."""
    return KeyFolder(state_dir(os.environ) / "ssh")


def recipe() -> tuple[BuildSpec, str]:
    """How the box's image is built, and the hash of it: another hash, another image."""
    folder = files("container_magics.practice") / "image"
    dockerfile = (folder / "Dockerfile").read_text()
    added = tuple((part, (folder / part).read_bytes()) for part in PARTS)
    whole = dockerfile.encode() + b"".join(data for _, data in added)
    digest = hashlib.sha256(whole).hexdigest()[:16]
    labels = ((RECIPE, digest), (PURPOSE, "sshbox"))
    return BuildSpec(dockerfile, IMAGE, added=added, labels=labels), digest


def image_is_here(engine: Engine) -> bool:
    """Whether the box's image is on the engine, made by the recipe of this version."""
    try:
        labels = images.inspect(engine, IMAGE)["Config"]["Labels"] or {}
    except ImageNotFound:
        return False
    return bool(labels.get(RECIPE) == recipe()[1])


def box_spec(name: str, ring: KeyFolder, settings: BoxSettings, image: str = "") -> ContainerSpec:
    """The container: hardened, limited, on loopback or in its lab, with its keys put in before it
    starts. ``image`` is a snapshot's, "" for the usual one."""
    ports = (Port(settings.port),) if settings.published else ()
    spec = ContainerSpec(
        image=image or settings.image or IMAGE,
        name=name,
        hostname=name,
        ports=ports,
        network="" if settings.published else settings.network,
        limits=LIMITS,
        hardening=HARDENING,
        environment=(("BOX_IDLE_S", str(settings.idle_s)),),
        labels=((NAME, name), (SETTINGS, settings.packed())),
    )
    return strict(spec, name, ring) if settings.strict else usual(spec, name, ring)


def usual(spec: ContainerSpec, name: str, ring: KeyFolder) -> ContainerSpec:
    """With the keys as files, where sshd_config looks for them."""
    host_key = ring.host_key(name)
    return replace(
        spec,
        files=(
            (f"/etc/ssh/authorized_keys/{BOX_USER}", public_key(ring.user_key), 0o644),
            ("/etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600),
            ("/etc/ssh/ssh_host_ed25519_key.pub", public_key(host_key), 0o644),
        ),
    )


def strict(spec: ContainerSpec, name: str, ring: KeyFolder) -> ContainerSpec:
    """With the keys by the environment: nothing can be put on a root that cannot be written."""
    return replace(
        spec,
        command=("/usr/local/lib/sshbox/start-strict",),
        user=f"{STUDENT_ID}:{STUDENT_ID}",
        hardening=STRICT,
        read_only=True,
        tmpfs=IN_MEMORY,
        environment=(
            *spec.environment,
            ("BOX_HOST_KEY", ring.host_key(name).read_text()),
            ("BOX_USER_KEY", public_key(ring.user_key).decode()),
        ),
    )
