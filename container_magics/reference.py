"""docs/reference.md, made from the code: ``python -m container_magics.reference`` prints it.

Flags, verbs, errors, settings and names are read where the code keeps them; the sentences in
between are in referencewords.py.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator, Sequence

import container_magics
from container_magics import cli, errors
from container_magics import referencewords as words
from container_magics.core.flags import run_parser
from container_magics.core.languages import LANGUAGES, Language
from container_magics.jupyter.workbench import Workbench
from container_magics.referencewords import HELP, NOUNS, Magic


def reference() -> str:
    """The whole page."""
    return "\n".join(
        [
            words.HEADING,
            *_magics(),
            *_command(),
            *_errors(),
            *_python(),
            *_environment(),
            *_rules(),
        ]
    )


def _magics() -> Iterator[str]:
    for noun, magics in NOUNS.items():
        yield f"## {noun}\n"
        for magic in magics:
            yield from _magic(magic)
            if magic.parser is run_parser:
                yield from _interpreters()


def _magic(magic: Magic) -> Iterator[str]:
    parser = magic.parser()
    yield f"### `{parser.prog}`\n"
    yield from _prose(parser.description or "")
    yield f"```\n{magic.example}\n```\n"
    yield _arguments(parser)
    yield from _prose(parser.epilog or "")


def _interpreters() -> Iterator[str]:
    yield "### Who reads the cell\n"
    rows = [(f"`--as {name}`", f"`{_program(known)}`") for name, known in LANGUAGES.items()]
    yield _table(("flag", "what is run in the container"), rows)
    yield words.INTERPRETED
    yield words.STOPPING


def _program(known: Language) -> str:
    """What is typed to run a language, a word of several words in quotation marks."""
    words = (word if " " not in word else f'"{word}"' for word in known.words("CELL", "FILE"))
    return " ".join(words)


def _command() -> Iterator[str]:
    yield "## The command `container-magics`\n"
    yield words.COMMAND
    for parser in commands(cli.make_parser()):
        yield f"### `{parser.prog}`\n"
        yield from _prose(parser.description or "")
        yield _arguments(parser)


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands under ``parser``, each before those under it."""
    for action in actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no other name
            for each in action.choices.values():
                yield each
                yield from commands(each)


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments of a parser, in the order in which they were added."""
    return parser._actions  # noqa: SLF001 - argparse has no public way to list them


def _arguments(parser: argparse.ArgumentParser) -> str:
    rows = [
        (f"`{_typed(action)}`", (action.help or "") % {**vars(action), "prog": parser.prog})
        for action in actions(parser)
        if action.option_strings != HELP and action.nargs != argparse.PARSER
    ]
    return _table(("argument", "meaning"), rows)


def _typed(action: argparse.Action) -> str:
    """An argument as one types it: ``-e, --env NAME=VALUE``; in brackets what may be left out."""
    value = str(action.metavar or action.dest.upper())
    if action.option_strings:
        flags = ", ".join(action.option_strings)
        return flags if action.nargs == 0 else f"{flags} {value}"
    several = f"{value} ..." if action.nargs in ("*", "+") else value
    return f"[{several}]" if action.nargs in ("?", "*") and "[" not in value else several


def _prose(text: str) -> Iterator[str]:
    """Paragraphs as they are; lines that start with two spaces ("  verb  meaning") as a table."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("  "):
            rows = [line.strip().split(maxsplit=1) for line in paragraph.splitlines()]
            yield _table(("verb", "meaning"), [(f"`{verb}`", what) for verb, what in rows])
        elif paragraph:
            yield f"{paragraph}\n"


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield words.ERRORS
    tree = (errors.__doc__ or "").split("\n\n")[1]
    yield f"```\n{inspect.cleandoc(tree)}\n```\n"
    rows = [
        (f"`{kind.__name__}`", _sentence(kind), ", ".join(f"`{name}`" for name in carried(kind)))
        for kind in error_classes()
    ]
    yield _table(("error", "meaning", "carries, beside `hint` and `facts`"), rows)


def error_classes() -> list[type[errors.ContainerMagicsError]]:
    """Every error of errors.py, in its order."""
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ContainerMagicsError)
    ]


def carried(kind: type[errors.ContainerMagicsError]) -> list[str]:
    """The attributes that an error of this kind has beside those of all."""
    return [
        name
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("hint", "facts")
    ]


def _python() -> Iterator[str]:
    yield "## In Python\n"
    rows = [
        (f"`container_magics.{name}`", _sentence(getattr(container_magics, name)))
        for name in container_magics.__all__
    ]
    yield _table(("name", "what it is"), rows)


def _environment() -> Iterator[str]:
    yield "## Environment variables\n"
    yield _table(("variable", "meaning"), [(f"`{name}`", what) for name, what in words.ENVIRONMENT])
    yield words.SEARCH
    yield "## Settings\n"
    yield "In `ipython_config.py` of your IPython profile, as `c.Workbench.NAME = VALUE`.\n"
    rows = [
        (f"`{name}`", _default(trait.default()), str(trait.help))
        for name, trait in sorted(Workbench.class_traits(config=True).items())
        if name in Workbench.class_own_traits()
    ]
    yield _table(("setting", "default", "meaning"), rows)


def _default(value: object) -> str:
    """A setting's default as one would write it; thousands set apart."""
    return f"{value:_}" if type(value) is int else f"`{value!r}`"


def _rules() -> Iterator[str]:
    yield "## The stable mode\n"
    yield words.STABLE
    yield "## Labels\n"
    yield _table(("label", "value"), [(f"`{name}`", what) for name, what in words.LABELS.items()])
    yield words.SWEEPING.rstrip("\n")


def _sentence(thing: object) -> str:
    """The first paragraph of a docstring, on one line, its code as Markdown writes it."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("``", "`")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; empty for no rows."""
    if not rows:
        return ""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


if __name__ == "__main__":
    sys.stdout.write(reference() + "\n")
