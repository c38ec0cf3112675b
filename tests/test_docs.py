"""The pages say what is so: the reference is the code's, links lead somewhere, examples parse."""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from container_magics import cli
from container_magics.core.flags import parse_run
from container_magics.engine import ownership
from container_magics.jupyter.extension import MAGICS
from container_magics.jupyter.workbench import Workbench
from container_magics.reference import actions, commands, error_classes, reference
from container_magics.referencewords import NOUNS, Magic

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted((ROOT / "container_magics").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
IMAGES = ROOT / "docs" / "images"
PICTURES = sorted(IMAGES.glob("*.png"))
DRAWN = {"architecture.svg", "class-cost.svg"}
"""By hand, and by `make bench ARGS=class`: no test makes them, and none can find them old."""
DOCUMENTED = [magic for magics in NOUNS.values() for magic in magics]
PARSERS = [magic.parser() for magic in DOCUMENTED] + list(commands(cli.make_parser()))
LINK = re.compile(r"\]\(([^)\s]+)\)|\bsrc=\"([^\"]+)\"|\bhref=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def title(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def page() -> str:
    return REFERENCE.read_text(encoding="utf-8")


def test_the_reference_is_made_from_this_code() -> None:
    assert page() == reference() + "\n", "run `make reference`"


def test_every_magic_is_in_the_reference() -> None:
    registered = {
        f"{'%' if kind == 'line' else '%%'}{name}"
        for magics in MAGICS
        for kind, names in magics.magics.items()
        for name in names
    }
    assert {magic.parser().prog for magic in DOCUMENTED} == registered
    assert all(f"### `{name}`" in page() for name in registered)


def test_what_engines_can_do_is_said_as_tests_have_seen_it() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests/engine").glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs/engines.md").read_text(encoding="utf-8"))
    assert named
    assert not [name for name in named if f"def {name}(" not in tests and f"{name}.py" not in tests]


def section(heading: str) -> str:
    """What stands under ``### `heading` ``, up to the next heading."""
    return re.split(r"^##", page().partition(f"### `{heading}`\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.prog)
def test_every_flag_is_in_the_reference(parser: argparse.ArgumentParser) -> None:
    text = section(parser.prog)
    assert text
    for action in actions(parser):
        for flag in set(action.option_strings) - {"-h", "--help"}:
            assert f"{flag}" in text, flag
    if "--help" not in text:
        assert "`-h`, `--help`" in page()


def test_h_is_the_host_name_and_not_help_after_a_magic() -> None:
    assert parse_run("-h box image").spec.hostname == "box"
    assert "-h, --hostname" in section("%%container")


def test_every_error_is_in_the_reference() -> None:
    assert not [kind.__name__ for kind in error_classes() if f"| `{kind.__name__}` |" not in page()]


def test_every_setting_is_in_the_reference() -> None:
    own = set(Workbench.class_own_traits(config=True))
    assert own
    assert not [name for name in own if f"| `{name}` |" not in page()]


def test_a_setting_s_default_is_the_one_that_a_reader_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of the stable mode."""
    for name in ("PYTEST_VERSION", "CI", "CONTAINER_MAGICS_STABLE", "CONTAINER_MAGICS_SPARES"):
        monkeypatch.delenv(name, raising=False)
    bench = Workbench.__new__(Workbench)  # its settings need no shell
    for name in Workbench.class_own_traits(config=True):
        (said,) = re.findall(rf"^\| `{name}` \| (.*?) \|", page(), re.MULTILINE)
        assert ast.literal_eval(said.strip("`")) == getattr(bench, name), name


def test_every_label_is_in_the_reference() -> None:
    assert {ownership.SESSION, "container-magics.recipe"} <= set(labels())
    assert not [label for label in labels() if f"| `{label}` |" not in page()]


def labels() -> Iterator[str]:
    """Wherever the package writes one: `PREFIX + "name"`, "container-magics.name"."""
    written = re.compile(rf"PREFIX \+ \"(\w+)\"|\"{re.escape(ownership.PREFIX)}(\w+)\"")
    for path in SOURCES:
        for found in written.finditer(path.read_text(encoding="utf-8")):
            yield ownership.PREFIX + (found[1] or found[2])


def test_every_purpose_is_in_the_reference() -> None:
    (line,) = re.findall(rf"^\| `{re.escape(ownership.PURPOSE)}` \|(.*)", page(), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)) == set(purposes())


def purposes() -> Iterator[str]:
    """Wherever the package says what a thing is for."""
    name = rf"(?:\bPURPOSE|\"{re.escape(ownership.PURPOSE)}\")"
    written = re.compile(
        rf"\.labels\(\"(\w+)\"|\bpurpose(?:: str)? ?= ?\"(\w+)\"|{name}(?: =|,|:) \"(\w+)\""
    )
    for path in SOURCES:
        for found in written.finditer(path.read_text(encoding="utf-8")):
            yield found[1] or found[2] or found[3]


# Read, but nobody sets them for our sake.
OF_THE_SYSTEM = {"PATH", "NOTIFY_SOCKET", "JUPYTER_CONFIG_PATH"}


def variables_read() -> Iterator[str]:
    """Names that the package reads from an environment: `environ.get("X")`, `environ["X"]`."""
    read = re.compile(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"|\"([A-Z_]+)\" in environ")
    for path in SOURCES:
        for found in read.finditer(path.read_text(encoding="utf-8")):
            yield found[1] or found[2]


def test_every_environment_variable_is_in_the_reference() -> None:
    read = set(variables_read()) - OF_THE_SYSTEM
    assert {"DOCKER_HOST", "CI"} <= read
    assert not [name for name in read if f"| `{name}` |" not in page()]


@pytest.mark.parametrize("magic", DOCUMENTED, ids=lambda magic: magic.parser().prog)
def test_an_example_of_the_reference_is_well_typed(magic: Magic) -> None:
    first_line = magic.example.splitlines()[0]
    name, _, words = first_line.partition(" ")
    assert name == magic.parser().prog
    magic.parser().parse(words)


def links(text: str) -> Iterator[str]:
    """The relative links of a Markdown text, without what comes after #."""
    for found in LINK.finditer(FENCE.sub("", text)):
        target = next(group for group in found.groups() if group)
        path = target.partition("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            yield path


def dead_links(folder: Path, text: str) -> list[str]:
    return [path for path in links(text) if not (folder / path).exists()]


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_links_of_a_page_lead_to_files(path: Path) -> None:
    assert not dead_links(path.parent, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=title)
def test_links_of_a_notebook_lead_to_files(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert not dead_links(path.parent, "\n\n".join(texts))


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    text = "[a](there.md#part) [b](gone.md) [c](https://example.org/x) [d](#here)"
    assert dead_links(tmp_path, text) == ["gone.md"]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("path", PICTURES, ids=title)
def test_a_picture_is_the_one_that_its_test_made(path: Path) -> None:
    """The test compares what the picture says with what it sees (tests/browser/picturewords.py)."""
    kept = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert kept["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest(), f"run {kept['test']}"
    file, _, test = kept["test"].partition("[")[0].partition("::")
    assert f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_picture_is_made_by_a_test() -> None:
    kept = {path.name for path in IMAGES.iterdir()}
    made = {name.with_suffix(kind).name for name in PICTURES for kind in (".png", ".json")}
    assert PICTURES
    assert kept - made == DRAWN


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_a_page_names_make_targets_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text)) + [
        body for _, body in FENCE.findall(text)
    ]
    named = {
        name
        for span in spans
        for name in re.findall(r"^(?:\$ )?make ([a-z-]+)", span, re.MULTILINE)
    }
    assert named <= targets()


def test_contributing_names_every_make_target_and_folder() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert not [name for name in targets() if f"`make {name}`" not in text]
    package = [
        path for path in (ROOT / "container_magics").iterdir() if (path / "__init__.py").exists()
    ]
    tests = [path for path in (ROOT / "tests").iterdir() if any(path.glob("*.*"))]
    folders = [path for path in (*package, *tests) if path.is_dir() and path.name != "__pycache__"]
    assert not [title(path) for path in folders if f"`{title(path)}/`" not in text]


def test_the_index_of_decisions_names_each() -> None:
    folder = ROOT / "docs" / "decisions"
    index = set(links((folder / "README.md").read_text(encoding="utf-8")))
    assert index == {path.name for path in folder.glob("[0-9]*.md")}


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_python_examples_parse(path: Path) -> None:
    for language, code in FENCE.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            ast.parse(TransformerManager().transform_cell(code))


def test_the_readmes_cells_are_well_typed() -> None:
    """Every magic line in README's examples is one that its parser takes."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [
        line
        for _, code in FENCE.findall(text)
        for line in code.splitlines()
        if line.startswith("%") and not line.startswith("%load_ext")
    ]
    assert lines
    parsers = {magic.parser().prog: magic.parser for magic in DOCUMENTED}
    for line in lines:
        name, _, words = line.partition(" ")
        parsers[name]().parse(words)
