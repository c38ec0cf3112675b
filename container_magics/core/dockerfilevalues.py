"""The words and values of an instruction that the builder expands and reads itself.

BuildKit looks at them only in the stages that the target needs (dockerfile2llb/convert.go in
moby/buildkit). A value that still holds a variable is left to it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from container_magics.core.dockerfilemounts import mounts
from container_magics.core.dockerfilerules import wrong
from container_magics.core.dockerfilevariables import BadWord, Expanded, expand
from container_magics.core.instruction import Instruction

PLATFORM = re.compile(
    r"[A-Za-z0-9_-]+(?:\([A-Za-z0-9_.-]*\))?(?:/[A-Za-z0-9_.-]+){0,2}\Z", re.ASCII
)
PORT = re.compile(r"(?:.*:)?(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp)?)?\Z", re.ASCII | re.IGNORECASE)
LAST_PORT = 65_535
SIGNALS = {
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP",
    "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN",
    "RTMAX",
}  # fmt: skip
REAL_TIME = re.compile(r"RTMIN\+(?:[1-9]|1[0-5])|RTMAX-(?:[1-9]|1[0-4])")
# Instructions whose words the builder expands. RUN, CMD and ENTRYPOINT leave that to the shell.
EXPANDED = {
    "ADD",
    "ARG",
    "COPY",
    "ENV",
    "EXPOSE",
    "LABEL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
}
ONE_WORD_PLATFORMS = {
    "linux", "windows", "darwin", "freebsd", "amd64", "x86_64", "x86-64", "arm64", "aarch64",
    "armhf", "armel", "arm", "386", "i386", "ppc64le", "riscv64", "s390x", "mips64", "mips64le",
    "loong64", "wasm", "wasi", "local",
}  # fmt: skip


def refuse_platform(instruction: Instruction, platform: str, values: Mapping[str, str]) -> None:
    """``os/arch/variant``, or one of them."""
    read = read_word(instruction, platform, values)
    if platform and read.certain and "$" not in read.text:
        single = read.text.lower() not in ONE_WORD_PLATFORMS and "/" not in read.text
        if single or not PLATFORM.match(read.text):
            raise wrong(instruction, f"--platform={platform[:40]} is no platform.",
                "Such as --platform=linux/amd64.")  # fmt: skip


def read_word(instruction: Instruction, word: str, values: Mapping[str, str]) -> Expanded:
    """The word expanded; DockerfileError where it cannot be read."""
    try:
        return expand(word, values, escape=instruction.escape)
    except BadWord as error:
        raise wrong(instruction, f"{error}.",
            "Close it; a quote that is meant as such has a \\ before it.") from error  # fmt: skip


def refuse_unreadable(instruction: Instruction) -> None:
    """Words that the builder expands, and values that it reads, in a stage that it needs."""
    keyword = instruction.keyword
    for mount in mounts(instruction):
        if mount.fault:
            raise wrong(instruction, f"{mount.fault}.",
                "Such as --mount=type=cache,target=/root/.cache.")  # fmt: skip
    if keyword in EXPANDED:
        for word in expanded_words(instruction):
            read_word(instruction, word, {})
    if keyword == "EXPOSE":
        refuse_ports(instruction)
    if keyword == "STOPSIGNAL" and "$" not in instruction.body:
        refuse_signal(instruction)


def expanded_words(instruction: Instruction) -> tuple[str, ...]:
    """The words of the instruction that the builder expands; a heredoc's name is none."""
    if instruction.keyword in ("ENV", "LABEL", "ARG"):
        return tuple(word for pair in instruction.pairs for word in pair if word)
    if instruction.keyword in ("ADD", "COPY", "VOLUME"):
        words = [word for word in instruction.items if not word.startswith("<<")]
        flags = [value for name, value in instruction.flags if name in ("chown", "chmod")]
        return tuple(words + flags)
    return instruction.words if instruction.keyword == "EXPOSE" else (instruction.body,)


def refuse_ports(instruction: Instruction) -> None:
    """``80``, ``80-90``, ``80/udp``; an address before it is taken, and means nothing."""
    for word in instruction.words:
        match = PORT.match(word.strip("\"'"))
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if "$" not in word and not first <= last <= LAST_PORT:
            raise wrong(instruction, f"{word[:40]} is no port.",
                "Such as EXPOSE 80 or EXPOSE 53/udp; the last port is 65535.")  # fmt: skip


def refuse_signal(instruction: Instruction) -> None:
    """A number from 1, or a name with or without SIG."""
    name = instruction.body.strip("\"'").upper().removeprefix("SIG")
    known = int(name) != 0 if re.fullmatch(r"-?\d+", name, re.ASCII) else (
        name in SIGNALS or REAL_TIME.fullmatch(name) is not None
    )  # fmt: skip
    if not known:
        near = difflib.get_close_matches(name, sorted(SIGNALS), n=1)
        raise wrong(instruction, f"there is no signal {instruction.body[:40]!r}.",
            f"Did you mean SIG{near[0]}?" if near else "Such as STOPSIGNAL SIGTERM.")  # fmt: skip
