"""Tab in a magic's line: flags and verbs from its parser, names from the engine, at once."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.interactiveshell import InteractiveShell

from container_magics.core.argparser import FlagParser
from container_magics.core.cellbody import in_body
from container_magics.core.completion import Kind, Wanted, magic_at, wanted
from container_magics.jupyter.enginenames import PATIENCE_S, EngineNames
from container_magics.jupyter.workbench import Workbench

MATCHER = "container_magics"
FIRST = 1000.0
"""The priority: before IPython's own, which then need not be asked."""
SPECIAL = re.compile(r"""([\s'"\\])""")


class Silence:
    """No completions, but for IPython's count some: only so are Python's names and files kept
    from a place where none of them can stand."""

    def __len__(self) -> int:
        """As if there were one."""
        return 1

    def __iter__(self) -> Iterator[SimpleCompletion]:
        """None."""
        return iter(())


def install(bench: Workbench) -> None:
    """Let the shell ask us first. A matcher of an earlier load goes."""
    uninstall(bench.shell)
    tab = Tab(bench)

    def matcher(context: CompletionContext) -> Any:
        return tab.matches(context.full_text, context.cursor_line, context.cursor_position)

    described = context_matcher(priority=FIRST, identifier=MATCHER)
    bench.shell.Completer.custom_matchers.append(described(matcher))


def uninstall(shell: InteractiveShell) -> None:
    """Let the shell ask us no more."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if matcher_name(each) != MATCHER]


def matcher_name(matcher: object) -> str:
    """What a matcher is known by, if it says so."""
    return str(getattr(matcher, "matcher_identifier", ""))


class Tab:
    """Completes the lines of our magics in one shell."""

    def __init__(self, bench: Workbench) -> None:
        """Take the shell's workbench; the engine is asked when a name is first wanted."""
        self.bench = bench
        self.names = EngineNames(lambda: bench.engine)

    def matches(self, text: str, line: int, column: int) -> dict[str, Any]:
        """IPython's MatcherResult (its API version 2) for a cursor in a cell's text.

        In a line of ours, and in a body that is not Python, nobody else is asked, even when we
        know nothing.
        """
        place = magic_at(text, line, column)
        parser = parser_of(self.bench.shell, place[0]) if place else None
        asked = wanted(parser, place[1]) if place and parser else in_body(text, line, column)
        if asked is None:
            return {"completions": []}
        return {
            "completions": list(self.completions(asked)) or Silence(),
            "matched_fragment": asked.fragment,
            "suppress": True,
            "ordered": True,
        }

    def completions(self, asked: Wanted) -> Iterator[SimpleCompletion]:
        """What is put in place of the fragment: words in the parser's order, then names."""
        for word in asked.words:
            yield completion(asked, word, "flag" if word.startswith("-") else "word")
        limit_s = time.monotonic() + PATIENCE_S
        for kind in asked.kinds:
            for name in self.named(kind, asked, limit_s):
                if name.startswith(asked.typed):
                    yield completion(asked, name, kind)

    def named(self, kind: Kind, asked: Wanted, limit_s: float) -> list[str]:
        """Names of that kind, those that begin as typed among them; the engine has until
        ``limit_s`` of the monotonic clock for all kinds together."""
        match kind:
            case "place":
                return places()
            case "variable":
                return variables(self.bench.shell)
            case "language":
                return list(self.bench.known_languages)
            case "file" | "folder":
                return paths(asked.typed, folders=kind == "folder")
        names = self.names.of(kind, max(0.0, limit_s - time.monotonic()))
        if kind != "service":
            return names
        project = asked.project + "/"
        return [name.removeprefix(project) for name in names if name.startswith(project)]


def places() -> list[str]:
    """The words after %engine use."""
    from container_magics.engine.choosing import known_words

    return list(known_words(os.environ, Path.home()))


def completion(asked: Wanted, word: str, kind: str) -> SimpleCompletion:
    """The end of ``word`` that is not on the line yet, or is there unquoted."""
    end = word[len(asked.typed) - len(asked.fragment) :]
    return SimpleCompletion(end if asked.quoted else SPECIAL.sub(r"\\\1", end), type=kind)


def parser_of(shell: InteractiveShell, magic: str) -> FlagParser | None:
    """The parser of a magic of ours as typed ("%%image"); None for any other.

    The magic has its parsers from ``common.told``, so a new one completes by itself.
    """
    method = shell.find_magic(magic.lstrip("%"), "cell" if magic.startswith("%%") else "line")
    parsers = (make() for make in getattr(method, "parsers", ()))
    return next((parser for parser in parsers if parser.prog == magic), None)


def variables(shell: InteractiveShell) -> list[str]:
    """The notebook's variables, sorted; no functions, no modules, nothing of IPython's."""
    return sorted(
        name
        for name, value in shell.user_ns.items()
        if not name.startswith("_")
        and name not in shell.user_ns_hidden
        and not callable(value)
        and not isinstance(value, ModuleType)
    )


def paths(typed: str, *, folders: bool) -> list[str]:
    """Files and folders whose path begins with ``typed``, folders with a / at the end; hidden
    ones only when a dot is typed."""
    begin = typed[: typed.rfind("/") + 1]
    hidden = typed[len(begin) :].startswith(".")
    try:
        with os.scandir(Path(begin or ".").expanduser()) as entries:
            found = [(entry.name, entry.is_dir()) for entry in entries]
    except (OSError, RuntimeError):  # no such folder, may not be read, no such user's home
        return []
    return sorted(
        begin + name + "/" * is_folder
        for name, is_folder in found
        if (is_folder or not folders) and (hidden or not name.startswith("."))
    )
