"""``RUN --mount=...``: where it mounts from, and what no builder takes.

Keys and kinds are those of the Dockerfile reference, "RUN --mount".
"""

from __future__ import annotations

from dataclasses import dataclass

from container_magics.core.instruction import Instruction

KINDS = {"bind", "cache", "tmpfs", "secret", "ssh"}
KEYS = {
    "type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro", "readwrite",
    "rw", "required", "size", "id", "sharing", "mode", "uid", "gid", "env",
}  # fmt: skip
MAY_STAND_ALONE = {"readonly", "ro", "readwrite", "rw", "required"}
ONLY_FOR = {
    "sharing": {"cache"},
    "size": {"tmpfs"},
    "required": {"secret", "ssh"},
    "mode": {"cache", "secret", "ssh"},
    "uid": {"cache", "secret", "ssh"},
    "gid": {"cache", "secret", "ssh"},
}
SHARING = {"shared", "private", "locked"}
TARGETS = ("target", "dst", "destination")


@dataclass(frozen=True, slots=True)
class Mount:
    """One --mount: its keys in small letters with their values, "" for a key that stands alone."""

    values: tuple[tuple[str, str | None], ...]

    @property
    def source(self) -> str:
        """The stage or image that it mounts from, "" for the build context."""
        return dict(self.values).get("from") or ""

    @property
    def fault(self) -> str:
        """What is wrong with it, "" for nothing. A value with a variable is the builder's."""
        given = dict(self.values)
        kind = (given.get("type") or "bind").lower()
        for key, value in self.values:
            if key not in KEYS:
                return f"a mount has no {key[:40]!r}"
            if value is None and key not in MAY_STAND_ALONE:
                return f"{key}= of a mount has no value"
        if "$" in kind:
            return ""
        if kind not in KINDS:
            return f"there is no mount of type {kind[:40]!r}"
        if kind in ("bind", "cache", "tmpfs") and not any(given.get(key) for key in TARGETS):
            return f"a mount of type {kind} needs target=PATH"
        odd = next((key for key in given if kind not in ONLY_FOR.get(key, KINDS)), "")
        if odd:
            return f"a mount of type {kind} has no {odd}"
        sharing = (given.get("sharing") or "shared").lower()
        if "$" not in sharing and sharing not in SHARING:
            return f"sharing is shared, private or locked, not {sharing[:40]}"
        return ""


def mounts(instruction: Instruction) -> tuple[Mount, ...]:
    """The mounts of a RUN, in order; of any other instruction none."""
    if instruction.keyword != "RUN":
        return ()
    given = (one.value or "" for one in instruction.flag_list if one.name == "mount")
    return tuple(read_mount(value) for value in given)


def read_mount(text: str) -> Mount:
    """``key=value,key`` as it is written; quotes went with the flag's own."""
    fields = (field.partition("=") for field in text.split(","))
    return Mount(tuple((key.lower(), value if equals else None) for key, equals, value in fields))
