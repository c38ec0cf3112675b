"""What a container is asked for that a policy looks at, from a spec or from a Compose service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from container_magics.core.flagtypes import size as parse_size
from container_magics.core.spec import ContainerSpec, Limits
from container_magics.errors import UsageError

NANO = 1_000_000_000
NAMESPACES = {"network_mode": "network", "pid": "processes", "ipc": "shared memory"} | {
    "userns_mode": "users", "uts": "names", "cgroup": "control groups",
}  # fmt: skip
"""A Compose service's key -> what of the host it shares where it says "host", or of another
container where it says "container:NAME"."""

HOOKS = ("post_start", "pre_stop")
"""A service's keys whose programs may have privileges of their own."""
NO_NEW = "no-new-privileges"
"""The one of security_opt that takes away and gives nothing."""
DEVICE = "A device of the host"


@dataclass(frozen=True, slots=True)
class Asked:
    """``folders`` are the host's; ``host_namespaces``, and those of other containers, in words;
    ``privileged`` says by what ("" for not), a limit of None is not asked for. ``swap_bytes`` is
    memory and swap together, -1 for no limit, and ``mounted_images`` are there as volumes."""

    image: str
    memory_bytes: int | None = None
    cpus: float | None = None
    pids: int | None = None
    folders: tuple[str, ...] = ()
    host_namespaces: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    privileged: str = ""
    gpus: bool = False
    swap_bytes: int | None = None
    mounted_images: tuple[str, ...] = ()


def asked_of(spec: ContainerSpec, folders: tuple[str, ...]) -> Asked:
    """Of a spec; ``folders`` are its mounts' sources on the host, as whole paths."""
    limits = spec.limits
    return Asked(
        image=spec.image,
        memory_bytes=limits.memory_bytes,
        cpus=None if limits.nano_cpus is None else limits.nano_cpus / NANO,
        pids=limits.pids,
        folders=folders,
        host_namespaces=tuple(shared({"network_mode": spec.network})),
        capabilities=spec.hardening.add_capabilities,
        gpus=bool(spec.gpus),
    )


def limits_within(
    limits: Limits, memory_bytes: int | None, cpus: float | None, pids: int | None
) -> Limits:
    """The same limits; those not asked for are the most that is allowed."""
    nano = None if cpus is None else round(cpus * NANO)
    return Limits(
        memory_bytes if limits.memory_bytes is None else limits.memory_bytes,
        nano if limits.nano_cpus is None else limits.nano_cpus,
        pids if limits.pids is None else limits.pids,
    )


def asked_of_service(name: str, service: Mapping[str, Any]) -> Asked:
    """Of a service of a whole Compose file (``docker compose config``); one that is built has the
    name ``image``, or none, and is looked at where it is built. UsageError for a size that cannot
    be read."""
    most = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    memory = service.get("mem_limit") or most.get("memory")
    cpus = service.get("cpus") or most.get("cpus")
    pids = service.get("pids_limit") or most.get("pids")
    return Asked(
        image=str(service.get("image") or name),
        memory_bytes=None if memory is None else size_of(memory),
        cpus=None if cpus is None else float(cpus),
        pids=None if pids is None else int(pids),
        folders=tuple(host_folders(service)),
        host_namespaces=tuple(shared(service)),
        capabilities=tuple(map(str, service.get("cap_add") or ())),
        privileged=privileges(service),
        gpus=any(is_gpu(one) for one in reserved(service)),
        swap_bytes=size_of(service["memswap_limit"]) if service.get("memswap_limit") else None,
        mounted_images=tuple(
            str(one.get("source", ""))
            for one in service.get("volumes") or ()
            if isinstance(one, Mapping) and one.get("type") == "image"
        ),
    )


def shared(service: Mapping[str, Any]) -> Iterator[str]:
    """The namespaces of others that a service would be in, in words."""
    for key, words in NAMESPACES.items():
        said = str(service.get(key) or "")
        if said == "host":
            yield f"the host's {words}"
        elif said.startswith("container:"):
            yield f"another container's {words}"


def reserved(service: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The devices that are asked for by what they can do: ``gpus`` and ``deploy``."""
    kept = ((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    gpus = service.get("gpus") or ()
    asked = [{"capabilities": ["gpu"]}] if isinstance(gpus, str) else list(gpus)
    return [one or {} for one in (*asked, *(kept.get("devices") or ()))]


def is_gpu(device: Mapping[str, Any]) -> bool:
    """Whether a graphics card is meant; by driver cdi it can be anything. ``gpus`` says no more
    than how many."""
    return device.get("driver") != "cdi" and "gpu" in (device.get("capabilities") or ("gpu",))


def size_of(value: Any) -> int:
    """A size as Compose writes it: bytes, or with a unit."""
    text = str(value)
    return int(text) if text.removeprefix("-").isdecimal() else parse_size(text)


def privileges(service: Mapping[str, Any]) -> str:
    """What of a service is as good as the host's root, in words; "" for nothing."""
    hooks = [hook for name in HOOKS for hook in service.get(name) or ()]
    if service.get("privileged") or any((hook or {}).get("privileged") for hook in hooks):
        return "privileged"
    if service.get("use_api_socket"):
        return "use_api_socket"
    build = service.get("build")
    if isinstance(build, Mapping) and (build.get("privileged") or build.get("entitlements")):
        return "A build with privileges"
    if service.get("devices") or service.get("device_cgroup_rules"):
        return DEVICE
    if not all(map(is_gpu, reserved(service))):
        return DEVICE
    if service.get("cgroup_parent"):
        return "cgroup_parent"
    others = [str(one) for one in service.get("volumes_from") or () if is_foreign(str(one))]
    if others:
        return f"volumes_from {others[0]}"
    more = [one for one in map(str, service.get("security_opt") or ()) if not takes_away(one)]
    return f"security_opt {more[0]}" if more else ""


def is_foreign(volumes_from: str) -> bool:
    """Whether the volumes are those of a container that is no service of the file."""
    return volumes_from.startswith("container:")


def takes_away(security_opt: str) -> bool:
    """Whether a security option gives nothing: a profile of one's own, or a label, may."""
    return security_opt.replace("=", ":").partition(":")[0] == NO_NEW


def host_folders(service: Mapping[str, Any]) -> list[str]:
    """The host's folders and files among a service's volumes, in either syntax."""
    found = []
    for volume in service.get("volumes") or ():
        if isinstance(volume, Mapping):
            if volume.get("type") in ("bind", "npipe"):
                found.append(str(volume.get("source", "")))
        else:
            source, colon, _ = str(volume).partition(":")
            if colon and source[:1] in "/.~":
                found.append(source)
    return found


def files_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The host's folders and files that a whole Compose file has beside its services: volumes by
    their driver's options (local's are those of mount(8)), secrets and configs by ``file``."""
    found = list[str]()
    for volume in dict(config.get("volumes") or {}).values():
        options = (volume or {}).get("driver_opts") or {}
        found += [str(options["device"])] if is_bind(options) else []
    for kind in ("secrets", "configs"):
        for one in dict(config.get(kind) or {}).values():
            found += [str(one["file"])] if (one or {}).get("file") else []
    return tuple(found)


def is_bind(options: Mapping[str, Any]) -> bool:
    """Whether a local volume's options mount a folder of the host, by its whole path."""
    words = {word.strip() for word in str(options.get("o") or "").split(",")}
    return bool(words & {"bind", "rbind"}) and str(options.get("device")).startswith("/")


def odd_volumes(config: Mapping[str, Any]) -> list[str]:
    """The names of a whole Compose file's volumes whose options nobody can look into: other file
    systems than tmpfs may hold any folder of the host (an overlay's lowerdir), and so may what
    another driver makes."""
    found = []
    for name, volume in dict(config.get("volumes") or {}).items():
        options = (volume or {}).get("driver_opts") or {}
        local = ((volume or {}).get("driver") or "local") == "local"
        in_memory = options.get("type") == "tmpfs" and "bind" not in str(options.get("o") or "")
        if options and not (local and (in_memory or is_bind(options))):
            found.append(name)
    return found


def host_networks(config: Mapping[str, Any]) -> list[str]:
    """The names of a whole Compose file's networks that are the host's own under another name."""
    return [
        name
        for name, network in dict(config.get("networks") or {}).items()
        if "host" in ((network or {}).get("name"), (network or {}).get("driver"))
    ]


def replicas(service: Mapping[str, Any]) -> int:
    """How many containers a service is; at least one is counted."""
    said = service.get("scale") or (service.get("deploy") or {}).get("replicas") or 1
    return max(1, int(said))


def bounded_service(
    service: Mapping[str, Any], memory_bytes: int | None, cpus: float | None, pids: int | None
) -> dict[str, Any]:
    """The same service; limits that it does not set are the most that is allowed."""
    asked = asked_of_service("", service)
    limits = (
        ("mem_limit", memory_bytes, asked.memory_bytes),
        ("cpus", cpus, asked.cpus),
        ("pids_limit", pids, asked.pids),
    )
    more = {key: most for key, most, there in limits if most is not None and there is None}
    return {**service, **more}


def read_asked(name: str, service: Mapping[str, Any]) -> Asked:
    """``asked_of_service``; a value that cannot be read is a UsageError that names the service."""
    try:
        return asked_of_service(name, service)
    except (ValueError, TypeError, UsageError) as error:
        raise UsageError(f"The limits of the service {name} cannot be read.") from error
