"""Python values into a container and back: --stdin, --put and --get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from container_magics.core.flagtypes import environment_lines
from container_magics.core.script import Script
from container_magics.core.spec import CellOptions, ContainerSpec
from container_magics.core.transfer import Put, Transfer
from container_magics.engine.files import too_large
from container_magics.engine.packing import on_this_machine
from container_magics.errors import UsageError
from container_magics.jupyter.workbench import Workbench
from container_magics.session.values import bytes_of_value

CARRIED = "Give a str, bytes, a DataFrame, an open file, a pathlib.Path or an iterator of lines."


def fed(bench: Workbench, options: CellOptions, script: Script | None = None) -> bytes | None:
    """What the program reads: --stdin, or the cell where the script says so; None for nothing.

    UsageError for both, and for a value that cannot be fed.
    """
    cell = script.stdin if script else None
    if not options.stdin:
        return cell
    if cell is not None:
        raise UsageError(
            "--stdin and the cell would both be the program's stdin.",
            hint="Leave the cell blank, or leave out --stdin.",
        )
    value = bench.variable(options.stdin)
    if isinstance(value, Path) and value.expanduser().is_dir():
        raise UsageError(f"--stdin {options.stdin}: {value} is a folder.")
    return content_of(value, f"--stdin {options.stdin}", bench.file_limit_bytes)


def environment_of(spec: ContainerSpec, options: CellOptions) -> tuple[tuple[str, str], ...]:
    """The variables of --env-file in their order, and then those of -e, which win."""
    found: dict[str, str] = {}
    for name in options.env_files:
        path = Path(name).expanduser()
        with on_this_machine(path):
            text = path.read_bytes().decode("utf-8", "replace")
        found |= dict(environment_lines(text, name))
    return tuple((found | dict(spec.environment)).items())


def transfer_of(bench: Workbench, options: CellOptions) -> Transfer:
    """What --put and --get ask for, the variables read."""
    limit_bytes = bench.file_limit_bytes
    return Transfer(
        tuple(put_of(path, name, bench.variable(name), limit_bytes) for path, name in options.put),
        tuple(path for path, _ in options.get),
        limit_bytes,
    )


def put_of(path: str, name: str, value: object, limit_bytes: int) -> Put:
    """One --put: a Path is copied as it is, a folder whole; anything else becomes a file."""
    if isinstance(value, Path):
        source = value.expanduser()
        with on_this_machine(source):
            return Put(path, source=str(source.absolute() if source.name else source.resolve()))
    if path.endswith("/"):
        raise UsageError(
            f"--put {path}={name}: the path names a folder.", hint=f"Such as {path}{name}.txt."
        )
    return Put(path, content_of(value, f"--put {path}={name}", limit_bytes))


def content_of(value: object, flag: str, limit_bytes: int) -> bytes:
    """A value as bytes. An open file and an iterator are read to their end, and no further than
    the limit. TooLarge; UsageError, which names the flag, for what is no content."""
    try:
        if isinstance(value, Path):
            return file_content(value.expanduser(), limit_bytes)
        if callable(write := getattr(value, "write_csv", None)):
            return bytes_of_value(write())
        if callable(read := getattr(value, "read", None)):
            return within(flag, [read(limit_bytes + 1)], limit_bytes)
        if isinstance(value, Iterator):
            return within(flag, value, limit_bytes)
        data = bytes_of_value(value)
    except UsageError as error:
        raise UsageError(
            f"{flag}: a {type(value).__name__} cannot be carried.", hint=CARRIED
        ) from error
    too_large(flag, len(data), limit_bytes)
    return data


def file_content(path: Path, limit_bytes: int) -> bytes:
    """A file of this machine."""
    with on_this_machine(path), path.open("rb") as file:
        too_large(str(path), path.stat().st_size, limit_bytes)
        return within(str(path), [file.read(limit_bytes + 1)], limit_bytes)


def within(flag: str, parts: Iterable[Any], limit_bytes: int) -> bytes:
    """The parts (str or bytes) one after another, as ``writelines`` would write them."""
    data = bytearray()
    for part in parts:
        data += bytes_of_value(part)
        too_large(flag, len(data), limit_bytes)
    return bytes(data)


def text_or_bytes(content: bytes) -> str | bytes:
    """Text where it is UTF-8, else the bytes as they are; as --out has it."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def value_of(content: bytes | dict[str, bytes]) -> str | bytes | dict[str, str | bytes]:
    """A --get's value: a file's content, or of a folder the files' content by their paths."""
    if isinstance(content, dict):
        return {path: text_or_bytes(each) for path, each in content.items()}
    return text_or_bytes(content)
