"""A virtual machine beside the practice box: made of the same files, started, measured, gone."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Generator
from contextlib import closing, suppress
from importlib.resources import files as resources

from container_magics.core.boxes import BOX_USER, BoxSettings
from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import Output
from container_magics.core.terminal import plain
from container_magics.core.vm import (
    FACTS,
    Accelerator,
    Comparison,
    First,
    Inside,
    Kvm,
    Measured,
    Side,
    VmEvent,
    VmRequest,
    VmStep,
    inside,
    unpacked,
)
from container_magics.engine import containers, images, qemu, vmfiles
from container_magics.engine import run as verbs
from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine
from container_magics.engine.keys import Address, public_key
from container_magics.engine.ownership import PURPOSE, Owner
from container_magics.engine.process import parent_of
from container_magics.engine.qemu import VmFiles
from container_magics.engine.sshclient import login
from container_magics.engine.stats import stats
from container_magics.errors import EngineError, NotFound, SshFailed
from container_magics.practice import boxspec, sshbox
from container_magics.session.build import build

IMAGE = "container-magics/vm:bookworm"
"""Only while the disk is made: it is removed when the files are taken out."""
PARTS = ("ready.conf", "small-init", "init", "make-initrd")
BOOT_S = 240.0
"""How long a boot may take: under emulation on a busy machine, a minute."""
LOGIN_S = 60.0
NEVER_IDLE = BoxSettings(idle_s=0)
FIGURES = "vmfigures.json"
SHIM = "containerd-shim"


def recipe(engine: Engine) -> tuple[BuildSpec, str]:
    """How the virtual machine's files are built, and the hash of it and of the box's image;
    ImageNotFound where that is not here."""
    folder = resources("container_magics.practice") / "vmimage"
    dockerfile = (folder / "Dockerfile").read_text()
    added = tuple((part, (folder / part).read_bytes()) for part in PARTS)
    box = str(images.inspect(engine, boxspec.IMAGE)["Id"])
    whole = dockerfile.encode() + b"".join(data for _, data in added) + box.encode()
    digest = hashlib.sha256(whole).hexdigest()[:16]
    return BuildSpec(dockerfile, IMAGE, added=added, labels=((PURPOSE, "vm"),)), digest


def prepared(engine: Engine) -> Generator[VmEvent, None, VmFiles]:
    """The virtual machine's files, made if they are not kept, and the box's image and its base too.
    Raises what a build raises."""
    if not boxspec.image_is_here(engine):
        yield VmStep("building the practice box's image; this is done once")
        ensure_base(engine, lambda _line: None)
        built(engine, boxspec.recipe()[0])
    spec, digest = recipe(engine)
    found = vmfiles.kept(digest)
    if found is not None:
        return found
    yield VmStep("making the virtual machine's disk from the box's image; this is done once")
    with vmfiles.one_at_a_time():
        found = vmfiles.kept(digest)
        if found is None:
            try:
                built(engine, spec)
                found = vmfiles.take_out(engine, IMAGE, digest)
            finally:
                with suppress(NotFound):
                    images.remove(engine, IMAGE)
    return found


def built(engine: Engine, spec: BuildSpec) -> None:
    """Build, and say nothing of it but an error."""
    with closing(build(engine, spec)) as events:
        for _ in events:
            pass


def compare(engine: Engine, owner: Owner, request: VmRequest) -> Generator[VmEvent, None, None]:
    """Start a practice box and then a virtual machine, each to its first login, and measure them;
    both are gone when the story ends, however it does. Raises EngineError where there is no QEMU
    or the engine is on another machine, SshFailed when one does not come up."""
    sshbox.refuse_elsewhere(engine)
    refuse_without_qemu()
    files = yield from prepared(engine)
    how: Accelerator = "tcg"
    if not request.emulated:
        yield VmStep("trying whether this machine's processor can carry a virtual one (KVM)")
        how = "kvm" if qemu.probe(files).works else "tcg"
    host = engine.facts().kernel
    yield VmStep("starting a practice box, to the first login")
    yield Measured(measured_box(engine, owner), host)
    yield VmStep("booting a virtual machine, to the first login")
    yield Measured(measured_vm(files, how, request.first), host)


def refuse_without_qemu() -> None:
    """EngineError where no virtual machine can be started."""
    if not qemu.is_installed():
        raise EngineError(
            "QEMU for x86-64 is not installed here, so no virtual machine can be started.",
            hint=f"Install it: {qemu.INSTALL}",
        )


def probed(engine: Engine) -> Generator[VmEvent, None, Kvm]:
    """Whether KVM works here; makes the files first. EngineError where there is no QEMU."""
    refuse_without_qemu()
    files = yield from prepared(engine)
    yield VmStep("trying whether this machine's processor can carry a virtual one (KVM)")
    return qemu.probe(files)


def measured_box(engine: Engine, owner: Owner) -> Side:
    """A practice box of its own, measured; it is gone afterwards, with its keys."""
    name = f"compared-{uuid.uuid4().hex[:8]}"
    ring = boxspec.keys()
    ring.host_key(name)  # made before the watch runs, for both alike
    try:
        begin = time.monotonic()
        sshbox.start(engine, owner, name, NEVER_IDLE)
        box = sshbox.ready(engine, owner, name)
        login_s = time.monotonic() - begin
        within = looked_inside(box.address)
        [usage] = stats(engine, [box.container])
        facts = engine.request("GET", f"/containers/{box.container}/json?size=1").json()
        return Side(
            "container",
            login_s,
            usage.memory_bytes,
            helper_bytes(int(facts["State"]["Pid"])),
            int(images.inspect(engine, boxspec.IMAGE)["Size"]),
            int(facts.get("SizeRw") or 0),
            within,
            tuple(each.command for each in containers.processes(engine, box.container)),
        )
    finally:
        verbs.remove(engine, name)
        ring.remove(name)


def helper_bytes(pid: int) -> int | None:
    """The memory of the process that the engine keeps beside a container (containerd-shim), the
    parent of its first one; None where it is another or may not be read."""
    parent = parent_of(pid)
    return qemu.pss_bytes(parent[0]) if parent and parent[1].startswith(SHIM) else None


def measured_vm(files: VmFiles, how: Accelerator, first: First) -> Side:
    """A virtual machine, measured; it is gone afterwards, with its keys. SshFailed with its last
    words when sshd does not answer."""
    name = f"compared-{uuid.uuid4().hex[:8]}"
    ring = boxspec.keys()
    try:
        host_key = ring.host_key(name)
        keys = {
            f"/etc/ssh/authorized_keys/{BOX_USER}": (public_key(ring.user_key), 0o644),
            "/etc/ssh/ssh_host_ed25519_key": (host_key.read_bytes(), 0o600),
        }
        begin = time.monotonic()
        with qemu.machine(files, keys, accelerator=how, first=first) as started:
            address = ring.address(name, "127.0.0.1", started.port)
            if not started.says(qemu.LISTENS, BOOT_S):
                raise silent(started.last_lines)
            with login(address, patience_s=LOGIN_S):
                login_s = time.monotonic() - begin
            within = looked_inside(address)
            return Side(
                "virtual machine", login_s, qemu.pss_bytes(started.pid) or 0, None, 0,
                files.size_bytes, within, (started.command,), how,
            )  # fmt: skip
    finally:
        ring.remove(name)


def silent(last_lines: tuple[str, ...]) -> SshFailed:
    """The error for a machine that did not come up."""
    return SshFailed(
        f"The virtual machine's sshd did not answer within {BOOT_S:g} s.",
        hint="Its last words are below. `%vm rm` and the cell again make its disk anew.",
        facts=last_lines,
    )


def looked_inside(address: Address) -> Inside:
    """What one finds there after a login; SshFailed when the answer makes no sense."""
    with login(address, patience_s=LOGIN_S) as made:
        program = made.start(FACTS)
        program.feed(b"")
        said = b"".join(event.data for event in program.output() if isinstance(event, Output))
    text = plain(said.decode("utf-8", "replace"))
    try:
        return inside(text)
    except ValueError as error:
        facts = tuple(text.splitlines()[:5])
        raise SshFailed(f"{address.box} gave no facts of itself.", facts=facts) from error


def last_figures() -> Comparison | None:
    """What `make bench` measured last, with day and machine; None where nothing was kept."""
    kept = resources("container_magics.practice") / FIGURES
    try:
        return unpacked(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
