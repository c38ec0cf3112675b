"""Where an engine may be: the environment, Docker contexts, our own, well-known sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from container_magics.engine.jsonfile import read_object
from container_magics.engine.statedir import Places, state_dir
from container_magics.engine.tunnel import Tunnel


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files for an engine behind TLS; None where there is none."""

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place where an engine may answer.

    ``url`` as the docker SDK takes it ("unix:///run/docker.sock", "tcp://..."), ``found_by`` in
    words for the reader ("DOCKER_HOST", "Docker context 'work'", "Podman's user socket").
    ``binding``: the user named it for this very process, so that no other place may be taken
    for it, silent or not. ``folder`` is asked about first where there is one: only where it is
    this user's alone is the socket in it opened. ``tunnel`` is the way to an ssh:// address, once
    it is open (tunnels.py). ``context`` is the Docker context that it is of, "" for none.
    """

    url: str
    found_by: str
    tls: Tls | None = None
    binding: bool = False
    folder: Path | None = None
    tunnel: Tunnel | None = field(default=None, compare=False)
    context: str = ""

    @property
    def socket(self) -> Path | None:
        """The unix socket by which it is asked: its own, or the end here of a way by ssh; None
        for another transport."""
        if self.tunnel is not None:
            return self.tunnel.socket
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None

    @property
    def word(self) -> str:
        """What ``%engine use`` takes to come here: a context, which may have TLS files of its own,
        else the address."""
        return self.context or self.url

    @property
    def is_local(self) -> bool:
        """Whether its socket is one of this machine, by no way over another."""
        return self.url.startswith("unix://")

    @property
    def dial_url(self) -> str:
        """The address as programs of this machine take it (DOCKER_HOST)."""
        return f"unix://{self.socket}" if self.socket else self.url


def candidates(environ: Mapping[str, str], home: Path) -> list[Endpoint]:
    """Every place where an engine may be, the first that answers is the user's.

    In order: DOCKER_HOST or DOCKER_CONTEXT (then nothing else: docker itself goes on to no
    other engine either), the context chosen with ``docker context use``, our private engine
    (whoever started one means it, so before the machine's sockets), the well-known sockets.
    Nothing is contacted, and a socket need not exist.
    """
    if host := environ.get("DOCKER_HOST"):
        return [Endpoint(host, "DOCKER_HOST", tls_from(environ, home), binding=True)]
    config = config_folder(environ, home)
    if (named := environ.get("DOCKER_CONTEXT")) and named != "default":
        return [context(config, named, binding=True)]
    found = [] if named else _chosen_context(config)
    return _without_repeats([*found, own(Places(state_dir(environ))), *well_known(environ, home)])


def own(places: Places) -> Endpoint:
    """Our own engine, in whose folder another user must not have put a socket of his."""
    return Endpoint(places.url, "our own engine", folder=places.run)


def context(config: Path, name: str, *, binding: bool = False) -> Endpoint:
    """The Docker context ``name`` of a Docker configuration folder.

    Its metadata lies in contexts/meta/<SHA-256 of the name>/meta.json, its TLS files in
    contexts/tls/<the same>/docker (docker/cli, cli/context/store). A context that does not
    exist has the address "", where nothing can answer.
    """
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = read_object(config / "contexts" / "meta" / identity / "meta.json")
    endpoint = meta.get("Endpoints", {}).get("docker", {})
    tls = _tls_folder(
        config / "contexts" / "tls" / identity / "docker",
        verify=not endpoint.get("SkipTLSVerify", False),
    )
    host = str(endpoint.get("Host", ""))
    return Endpoint(host, f"Docker context '{name}'", tls, binding, context=name)


def _chosen_context(config: Path) -> list[Endpoint]:
    name = str(read_object(config / "config.json").get("currentContext") or "default")
    return [] if name == "default" else [context(config, name)]


def context_names(config: Path) -> tuple[str, ...]:
    """The names of all contexts of a Docker configuration folder, sorted."""
    found = (read_object(each) for each in (config / "contexts" / "meta").glob("*/meta.json"))
    return tuple(sorted(str(meta["Name"]) for meta in found if meta.get("Name")))


def config_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Docker's own folder of configuration."""
    return Path(environ.get("DOCKER_CONFIG") or home / ".docker")


def tls_from(environ: Mapping[str, str], home: Path) -> Tls | None:
    """DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as the docker command reads them."""
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not verify and not environ.get("DOCKER_CERT_PATH"):
        return None
    folder = Path(environ.get("DOCKER_CERT_PATH") or config_folder(environ, home))
    return _tls_folder(folder, verify=verify) or Tls(None, None, None, verify)


def _tls_folder(folder: Path, *, verify: bool) -> Tls | None:
    ca, cert, key = (
        path if path.is_file() else None
        for path in (folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    )
    return Tls(ca, cert, key, verify) if ca or cert else None


def well_known(environ: Mapping[str, str], home: Path) -> Iterator[Endpoint]:
    """The sockets that engines make by themselves, the machine's Docker first, Podman last."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    yield Endpoint("unix:///var/run/docker.sock", "Docker's socket")
    if runtime:
        yield Endpoint(f"unix://{runtime}/docker.sock", "rootless Docker's socket")
    for place, whose in (
        (".docker/run/docker.sock", "Docker's user socket"),
        (".docker/desktop/docker.sock", "Docker Desktop's socket"),
        (".colima/default/docker.sock", "Colima's socket"),
        (".config/colima/default/docker.sock", "Colima's socket"),
        (".orbstack/run/docker.sock", "OrbStack's socket"),
        (".rd/docker.sock", "Rancher Desktop's socket"),
    ):
        yield Endpoint(f"unix://{home / place}", whose)
    if runtime:
        yield Endpoint(f"unix://{runtime}/podman/podman.sock", "Podman's user socket")
    yield Endpoint("unix:///run/podman/podman.sock", "Podman's socket")


def _without_repeats(endpoints: list[Endpoint]) -> list[Endpoint]:
    return list({endpoint.url: endpoint for endpoint in reversed(endpoints)}.values())[::-1]
