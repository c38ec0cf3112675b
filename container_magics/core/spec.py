"""What a cell asks for, as plain values: the container, and what the notebook does with it."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Port:
    """A published port. ``host_port`` None lets the engine choose; the address is loopback
    unless the user wrote another."""

    container_port: int
    protocol: str = "tcp"
    host_port: int | None = None
    address: str = LOOPBACK


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the host (``source`` a path) or a volume (a name) at ``target``. Of a folder
    the file systems that are mounted in it are there, too, but for one that is ``alone``."""

    source: str
    target: str
    read_only: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """None leaves a limit at the engine's default."""

    memory_bytes: int | None = None
    nano_cpus: int | None = None
    pids: int | None = None


@dataclass(frozen=True, slots=True)
class Hardening:
    """What a practice box gives up; the default is Docker's own."""

    drop_capabilities: tuple[str, ...] = ()
    add_capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """A health check, in place of the image's: a line of shell, and the time between two looks;
    "" and None leave what the image says."""

    command: str = ""
    interval_s: float | None = None


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to create. Empty means: as the image says, or as the engine chooses.

    ``command`` is the whole argument vector; ``entrypoint`` is put before it. The image's own
    entrypoint is not used when ``command`` is given, for it would take the cell as arguments.
    ``tmpfs`` are (path, mount options) pairs, ``extra_hosts`` "NAME:ADDRESS", ``restart`` is
    "always", "unless-stopped", "on-failure" or "on-failure:N", ``platform`` "OS/ARCHITECTURE",
    ``gpus`` "all", a number, or "device=" and names with commas between them.
    ``own_languages`` are (name, program) pairs of the reader's own, for the error that says
    what there is in place of a program that is missing.
    """

    image: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    name: str = ""
    hostname: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    network: str = ""
    user: str = ""
    working_dir: str = ""
    limits: Limits = Limits()
    hardening: Hardening = Hardening()
    labels: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes, int], ...] = ()  # absolute path, content, mode
    init: bool = False
    read_only: bool = False
    tmpfs: tuple[tuple[str, str], ...] = ()
    extra_hosts: tuple[str, ...] = ()
    restart: str = ""
    health: Health = Health()
    platform: str = ""
    gpus: str = ""
    # no setting of the container, so it makes no difference between two
    own_languages: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What the notebook does with a run. Variable names are "" when not asked for.

    ``timeout_s`` None waits for ever; ``inside`` is the running container of ``--in``;
    ``auto_remove`` removes a detached container when it ends; ``program`` is that of
    ``--exec``, an argument vector; ``put`` and ``get`` are (path in the container, variable)
    pairs in the order written; ``box`` keeps a detached Container; ``env_files`` are files of
    this machine with NAME=VALUE lines.
    """

    inside: str = ""
    interpreter: str = ""
    detach: bool = False
    auto_remove: bool = False
    out: str = ""
    err: str = ""
    rc: str = ""
    stdin: str = ""
    timeout_s: float | None = None
    check: bool = True
    expand: bool = False
    debug: bool = False
    program: tuple[str, ...] = ()
    put: tuple[tuple[str, str], ...] = ()
    get: tuple[tuple[str, str], ...] = ()
    reuse: bool = False
    box: str = ""
    env_files: tuple[str, ...] = ()
