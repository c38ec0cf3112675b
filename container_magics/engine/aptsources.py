"""Where this machine's apt gets Debian from: read at run time, so no mirror is ever written down.

Two forms are read, both from sources.list(5): one line ("deb [options] URI suite component")
and deb822 (stanzas of "Types:", "URIs:", "Suites:", "Components:", "Signed-By:").
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>\S.*)$")
_SETTING = re.compile(r'^(?P<key>[\w:.-]+) "(?P<value>.*)";$')
# What makes this machine's mirror usable: its proxy, and whether its dates may be old.
_FOLLOWED = re.compile(r"^Acquire::(Check-Valid-Until|Check-Date|https?::Proxy)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """One place of binary packages. ``signed_by`` is a keyring's path, "" for apt's default."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""

    def line(self) -> str:
        """The source in sources.list's one-line form."""
        options = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {options}{self.uri} {self.suite} {' '.join(self.components)}"


def debian_sources(apt_folder: Path, codename: str) -> tuple[Source, ...]:
    """The sources for Debian ``codename`` that this machine's apt can reach, in apt's order.

    Empty when apt here is not set up for that release: then nothing is known about a mirror.
    """
    named = re.compile(rf"^{re.escape(codename)}(-updates|-security|/updates)?$")
    return tuple(
        replace(source, components=("main",))
        for source in read_sources(apt_folder)
        if named.match(source.suite) and "main" in source.components
    )


def read_sources(apt_folder: Path) -> Iterator[Source]:
    """Every enabled binary source of an ``/etc/apt`` folder."""
    parts = apt_folder / "sources.list.d"
    for path in [apt_folder / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.is_file():
            yield from _from_lines(path.read_text(encoding="utf-8").splitlines())
    for path in sorted(parts.glob("*.sources")):
        yield from _from_deb822(path.read_text(encoding="utf-8"))


def _from_lines(lines: Iterable[str]) -> Iterator[Source]:
    for line in lines:
        if found := _ONE_LINE.match(line.split("#", 1)[0].strip()):
            suite, *components = found["rest"].split()
            options = dict(part.split("=", 1) for part in (found["options"] or "").split())
            yield Source(found["uri"], suite, tuple(components), options.get("signed-by", ""))


def _from_deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if fields.get("enabled", "yes").lower() == "no" or "deb" not in fields.get("types", ""):
            continue
        signed_by = fields.get("signed-by", "")
        if not signed_by.startswith("/"):
            signed_by = ""  # a key written into the file itself: apt's default keyring has Debian's
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components, signed_by)


def _fields(stanza: str) -> dict[str, str]:
    """Field names in small letters; a line that starts with a space continues the last field."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            fields[name] += " " + line.strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def followed_settings() -> tuple[str, ...]:
    """This machine's apt settings without which its mirror would not answer, as apt.conf lines."""
    told = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)  # noqa: S607 -- apt's own tool, found on the user's PATH
    found = (_SETTING.match(line) for line in told.stdout.splitlines())
    return tuple(
        f'{setting["key"]} "{setting["value"]}";'
        for setting in found
        if setting and _FOLLOWED.match(setting["key"])
    )
