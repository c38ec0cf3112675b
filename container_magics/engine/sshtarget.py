"""ssh://[USER@]HOST[:PORT][/SOCKET] as words for OpenSSH's ssh, and how ssh is to behave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from container_magics.errors import UsageError

FORM = "ssh://[USER@]HOST[:PORT][/PATH/OF/THE/SOCKET]"
CONNECT_S = 10
SILENT_S, SILENT_TIMES = 15, 3
"""After so long a silence the other side is asked; so often, before it counts as gone."""
OPTIONS = (
    ("BatchMode", "yes"),  # nobody could answer a question
    ("ConnectTimeout", str(CONNECT_S)),
    ("ServerAliveInterval", str(SILENT_S)),
    ("ServerAliveCountMax", str(SILENT_TIMES)),
    ("ControlMaster", "yes"),
    ("ControlPersist", "no"),  # it goes with us
    ("ClearAllForwardings", "yes"),  # those of the user's configuration are for their terminals
    ("ForwardAgent", "no"),
    ("ForwardX11", "no"),
    ("PermitLocalCommand", "no"),
    ("StreamLocalBindMask", "0177"),
)
"""ssh_config(5). Host keys, keys, agents, jump hosts: as the user's own configuration says."""


@dataclass(frozen=True, slots=True)
class SshTarget:
    """Where ssh goes. ``user``, ``port`` and ``socket`` are "" where ssh's configuration, or the
    other side, is to say."""

    host: str
    user: str = ""
    port: str = ""
    socket: str = ""

    @property
    def words(self) -> list[str]:
        """What comes last on ssh's line, and cannot be taken for an option."""
        user = ["-l", self.user] if self.user else []
        port = ["-p", self.port] if self.port else []
        return [*user, *port, "--", self.host]

    @property
    def line(self) -> str:
        """What to type in a terminal to try the same."""
        port = f"-p {self.port} " if self.port else ""
        return f"ssh {port}{f'{self.user}@' if self.user else ''}{self.host} true"


def parse_target(url: str) -> SshTarget:
    """UsageError for what cannot be a host, a user or a port; a password is refused, for it would
    be kept with the address."""
    parts = urlsplit(url)
    who, _, where = parts.netloc.rpartition("@")
    host, port = cut(where)  # not urlsplit's own: it writes the name of a host small
    user, path = unquote(who), unquote(parts.path.rstrip("/"))
    bad = (
        parts.scheme != "ssh"
        or not host
        or host.startswith("-")
        or user.startswith("-")
        or ":" in user
        or not url.isprintable()  # urlsplit drops tabs and the ends of lines
        or not (user + path).isprintable()
        or any(letter.isspace() for letter in host + user)
        or (bool(port) and not port.isdecimal())
    )
    if bad or parts.query or parts.fragment:
        raise UsageError(f"{without_password(url)} is no address by ssh.", hint=f"Write {FORM}")
    return SshTarget(host, user, port, path)


def cut(where: str) -> tuple[str, str]:
    """HOST:PORT in two; the port is "" where there is none."""
    if where.startswith("["):  # IPv6
        host, _, port = where[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = where.partition(":")
    return host, port


def without_password(url: str) -> str:
    """The address as it may be shown."""
    before, at, after = url.rpartition("@")
    scheme, _, who = before.partition("://")
    return f"{scheme}://{who.partition(':')[0]}@{after}" if at else url


def master_words(ssh: str, target: SshTarget, control: Path) -> list[str]:
    """The line of the one ssh that holds the connection."""
    options = [word for name, value in OPTIONS for word in ("-o", f"{name}={value}")]
    return [ssh, "-N", "-T", *options, "-S", str(control), *target.words]


def through_words(ssh: str, target: SshTarget, control: Path, *words: str) -> list[str]:
    """The line of an ssh that says something to that one, and ends. It reads no configuration: it
    would bring forwards of its own."""
    return [ssh, "-F", "none", "-o", "BatchMode=yes", "-S", str(control), *words, *target.words]
