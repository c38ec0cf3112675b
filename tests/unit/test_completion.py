"""What Tab is to offer in a magic's line: read from the parsers, for every magic there is."""

from __future__ import annotations

import argparse

import pytest

from container_magics.core.argparser import FlagParser
from container_magics.core.buildflags import build_parser
from container_magics.core.completion import NAMED, Wanted, magic_at, wanted
from container_magics.core.composeflags import compose_parser, project_parser
from container_magics.core.flags import run_parser
from container_magics.core.imageflags import image_parser, images_parser
from container_magics.core.layersflags import layers_parser
from container_magics.core.listflags import network_parser, volume_parser
from container_magics.core.sshflags import VERBS, ssh_parser, sshbox_parser
from container_magics.core.verbs import (
    CONTAINER_VERBS,
    container_parser,
)
from container_magics.core.waits import FORMS
from container_magics.referencewords import NOUNS, Magic

UNKNOWN = {"SERVICE": "of a project: it would take a call for each", "PATH": "in a container"}
EVERY = [magic for magics in NOUNS.values() for magic in magics]


def of(wish: Wanted) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return wish.typed, wish.words, wish.kinds


@pytest.mark.parametrize("magic", EVERY, ids=lambda magic: magic.parser().prog)
def test_every_flag_of_every_magic_is_offered(magic: Magic) -> None:
    parser = magic.parser()
    offered = wanted(parser, "-").words
    assert sorted(offered) == sorted(parser.options)
    for flag in parser.options:
        assert flag in wanted(parser, flag[:-1]).words


@pytest.mark.parametrize("magic", EVERY, ids=lambda magic: magic.parser().prog)
def test_every_variable_of_every_magic_is_offered(magic: Magic) -> None:
    """Whatever flag says VAR takes a variable, in whichever part of its value."""
    parser = magic.parser()
    for flag, action in parser.options.items():
        if "VAR" in str(action.metavar) and action.nargs is None:
            before = "name=" if "=" in str(action.metavar) else ""
            assert of(wanted(parser, f"{flag} {before}da")) == ("da", (), ("variable",))


def test_whatever_parsers_say_of_names_is_understood() -> None:
    """A word of ``after`` in capitals is a metavar that Tab knows."""
    for magic in EVERY:
        for takes in magic.parser().after.values():
            for each in takes.replace("|", " ").replace("...", " ").split():
                assert each == each.lower() or each.partition(":")[0] in NAMED | UNKNOWN


def test_a_flag_that_is_new_completes_by_itself() -> None:
    parser = FlagParser("%%new")
    parser.add_argument("--brand-new", metavar="IMAGE")
    assert wanted(parser, "--b").words == ("--brand-new",)
    assert wanted(parser, "--brand-new ").kinds == ("image",)


def test_a_verb_and_then_what_it_takes() -> None:
    parser = container_parser()
    assert wanted(parser, "").words == tuple(CONTAINER_VERBS)
    assert wanted(parser, "re").words == tuple(v for v in CONTAINER_VERBS if v.startswith("re"))
    assert wanted(parser, "stop ").kinds == ("running",)
    assert wanted(parser, "stop a b ").kinds == ("running",)
    assert wanted(parser, "rm we").kinds == ("container",)
    assert wanted(parser, "rm -f we").kinds == ("container",)
    assert wanted(parser, "commit web ").kinds == ("image",)
    assert "--debug" in wanted(parser, "commit web image ").words


def test_what_has_no_names_offers_the_flags() -> None:
    assert "--context" in wanted(build_parser(), "").words
    assert wanted(container_parser(), "sweep ").words == ("--debug",)
    assert "--out" in wanted(run_parser(), "python:3 ").words
    assert wanted(run_parser(), "python:3 x").words == ()


@pytest.mark.parametrize(
    ("line", "typed", "kinds"),
    [
        ("", "", ("image",)),
        ("pyth", "pyth", ("image",)),
        ("-d --name web pyth", "pyth", ("image",)),
        ("--in ", "", ("running",)),
        ("--in=we", "we", ("running",)),
        ("--as py", "py", ("language",)),
        ("--network ", "", ("network",)),
        ("-v da", "da", ("volume",)),
        ("-v ./da", "./da", ("file",)),
        ("-v /da", "/da", ("file",)),
        ("-v ~/da", "~/da", ("file",)),
        ("-v data:/wo", "/wo", ()),
        ("--name ", "", ()),
        ("-e ", "", ()),
        ("-dv ", "", ("volume",)),
        ("-p 80 ", "", ("image",)),
        ("-p80 ", "", ("image",)),
        ("-- -x", "-x", ("image",)),
        ("img --exec ls ", "", ()),
        ("img --exec ls --al", "--al", ()),
    ],
)
def test_after_the_run_magic(line: str, typed: str, kinds: tuple[str, ...]) -> None:
    assert of(wanted(run_parser(), line)) == (typed, (), kinds)


def test_a_copy_has_a_container_or_a_file_at_either_end() -> None:
    parser = container_parser()
    assert of(wanted(parser, "cp we")) == ("we", (), ("container", "file"))
    assert of(wanted(parser, "cp web:/et")) == ("/et", (), ())
    assert of(wanted(parser, "cp web:/etc/passwd pass")) == ("pass", (), ("container", "file"))


def test_images_boxes_and_layers() -> None:
    assert wanted(image_parser(), "rm ").kinds == ("image",)
    assert wanted(image_parser(), "rm a b").kinds == ("image",)
    assert wanted(image_parser(), "load x").kinds == ("file",)
    assert wanted(images_parser(), "p").kinds == ("image",)
    assert wanted(layers_parser(), "").kinds == ("image", "container")
    assert of(wanted(sshbox_parser(), "")) == ("", tuple(VERBS), ("box",))
    assert of(wanted(sshbox_parser(), "reset ")) == ("", (), ("box",))
    assert of(wanted(ssh_parser(), "bo")) == ("bo", (), ("box",))


def test_flags_of_another_verb_are_not_offered() -> None:
    parser = container_parser()
    assert {"--for", "--timeout"} <= set(wanted(parser, "wait --").words)
    assert "--until" not in wanted(parser, "wait --").words
    assert {"--until", "--tail", "--follow"} <= set(wanted(parser, "logs web --").words)
    assert wanted(parser, "stop --").words == ("--debug",)
    assert wanted(network_parser(), "connect --").words == ("--alias", "--debug")
    assert wanted(volume_parser(), "rm --").words == ("--debug",)


def test_conditions_of_a_wait() -> None:
    found = wanted(container_parser(), "wait web --for h").words
    assert found == ("healthy", "http:/")
    for each in wanted(container_parser(), "wait web --for ").words:
        assert each in FORMS, "what Tab offers is what --for takes"


def test_projects_of_compose() -> None:
    assert wanted(compose_parser(), "sh").kinds == ("project",)
    assert wanted(project_parser(), "logs ").kinds == ("project",)
    assert wanted(project_parser(), "down shop ").kinds == ()
    for typed in ("logs shop w", "logs --tail 3 shop web w"):
        asked = wanted(project_parser(), typed)
        assert (asked.kinds, asked.project, asked.typed) == (("service",), "shop", "w")
    assert "--debug" in wanted(project_parser(), "list ").words


def test_choices_are_words() -> None:
    parser = FlagParser("%new")
    parser.add_argument("--how", choices=["well", "ill"])
    parser.after["--for"] = "healthy|exit|log:"
    parser.add_argument("--for")
    assert wanted(parser, "--how w").words == ("well",)
    assert wanted(parser, "--for ").words == ("healthy", "exit", "log:")


@pytest.mark.parametrize(
    ("line", "typed", "fragment", "quoted"),
    [
        ("-v ./my", "./my", "./my", False),
        ("-v ./my\\ fo", "./my fo", "fo", False),
        ("-v './my fo", "./my fo", "./my fo", True),
        ('-v "./my fo', "./my fo", "./my fo", True),
        ('-v ./"my fo"ld', "./my fold", "ld", False),
        ("--put 'a b'=da", "da", "da", False),
        ("--put 'a b=da", "da", "da", True),
        ("--put a=", "", "", False),
    ],
)
def test_quotation_marks(line: str, typed: str, fragment: str, quoted: bool) -> None:
    wish = wanted(run_parser(), line)
    assert (wish.typed, wish.fragment, wish.quoted) == (typed, fragment, quoted)


@pytest.mark.parametrize(
    ("cell", "place", "found"),
    [
        ("%container stop we", None, ("%container", "stop we")),
        ("  %container stop ", None, ("%container", "stop ")),
        ("boxes = %sshbox list", None, ("%sshbox", "list")),
        ("x = 1\n%images py\ny = 2", (1, 9), ("%images", "p")),
        ("%%container img --o\necho", (0, 19), ("%%container", "img --o")),
        ("\n%%container img", None, ("%%container", "img")),
        ("%%container img\n%images py", None, None),
        ("x = 1\n%%container img", None, None),
        ("%container", None, None),
        ("x % y ", None, None),
        ("print('%images x", None, None),
        ("", None, None),
        ("\n", None, None),
    ],
)
def test_where_a_magic_reads(
    cell: str, place: tuple[int, int] | None, found: tuple[str, str] | None
) -> None:
    lines = cell.split("\n")
    line, column = place or (len(lines) - 1, len(lines[-1]))
    assert magic_at(cell, line, column) == found


def test_no_beginning_of_a_line_breaks_it() -> None:
    """Tab may be pressed after every character that anybody types."""
    line = "-dv './a b:/c' --put x\\ y=z --in=w --as \"py\" -- rm -f ' --exec a | b"
    for magic in EVERY:
        for end in range(len(line) + 1):
            wish = wanted(magic.parser(), line[:end])
            assert line[:end].endswith(wish.fragment)
            assert wish.typed.endswith(wish.fragment)


def test_a_parser_that_repeats_its_last_word() -> None:
    parser = FlagParser("%new")
    parser.add_argument("names", metavar="VOLUME", nargs="*")
    parser.add_argument("--rest", metavar="IMAGE", nargs=argparse.REMAINDER)
    assert wanted(parser, "a b c").kinds == ("volume",)
    assert wanted(parser, "--rest x y").kinds == ("image",)
