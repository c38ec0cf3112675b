"""The text after %%image: docker build's own flags, and the few that a notebook adds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from container_magics.core.argparser import FlagParser
from container_magics.core.buildflagslacking import LACKING
from container_magics.core.buildspec import BuildSpec, SecretRef
from container_magics.core.flagtypes import label, pairing, platform
from container_magics.core.names import ImageRef
from container_magics.errors import UsageError

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A %%image line, read. ``spec`` waits for the cell: its Dockerfile is "", nothing is added.

    ``added`` are (path in the context, name of a Python variable), as typed.
    """

    spec: BuildSpec
    added: Pairs = ()
    expand: bool = False
    debug: bool = False
    quiet: bool = False

    def spec_for(
        self, dockerfile: str, added: tuple[tuple[str, bytes], ...] = (), labels: Pairs = ()
    ) -> BuildSpec:
        """The whole spec: the cell's text, the variables' bytes, and labels besides --label."""
        return replace(
            self.spec, dockerfile=dockerfile, added=added, labels=self.spec.labels + labels
        )


def parse_build(line: str) -> BuildRequest:
    """Read the text after %%image; raises UsageError, and then nothing was sent."""
    words = build_parser().parse(line)
    apart([path for path, _ in (*words.add, *words.file)])
    return BuildRequest(
        spec_of(words), tuple(words.add), words.expand, words.debug, quiet=words.quiet
    )


def spec_of(words: argparse.Namespace) -> BuildSpec:
    """The build that the words ask for, without the cell."""
    return BuildSpec(
        dockerfile="",
        tag=tag_of(words),
        context_dir=words.context,
        files=tuple(words.file),
        build_args=tuple(words.build_arg),
        target=words.target or "",
        labels=tuple(words.label),
        no_cache=words.no_cache,
        pull=words.pull,
        network=words.network or "",
        secrets=no_twins(words.secret),
        platforms=words.platform,
        cache_from=tuple(words.cache_from),
        cache_to=tuple(words.cache_to),
    )


def tag_of(words: argparse.Namespace) -> str:
    """The one tag, written as TAG or as -t TAG."""
    given = [tag for tag in (words.image, words.tag) if tag]
    if len(given) != 1:
        raise UsageError(
            "%%image needs one tag, the name of the image it builds.",
            hint="Write %%image NAME or %%image NAME:TAG.",
        )
    ref = ImageRef.parse(given[0])
    if ref.digest:
        raise UsageError(
            f"{given[0]}: a digest cannot be chosen, it follows from the content.",
            hint=f"Write %%image {ref.name}.",
        )
    return str(ref)


def apart(paths: list[str]) -> None:
    """UsageError when one path is given twice, or is to be a file and a folder."""
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError(
                f"{path} is given twice in the build context.", hint="Leave one of the two out."
            )
        if inside := next((one for one in paths if one.startswith(f"{path}/")), None):
            raise UsageError(f"{path} cannot be a file, for {inside} is to be in it.")


def no_twins(secrets: list[SecretRef]) -> tuple[SecretRef, ...]:
    """The same secrets; UsageError when two have one name."""
    names = [secret.name for secret in secrets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--secret gives {twice} twice.", hint="Leave one of the two out.")
    return tuple(secrets)


def build_parser() -> FlagParser:
    """The parser of the text after %%image; its help is the magic's help."""
    parser = FlagParser(
        "%%image",
        description="Build an image: the cell is a Dockerfile.",
        epilog="The build sees no file of yours but what --context, --file and --add give it;\n"
        "of a folder, not what its .dockerignore leaves out. The cell is the Dockerfile, so\n"
        "--file names a file for COPY, and not a Dockerfile as docker build's does.\n"
        "Nothing in the cell is replaced by Python values unless --expand is given.",
    )
    parser.add_argument("image", metavar="TAG", nargs="?", help="the image's name, NAME[:TAG]")
    add_docker_flags(parser)
    add_notebook_flags(parser)
    parser.after["--network"] = "default|none|host"
    parser.lacking = LACKING
    return parser


def add_docker_flags(parser: FlagParser) -> None:
    """Those that mean what they mean after ``docker build``."""
    add = parser.add_argument
    add("-t", "--tag", metavar="TAG", help="the same as TAG")
    add("--build-arg", metavar="NAME=VALUE", type=build_arg, action="append", default=[],
        help="a value for an ARG of the Dockerfile; may be repeated")  # fmt: skip
    add("--target", metavar="STAGE", help="stop at this stage")
    add("--label", metavar="NAME=VALUE", type=label, action="append", default=[],
        help="a label of the image; may be repeated")  # fmt: skip
    add("--no-cache", action="store_true", help="run every step again")
    add("--pull", action="store_true", help="ask the registry for a newer base image")
    add("--secret", metavar="id=NAME[,src=FILE]", type=secret, action="append",
        default=[], help="a file, or with env=NAME the environment's, for RUN --mount=type=secret; "
        "its value is in no output and in no layer; may be repeated")  # fmt: skip
    add("--network", metavar="MODE", help="the network of RUN steps: default, none or host")
    add(
        "--platform",
        metavar="OS/ARCHITECTURE",
        type=platforms,
        default=(),
        help="build for another platform; for several, with commas between, by docker buildx",
    )
    add(
        "--cache-from",
        metavar="IMAGE",
        action="append",
        default=[],
        help="an image whose steps may be used again, or type=KIND,... for docker buildx; may be "
        "repeated",
    )
    add(
        "--cache-to",
        metavar="type=KIND",
        action="append",
        default=[],
        help="where docker buildx leaves the steps, such as type=local,dest=DIR; may be repeated",
    )
    add("-q", "--quiet", action="store_true", help="show no steps, only the result")


def add_notebook_flags(parser: FlagParser) -> None:
    """Those that only a notebook has a use for."""
    add = parser.add_argument
    add("--context", metavar="DIR", help="a folder whose files COPY and ADD may use")
    add("--file", metavar="[PATH=]FILE", type=file, action="append", default=[],
        help="a file for the context, by its own name or as PATH; may be repeated")  # fmt: skip
    add("--add", metavar="PATH=VAR", type=addition, action="append", default=[],
        help="put a Python variable (str or bytes) into the context; may be repeated")  # fmt: skip
    add("--expand", action="store_true", help="put Python values in place of {name} in the cell")
    add("--debug", action="store_true", help="show the Python traceback of an error")


def build_arg(text: str) -> tuple[str, str]:
    """``NAME=VALUE``; unlike docker, a bare NAME is refused: no value slips in unseen."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--build-arg {text}: write NAME=VALUE.", hint="An empty value is NAME= .")
    return name, value


def platforms(text: str) -> tuple[str, ...]:
    """One platform or several, each once, in the order written."""
    return tuple(dict.fromkeys(platform(one) for one in text.split(",")))


def secret(text: str) -> SecretRef:
    """``id=NAME`` with ``src=FILE`` or ``env=VAR``; alone it is the environment's NAME."""
    parts = [part.partition("=") for part in text.split(",")]
    given = {key: value for key, equals, value in parts if equals and value}
    known = {"id", "src", "source", "env", "type"}
    kind, name = given.get("type", ""), given.get("id", "")
    file = given.get("src", given.get("source", ""))
    if (
        not name
        or set(given) - known
        or len(given) != len(parts)
        or kind not in ("", "file", "env")
    ):
        raise UsageError(
            f"--secret {text}: write id=NAME,src=FILE or id=NAME,env=VAR.",
            hint="In the Dockerfile: RUN --mount=type=secret,id=NAME ...",
        )
    if kind == "env" or "env" in given or not file:
        return SecretRef(name, "env", given.get("env") or file or name)
    return SecretRef(name, "file", file)


def addition(text: str) -> tuple[str, str]:
    """``PATH=VAR``: a path inside the context and a Python variable's name."""
    path, variable = pairing(text)
    return context_path(path, "--add"), variable


def file(text: str) -> tuple[str, str]:
    """``PATH=FILE``, or ``FILE`` for the name that it has: a path in the context and a file."""
    path, equals, source = text.partition("=")
    if not equals:
        path, source = PurePosixPath(text).name, text
    if not source or "\0" in source:
        raise UsageError(f"--file {text!r}: write FILE or PATH=FILE.")
    return context_path(path, "--file"), source


def context_path(text: str, flag: str) -> str:
    """The path in its shortest form; UsageError when it does not name a file in a context."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in text:
        raise UsageError(
            f"{flag} {text!r}: that is no path inside the build context.",
            hint="Write it without a leading / and without .., such as conf/app.ini.",
        )
    return str(path)
