"""What others may rely on: the public names, the error tree, the entry points, the magics."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import container_magics
from container_magics import errors
from container_magics.jupyter.extension import MAGICS
from container_magics.reference import error_classes

PACKAGE = Path(container_magics.__file__).parent
LINE_MAGICS = {
    "container", "containers", "image", "images", "layers", "network", "networks",
    "volume", "volumes", "compose", "sshbox", "ssh", "engine", "doctor",
    "exercise", "check", "hint", "solve", "progress", "vm", "class", "shell",  # and %reset
}  # fmt: skip
CELL_MAGICS = {"container", "image", "compose", "ssh", "exercise"}


def test_the_public_names() -> None:
    names = ["Container", "ContainerMagicsError", "Engine", "connect", "load_ipython_extension"]
    assert sorted(container_magics.__all__) == sorted(names)


@pytest.mark.parametrize("name", container_magics.__all__)
def test_a_public_name_is_there_and_explained(name: str) -> None:
    assert inspect.getdoc(getattr(container_magics, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        container_magics.no_such_name  # noqa: B018


def test_connect_gives_an_engine_that_answers() -> None:
    engine = container_magics.connect()
    try:
        assert isinstance(engine, container_magics.Engine)
        assert engine.facts().version
    finally:
        engine.close()


def drawn_tree() -> Iterator[tuple[str, str]]:
    """(error, the one that it is a kind of) pairs, as errors.py's docstring draws them."""
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([| ]*(?:\+-- )?)([A-Z]\w+)(?:\s|$)", line)
        if found:
            while above and above[-1][0] >= len(found[1]):
                above.pop()
            yield found[2], above[-1][1] if above else "Exception"
            above.append((len(found[1]), found[2]))


def test_the_drawn_tree_is_the_tree() -> None:
    real = [(kind.__name__, kind.__bases__[0].__name__) for kind in error_classes()]
    assert list(drawn_tree()) == real


# Raised by the language's own rules, not for a reader: a missing attribute, and what a
# function that is called wrongly by other code says.
PYTHONS_OWN = {
    "AttributeError", "TypeError", "ValueError", "KeyboardInterrupt", "SystemExit", "CellStopped",
}  # fmt: skip


def raised() -> Iterator[tuple[str, str]]:
    """("file:line", name) for each `raise Name(...)` and `raise module.Name(...)`."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            thrown = node.exc if isinstance(node, ast.Raise) else None
            kind = thrown.func if isinstance(thrown, ast.Call) else thrown
            name = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
            if name[:1].isupper():
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", name


def test_every_error_that_is_raised_is_in_the_tree() -> None:
    known = {kind.__name__ for kind in error_classes()} | PYTHONS_OWN
    known.add("WireError")  # core/protowire.py's; its one caller makes an error of ours of it
    known |= {"BadWord", "NotStrings"}  # a Dockerfile's words; the parser makes a DockerfileError
    known.add("NoSuchImage")  # engine/base.py's name for our ImageNotFound, beside the SDK's
    known.add("ConnectionAbortedError")  # session/carry.py's; told() makes an EngineLost of it
    known.add("ConnectionResetError")  # engine/sshclient.py's; it makes an SshFailed of it
    known.add("ReadError")  # engine/tarends.py's; files.opened makes a BadArchive of it
    known.add("KernelNotStarted")  # jupyter/provisioner.py's: one of ours, told to a server
    known.add("NotImplementedError")  # jupyter/listing.py's: IPython then shows it as all else
    known.add("TraitError")  # how a setting's validator says no (traitlets)
    strangers = [(where, name) for where, name in raised() if name not in known]
    assert not strangers


def test_every_error_can_be_made_and_told() -> None:
    values = {"line": 3, "status": 500, "exit_status": 7, "rule": "a.rule", "file": "/a/file"}
    values |= {"engine": "unix:///a.sock", "feature": "run"}
    for kind in error_classes():
        if kind is errors.NotSupported:  # it makes its sentence itself: see the next test
            continue
        asked = inspect.signature(kind).parameters
        error = kind(
            "It broke.",
            hint="Mend it.",
            facts=("a fact",),
            **{name: value for name, value in values.items() if name in asked},
        )
        assert error.told() == [f"{kind.__name__}: It broke.", "Mend it.", "  a fact"]


def test_what_is_not_supported_is_told_by_its_name() -> None:
    error = errors.NotSupported("Podman", "--secret", "Mend it.", facts=("a fact",))
    words = "NotSupported: --secret: Podman cannot do this."
    assert error.told() == [words, "Mend it.", "  a fact"]
    assert str(errors.NotSupported("a", "class", why="it is in no swarm")) == (
        "class: it is in no swarm."
    )


def test_the_magics_are_those_that_are_documented() -> None:
    shell = InteractiveShell()
    before = {kind: set(names) for kind, names in shell.magics_manager.magics.items()}
    container_magics.load_ipython_extension(shell)
    try:
        after = shell.magics_manager.magics
        assert set(after["line"]) - before["line"] == LINE_MAGICS
        assert set(after["cell"]) - before["cell"] == CELL_MAGICS
    finally:
        container_magics.unload_ipython_extension(shell)


def test_every_magic_has_help() -> None:
    for magics in MAGICS:
        for names in magics.magics.values():
            for method in names.values():
                assert "--debug" in (inspect.getdoc(getattr(magics, str(method))) or "")


def test_the_command_is_installed() -> None:
    program = shutil.which("container-magics", path=sysconfig.get_path("scripts"))
    assert program, "pip install did not make the command"
    done = subprocess.run([program, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "doctor" in done.stdout


def test_the_kernel_is_installed() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "jupyter", "kernelspec", "list", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    spec = json.loads(listed.stdout)["kernelspecs"]["container-magics"]["spec"]
    assert spec["display_name"] == "Python (containers)"
    assert "--ext=container_magics" in spec["argv"]


def test_the_version_is_said_once() -> None:
    assert distribution("container-magics").version == container_magics.__version__
