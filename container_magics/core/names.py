"""Image references: "python:3.12" <-> registry, repository, tag and digest.

The grammar is that of the OCI distribution specification (repository, tag) with Docker's
rule for the first component: it names a registry when it holds a "." or ":", or is "localhost".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from container_magics.errors import UsageError

COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*\Z")
LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
REGISTRY = re.compile(rf"(?:{LABEL}(?:\.{LABEL})*|\[[0-9a-fA-F:]+\])(?::\d+)?\Z")
TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}\Z")
CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A parsed reference. ``registry``, ``tag`` and ``digest`` are "" where not written."""

    repository: str
    registry: str = ""
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read a reference; UsageError when it has not the form of one."""
        rest, _, digest = text.partition("@")
        registry, rest = split_registry(rest)
        repository, _, tag = rest.partition(":")
        valid = (
            REPOSITORY.match(repository)
            and (not registry or REGISTRY.match(registry))
            and (TAG.match(tag) if ":" in rest else True)
            and (DIGEST.match(digest) if "@" in text else True)
        )
        if not valid:
            raise UsageError(
                f"{text!r} is not the name of an image.",
                hint="Write it as NAME:TAG, in lower case, such as python:3.12.",
            )
        return cls(repository, registry, tag, digest)

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}" if self.registry else self.repository

    @property
    def version(self) -> str:
        """What to pull: the digest where given, else the tag, else "latest" as Docker does."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        """The reference as written, with ":latest" where neither tag nor digest was."""
        tag = self.tag or ("" if self.digest else "latest")
        return self.name + (f":{tag}" if tag else "") + (f"@{self.digest}" if self.digest else "")


def split_registry(text: str) -> tuple[str, str]:
    """(registry or "", the rest)."""
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "", text


def container_name(text: str) -> str:
    """The name itself; UsageError when an engine would refuse it."""
    if not CONTAINER.match(text):
        raise UsageError(
            f"{text!r} cannot name a container.",
            hint="A name is letters, digits, '_', '.' and '-', and starts with a letter or digit.",
        )
    return text
