"""What each instruction asks of its flags and arguments: DockerfileError at its line.

Only what BuildKit refuses whatever the target is (frontend/dockerfile/instructions/parse.go in
moby/buildkit). A stage that the target does not need may hold more nonsense: see
dockerfilestages.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from container_magics.core.dockerfilewords import HEREDOC, Flag, NotStrings, pair_words
from container_magics.core.instruction import Instruction, nested
from container_magics.errors import DockerfileError

NEED_NO_ARGUMENT = {"CMD", "ENTRYPOINT", "RUN"}  # an empty one is accepted by every builder
# The newest reference's flags; an older builder names one that it does not know itself.
FLAGS = {
    "ADD": {"chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"},
    "COPY": {"chown", "chmod", "from", "link", "parents", "exclude"},
    "FROM": {"platform"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
    "RUN": {"mount", "network", "security", "device"},
}
YES_OR_NO = {"link", "keep-git-dir", "parents", "unpack"}
MAY_REPEAT = {"mount", "exclude", "device"}
TAKE_ANY_FLAG = {"ARG", "STOPSIGNAL"}  # BuildKit drops theirs without a look
NETWORKS = {"default", "none", "host"}
STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*\Z")
DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)\Z", re.ASCII)
QUOTED_CHARACTERS = 200


def wrong(instruction: Instruction, sentence: str, hint: str) -> DockerfileError:
    """The error at the instruction's line."""
    line = instruction.lines[0]
    return DockerfileError(
        f"Line {line}: {sentence}", line=line, hint=hint,
        facts=(instruction.text[:QUOTED_CHARACTERS],),
    )  # fmt: skip


def refuse_wrong(instruction: Instruction, *, other_frontend: bool = False) -> None:
    """DockerfileError for an instruction that cannot be carried out as it is written.

    With ``other_frontend`` (``# syntax=``) it may have flags of which we do not know.
    """
    keyword = instruction.keyword
    if not instruction.body and keyword not in NEED_NO_ARGUMENT:
        raise wrong(instruction, f"{keyword} says nothing after its name.",
            f"Write what {keyword} is to do, or remove the line.")  # fmt: skip
    refuse_mixed_list(instruction)
    if not other_frontend:
        refuse_flags(instruction)
    if keyword in RULES:
        RULES[keyword](instruction)


def refuse_mixed_list(instruction: Instruction) -> None:
    """A JSON list holds strings and nothing else, also behind ONBUILD."""
    inner = nested(instruction)
    if inner.keyword in {"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"}:
        try:
            _ = inner.json
        except NotStrings:
            raise wrong(instruction, f"the list after {inner.keyword} holds more than strings.",
                'Put every part in double quotes, such as ["sleep", "5"].') from None  # fmt: skip


def refuse_flags(instruction: Instruction) -> None:
    """Flags that there are, each once, each with the kind of value that it takes."""
    keyword, seen = instruction.keyword, set[str]()
    none = keyword == "HEALTHCHECK" and instruction.words[0].upper() == "NONE"
    if keyword in TAKE_ANY_FLAG or none or not instruction.args.startswith("--"):
        return
    for flag in instruction.flag_list:
        if flag.name not in FLAGS.get(keyword, ()):
            known = ", ".join(f"--{name}" for name in sorted(FLAGS.get(keyword, ())))
            raise wrong(instruction, f"{keyword} has no flag --{flag.name[:40]}.",
                f"It has {known or 'none'}.")  # fmt: skip
        if flag.name in seen and flag.name not in MAY_REPEAT:
            raise wrong(instruction, f"--{flag.name} is given twice.", "Leave one of them out.")
        seen.add(flag.name)
        refuse_value(instruction, flag)


def refuse_value(instruction: Instruction, flag: Flag) -> None:
    """A flag of yes or no may stand alone, any other needs its value."""
    if flag.name in YES_OR_NO:
        if flag.value is not None and flag.value.lower() not in ("true", "false"):
            raise wrong(instruction, f"--{flag.name} is true or false.",
                f"Write --{flag.name} alone, or --{flag.name}=false.")  # fmt: skip
    elif flag.value is None:
        raise wrong(instruction, f"--{flag.name} has no value.", f"Write --{flag.name}=VALUE.")
    elif flag.name == "network" and flag.value not in NETWORKS:
        raise wrong(instruction, f"a RUN has no network {flag.value[:40]!r}.",
            "It takes --network=default, none or host.")  # fmt: skip
    elif flag.name == "mount" and re.search(r"(?:^|,)from=[^,]*\$.", flag.value):
        raise wrong(instruction, "from= of a mount takes no variable.",
            "Name a stage by FROM $IMAGE AS NAME, and mount from that.")  # fmt: skip


def check_from(instruction: Instruction) -> None:
    """One image, or an image, AS and a name."""
    words = instruction.words
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise wrong(instruction, "FROM takes an image and nothing else.",
            "Write FROM IMAGE or FROM IMAGE AS NAME.")  # fmt: skip
    if len(words) == 3 and not STAGE_NAME.match(words[2].lower()):
        raise wrong(instruction, f"{words[2][:40]!r} cannot name a stage.",
            "Use letters, digits, '_', '.' and '-', a letter first.")  # fmt: skip


def check_copy(instruction: Instruction) -> None:
    """At least one source, and a target that is no heredoc."""
    keyword, items = instruction.keyword, instruction.items
    if len(items) < 2:
        raise wrong(instruction, f"{keyword} needs a source and a target.",
            f"Such as {keyword} app.py /srv/app.py.")  # fmt: skip
    if instruction.heredocs and HEREDOC.match(items[-1]):
        raise wrong(instruction, f"{keyword} cannot copy into a heredoc.",
            f"Put the target last: {keyword} <<EOF /path.")  # fmt: skip


def check_pairs(instruction: Instruction) -> None:
    """ENV and LABEL: ``NAME=VALUE ...``, or the old ``NAME the rest``. ONBUILD's too."""
    keyword, words = instruction.keyword, pair_words(instruction.body, instruction.escape)
    if "=" not in words[0] and not instruction.is_legacy_pair:
        raise wrong(instruction, f"{keyword} gives {words[0][:40]!r} no value.",
            f"Write {keyword} NAME=VALUE.")  # fmt: skip
    if instruction.is_legacy_pair:
        return
    bare = next((word for word in words if "=" not in word), None)
    if bare is not None:
        raise wrong(instruction, f"{bare[:40]!r} is no NAME=VALUE.",
            "Quote a value with blanks. A comment needs a line of its own.")  # fmt: skip
    check_names(instruction)


def check_names(instruction: Instruction) -> None:
    """No name is empty."""
    if any(not key for key, _ in instruction.pairs):
        raise wrong(instruction, "a name is missing before the '='.",
            f"Write {instruction.keyword} NAME=VALUE, without blanks around the '='.")  # fmt: skip


def check_shell(instruction: Instruction) -> None:
    """SHELL takes the JSON form alone."""
    if not instruction.json:
        raise wrong(instruction, "SHELL takes a JSON list.", 'Such as SHELL ["/bin/bash", "-c"].')


def check_volume(instruction: Instruction) -> None:
    """At least one path, and none that is empty."""
    if not instruction.items or not all(one.strip() for one in instruction.items):
        raise wrong(instruction, "a VOLUME needs a path.", "Such as VOLUME /var/lib/data.")


def check_healthcheck(instruction: Instruction) -> None:
    """NONE alone, or CMD and a command, with times that are times."""
    words = instruction.words
    if words[0].upper() == "NONE" and len(words) > 1:
        raise wrong(instruction, "HEALTHCHECK NONE takes nothing more.", "Leave the rest out.")
    if words[0].upper() not in ("CMD", "NONE"):
        raise wrong(instruction, f"HEALTHCHECK has no kind {words[0][:40]!r}.",
            "Write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE.")  # fmt: skip
    if words[0].upper() == "CMD":
        command = Instruction("CMD", instruction.body[3:].strip(), instruction.lines, None)
        refuse_mixed_list(command)
        if not command.args or command.json == ():
            raise wrong(instruction, "HEALTHCHECK CMD has no command.",
                "Such as HEALTHCHECK CMD curl -f http://localhost/.")  # fmt: skip
        for flag in instruction.flag_list:
            refuse_time(instruction, flag)


def refuse_time(instruction: Instruction, flag: Flag) -> None:
    """--retries counts from 0; the others are 0 or at least a millisecond."""
    value = flag.value or ""
    if flag.name == "retries":
        if value and not re.fullmatch(r"\+?\d+", value, re.ASCII):
            raise wrong(
                instruction, f"--retries={value[:40]} is no number.", "Such as --retries=3."
            )
    elif value and not is_time(value):
        raise wrong(instruction, f"--{flag.name}={value[:40]} is no time that Docker takes.",
            "Such as 30s, 1m30s or 500ms; at least 1ms.")  # fmt: skip


def is_time(value: str) -> bool:
    """Whether Go's time.ParseDuration reads it, and as 0 or at least a millisecond."""
    if not DURATION.match(value):
        return False
    seconds = {
        "ns": 1e-9,
        "us": 1e-6,
        "µs": 1e-6,
        "μs": 1e-6,
        "ms": 1e-3,
        "s": 1,
        "m": 60,
        "h": 3600,
    }
    parts = re.findall(r"([\d.]+)([a-zµμ]+)", value)
    total = sum(float(number) * seconds[unit] for number, unit in parts)
    return total == 0 or (total >= 1e-3 and not value.startswith("-"))


def check_onbuild(instruction: Instruction) -> None:
    """Three instructions cannot wait for another build; the rest is looked at only then."""
    inner = nested(instruction)
    if inner.keyword in ("ONBUILD", "FROM", "MAINTAINER"):
        raise wrong(instruction, f"ONBUILD cannot keep {inner.keyword} for later.",
            "Write that in the Dockerfile that builds on this image.")  # fmt: skip
    if inner.keyword in ("ENV", "LABEL") and inner.body:
        check_pairs(inner)


RULES: dict[str, Callable[[Instruction], None]] = {
    "ADD": check_copy,
    "ARG": check_names,
    "COPY": check_copy,
    "ENV": check_pairs,
    "FROM": check_from,
    "HEALTHCHECK": check_healthcheck,
    "LABEL": check_pairs,
    "ONBUILD": check_onbuild,
    "SHELL": check_shell,
    "VOLUME": check_volume,
}
