"""The base image of the course: pulled where a registry answers, else made from Debian packages.

Both ways end in the same thing for a notebook: Debian bookworm, slim, with procps, iproute2,
netbase, ca-certificates and less, an apt that works, and ``bash`` as its command.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import requests
from docker.errors import ImageNotFound

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildOutput, BuildRefused, BuildStep
from container_magics.core.terminal import plain
from container_magics.engine.aptsources import debian_sources, followed_settings
from container_magics.engine.client import Engine, told
from container_magics.engine.command import Report, can_install, find, follow, install
from container_magics.engine.statedir import state_dir
from container_magics.errors import BuildFailed
from container_magics.errors import ImageNotFound as NoSuchImage

REPOSITORY, TAG = "container-magics/base", "bookworm"
BASE = f"{REPOSITORY}:{TAG}"
UPSTREAM_REPOSITORY, UPSTREAM_TAG = "debian", "bookworm-slim"
PACKAGES = ("ca-certificates", "iproute2", "less", "netbase", "procps")
# Ubuntu's mmdebstrap comes without the keys that Debian's packages are signed with.
TOOLS = ("mmdebstrap", "debian-archive-keyring")
LABEL = ("container-magics.purpose", "base")

PROBE_S = 4.0
STALL_S = 60
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONFIG = [
    'CMD ["bash"]',
    f"ENV PATH={_PATH}",
    f"LABEL {LABEL[0]}={LABEL[1]}",
]
# Left out as debian:bookworm-slim leaves them out; licences stay.
_DPKG = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
_APT = ('Acquire::Languages "none";',)
# Written last: mmdebstrap itself needs the packages that it downloads.
# Without the last two, each apt-get in a Dockerfile leaves 70 MB of indexes in its layer.
_CLEAN_APT = (
    'APT::Keep-Downloaded-Packages "false";',
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
)
_CLEAN_HOOK = (
    f"printf '%s\\n' {' '.join(map(shlex.quote, _CLEAN_APT))}"
    ' > "$1/etc/apt/apt.conf.d/docker-clean"; rm -f "$1"/var/cache/apt/*.bin'
)


def has_base(engine: Engine) -> bool:
    """Whether the base image is on this engine."""
    with told():
        try:
            engine.api.inspect_image(BASE)
        except ImageNotFound:
            return False
    return True


def ensure_base(engine: Engine, report: Report) -> str:
    """Make sure of the base image, and return its name.

    ``report`` gets a line of progress at a time; none when the image is there already.
    Raises ImageNotFound when no registry answers and mmdebstrap is missing and cannot be
    installed, EngineError or BuildFailed when making it fails.
    """
    if has_base(engine):
        return BASE
    with _one_at_a_time():
        if not has_base(engine):
            _get_base(engine, report)
    return BASE


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two notebooks opened at once need not both make it."""
    folder = state_dir(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _get_base(engine: Engine, report: Report) -> None:
    report(f"{BASE} is not there yet: asking a registry for {UPSTREAM_REPOSITORY}:{UPSTREAM_TAG}")
    if registry_answers(engine):
        pull_base(engine, report)
    else:
        report("No registry answers: making it from Debian packages")
        make_base(engine, report)


def registry_answers(engine: Engine) -> bool:
    """Whether the engine gets the upstream image's digest from a registry within a few seconds.

    The engine is asked and not the network, so that its own proxy and mirrors count.
    """
    upstream = f"{UPSTREAM_REPOSITORY}:{UPSTREAM_TAG}"
    url = f"{engine.api.base_url}/v{engine.api.api_version}/distribution/{upstream}/json"
    try:
        return bool(engine.api.get(url, timeout=PROBE_S).status_code == requests.codes.ok)
    except requests.exceptions.RequestException:
        return False


def pull_base(engine: Engine, report: Report) -> None:
    """Pull the upstream image and add ``PACKAGES``. A pull that stalls is ended, not awaited."""
    usual_s, engine.api.timeout = engine.api.timeout, STALL_S
    try:
        with told():
            pulled = engine.api.pull(UPSTREAM_REPOSITORY, UPSTREAM_TAG, stream=True, decode=True)
            _follow(pulled, report)
    finally:
        engine.api.timeout = usual_s
    _add_packages(engine, report)


def _add_packages(engine: Engine, report: Report) -> None:
    """Build our image from the one that was pulled, as a cell would. apt gives up by itself what
    does not answer."""
    rest = ""
    from container_magics.engine.build import build  # 40 modules, and most want BASE alone

    with closing(build(engine, BuildSpec(_dockerfile(), BASE))) as events:
        for event in events:
            if isinstance(event, BuildStep) and event.started_s and event.completed_s is None:
                report(plain(event.name))
            elif isinstance(event, BuildOutput):
                *lines, rest = (rest + event.data.decode("utf-8", "replace")).split("\n")
                for line in filter(None, map(str.strip, lines)):
                    report(plain(line))
            elif isinstance(event, BuildRefused):
                raise _not_made(event.message)


def _dockerfile() -> str:
    install = f"apt-get install -y --no-install-recommends {' '.join(PACKAGES)}"
    run = f"RUN apt-get update && {install} && rm -rf /var/lib/apt/lists/*"
    return "\n".join([f"FROM {UPSTREAM_REPOSITORY}:{UPSTREAM_TAG}", run, *_CONFIG, ""])


def _follow(stream: object, report: Report) -> None:
    """Read the engine's JSON lines to the end; its "error" becomes ours."""
    for line in stream:  # type: ignore[attr-defined] # docker's stubs say only that it is an object
        if error := line.get("error"):
            raise _not_made(str(error))
        said = str(line.get("status") or "").strip()
        if said and "progressDetail" not in line:
            report(said)


def _not_made(words: str) -> BuildFailed:
    """The error, with the engine's own words for it."""
    facts = tuple(plain(words).strip().splitlines())
    return BuildFailed(f"The engine could not make {BASE}.", line=None, facts=facts)


def make_base(engine: Engine, report: Report) -> None:
    """Make the image from Debian packages with mmdebstrap, and import it."""
    if find("mmdebstrap") is None:
        _install_mmdebstrap(report)
    with tempfile.TemporaryDirectory(prefix="container-magics-base-") as folder:
        archive = Path(folder) / "base.tar"
        started = time.monotonic()
        follow(report, *bootstrap_command(archive))
        report(f"Importing it ({archive.stat().st_size / 1e6:.0f} MB)")
        import_base(engine, archive)
        report(f"{BASE} is made, in {time.monotonic() - started:.0f} s")


def bootstrap_command(archive: Path, apt_folder: Path = Path("/etc/apt")) -> list[str]:
    """The mmdebstrap call: this machine's own Debian sources, or mmdebstrap's when it has none."""
    sources = [source.line() for source in debian_sources(apt_folder, TAG)]
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt={option}" for option in _DPKG),
        *(f"--aptopt={option}" for option in (*_APT, *followed_settings())),
        f"--customize-hook={_CLEAN_HOOK}",
        TAG,
        str(archive),
        *sources,
    ]


def import_base(engine: Engine, archive: Path) -> None:
    """Import a root file system under the base image's name.

    Raises EngineRefused, EngineLost, and BuildFailed for an error that the engine met after it
    had begun to answer.
    """
    with told():
        answer = engine.api.import_image_from_file(
            str(archive), repository=REPOSITORY, tag=TAG, changes=_CONFIG
        )
    lines = [json.loads(line) for line in str(answer).splitlines()]
    _follow(iter(lines), lambda _line: None)
    # Podman 4.3 takes no notice of the tag; the last line is the new image's ID.
    with told():
        engine.api.tag(lines[-1]["status"], REPOSITORY, TAG)


def _install_mmdebstrap(report: Report) -> None:
    if not can_install():
        raise NoSuchImage(
            f"{BASE} is not here, no registry answers, and mmdebstrap is not installed.",
            hint="Ask an administrator for mmdebstrap (Debian, Ubuntu: "
            f"`sudo apt-get install {' '.join(TOOLS)}`), or connect to a registry and try again.",
        )
    install(report, *TOOLS)
