"""The house stands: who may import whom, what is pure, how long a module may be.

The rules are those of docs/decisions/0001-floors.md. Every import statement counts, wherever
it stands: at the top, inside a function, or for the type checker alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "container_magics"

# floor -> the floors that it may import from. A floor is a folder, or a module beside them.
ARROWS = {
    "errors": set(),
    "core": {"errors", "core"},
    "engine": {"errors", "core", "engine"},
    "view": {"errors", "core", "view"},
    "session": {"errors", "core", "engine", "session"},
    "practice": {"errors", "core", "engine", "session", "practice"},
    "classroom": {"errors", "core", "engine", "session", "practice", "classroom"},
    "jupyter": {
        "errors",
        "core",
        "engine",
        "view",
        "session",
        "practice",
        "classroom",
        "jupyter",
    },
    "smoke": {"errors", "core", "engine", "session", "practice"},
    "lab": {"errors", "core", "engine", "session", "practice", "smoke"},
    "cli": {
        "errors",
        "core",
        "engine",
        "view",
        "session",
        "practice",
        "lab",
        "clilayers",
        "clibook",
        "cliexercises",
        "clikernels",
    },
    "clilayers": {"errors", "core", "engine", "view", "session"},
    "clibook": {"core", "jupyter"},
    "cliexercises": {"errors", "core", "engine", "jupyter"},
    "clikernels": {"errors", "core", "engine", "jupyter"},
    "launch": {"errors", "core", "engine"},
    "referencewords": {"core", "engine", "session", "practice", "jupyter"},
    "kernel": {"jupyter"},
    "reference": {"__init__", "errors", "core", "jupyter", "cli", "referencewords"},
    # The door of the house: it names what is inside, and opens it only when asked.
    "__init__": {"errors", "engine", "session", "jupyter"},
}

# Someone else's package -> the only floors that may import it.
ONLY_IN = {
    "docker": {"engine"},
    "requests": {"engine"},
    "urllib3": {"engine"},
    "asyncssh": {"engine"},
    "backports": {"core"},
    "compression": {"core"},  # Python's own from 3.14 on
    "h2": {"engine"},
    "psutil": {"engine"},
    "msgspec": {"core"},
    "platformdirs": {"engine"},
    "yaml": {"core"},
    "IPython": {"jupyter", "__init__"},  # __init__: the type of load_ipython_extension's argument
    "ipykernel": {"jupyter"},
    "anywidget": {"jupyter"},
    "ipywidgets": {"jupyter"},
    "traitlets": {"jupyter", "reference"},  # reference: reads the settings' names and defaults
    "jupyter_client": {"jupyter"},
    "jupyter_core": {"jupyter"},
    "jupyter_server": {"jupyter"},
    "jupyterlab": {"jupyter"},
    "jinja2": {"jupyter"},
    "nbconvert": {"jupyter"},
    "nbformat": {"jupyter"},
    "pygments": {"jupyter"},
    "tornado": {"jupyter"},
    "zmq": {"jupyter"},
    "pandas": {"jupyter", "session"},  # session: Container.df
}

PURE_FLOORS = ("errors", "core", "view")
# All that a pure floor may import of the standard library. None of these does I/O when it is
# called without a file, except where IMPURE_IMPORTS and IMPURE_METHODS say so.
PURE_MODULES = {
    "__future__", "argparse", "base64", "binascii", "bisect", "codecs", "collections",
    "dataclasses", "datetime", "difflib", "enum", "functools", "hashlib", "heapq", "html",
    "ipaddress", "itertools", "json", "keyword", "math", "operator", "pathlib", "posixpath", "re",
    "shlex", "stat", "string", "struct", "textwrap", "tomllib", "types", "typing", "unicodedata",
    "zlib",
}  # fmt: skip
# Names in those modules, and among the builtins, that reach a file, a clock or a terminal.
IMPURE_IMPORTS = {"pathlib", "pathlib.Path", "pathlib.PosixPath", "codecs.open"}
IMPURE_CALLS = {"open", "print", "input", "breakpoint", "exec", "eval", "__import__"}
IMPURE_METHODS = {"now", "utcnow", "today"}
# The generator of view.ts: a program for `make view-ts`, which writes to standard output.
PURE_BUT = {
    "view/typescript.py": {"inspect", "sys"},
    "core/composefile.py": {"yaml"},
    "core/layerindex.py": {"msgspec"},
    "core/progress.py": {"csv", "io"},  # csv writes into a text in memory
    "core/grades.py": {"csv", "io"},
    "core/roster.py": {"csv"},  # of lines that are in memory
    "core/layerunpack.py": {"backports", "compression"},
    "core/rpmdb.py": {"sqlite3"},  # of bytes in memory alone
    "core/tarsplit.py": {"msgspec"},
}

LONGEST_LINES = 300
# Longer than LONGEST_LINES, and why.
LONG_MODULES: dict[str, str] = {}


@dataclass(frozen=True)
class Import:
    """One import: ``target`` is the dotted name of the module, or of the name in it."""

    module: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules() -> list[Path]:
    built = PACKAGE / "labextension"
    return [path for path in sorted(PACKAGE.rglob("*.py")) if built not in path.parents]


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def floor_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


def imports(path: Path) -> Iterator[Import]:
    name = name_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import hides its floor"
            for alias in node.names:
                yield Import(name, node.lineno, f"{node.module}.{alias.name}")


ALL_IMPORTS = [each for path in modules() for each in imports(path)]


def told(broken: list[Import]) -> str:
    return "\n".join(map(str, broken))


def test_the_walk_sees_every_kind_of_import() -> None:
    seen = {(each.module, each.target) for each in ALL_IMPORTS}
    assert ("engine/client.py", "docker") in seen
    assert ("__init__.py", "container_magics.engine.client.connect") in seen  # TYPE_CHECKING
    assert ("__init__.py", "container_magics.jupyter.extension.load") in seen  # in a function


def test_every_module_is_on_a_floor() -> None:
    assert {floor_of(name_of(path)) for path in modules()} <= set(ARROWS)


def test_no_floor_looks_up() -> None:
    broken = []
    for each in ALL_IMPORTS:
        package, _, inside = each.target.partition(".")
        allowed = ARROWS[floor_of(each.module)]
        target = inside.partition(".")[0] or "__init__"
        if package == "container_magics" and target not in allowed:
            broken.append(each)
    assert not broken, told(broken)


def test_what_others_wrote_is_imported_on_its_own_floor_alone() -> None:
    broken = [
        each
        for each in ALL_IMPORTS
        if floor_of(each.module) not in ONLY_IN.get(each.target.partition(".")[0], set(ARROWS))
    ]
    assert not broken, told(broken)


def test_every_package_that_is_not_pythons_has_a_floor() -> None:
    known = set(ONLY_IN) | set(sys.stdlib_module_names) | {"container_magics"}
    unknown = [each for each in ALL_IMPORTS if each.target.partition(".")[0] not in known]
    assert not unknown, told(unknown)


def test_pure_floors_import_pure_modules_alone() -> None:
    broken = []
    for each in ALL_IMPORTS:
        package = each.target.partition(".")[0]
        allowed = PURE_MODULES | PURE_BUT.get(each.module, set()) | {"container_magics"}
        if floor_of(each.module) in PURE_FLOORS and (
            package not in allowed or each.target in IMPURE_IMPORTS
        ):
            broken.append(each)
    assert not broken, told(broken)


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if floor_of(name_of(path)) in PURE_FLOORS],
    ids=name_of,
)
def test_pure_floors_call_nothing_that_reaches_out(path: Path) -> None:
    calls = [
        node.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    named = {call.id for call in calls if isinstance(call, ast.Name)}
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert not named & IMPURE_CALLS
    assert not methods & IMPURE_METHODS


def test_html_is_escaped_in_one_place() -> None:
    broken = [
        each
        for each in ALL_IMPORTS
        if each.target.partition(".")[0] in ("html", "markupsafe", "xml")
        and each.module != "view/markup.py"
    ]
    assert not broken, told(broken)
    by_hand = [
        name_of(path)
        for path in modules()
        if name_of(path) != "view/markup.py"
        and any(entity in path.read_text(encoding="utf-8") for entity in ("&lt;", "&amp;", "&#"))
    ]
    assert not by_hand


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_says_its_job_in_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, "no docstring"
    first = docstring.splitlines()[0]
    assert first.endswith("."), f"the first line is no sentence: {first!r}"


def test_no_module_is_long() -> None:
    lengths = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()
    }
    long = {name for name, lines in lengths.items() if lines > LONGEST_LINES}
    assert long == set(LONG_MODULES), "split the new one, or take the mended one off the list"


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import container_magics", ("docker", "IPython", "requests", "traitlets", "asyncssh")),
        ("import container_magics.cli", ("docker", "IPython", "requests", "asyncssh")),
        ("import container_magics.jupyter.extension", ("docker", "requests", "asyncssh", "pandas")),
    ],
)
def test_heavy_packages_are_loaded_when_they_are_needed(
    statement: str, heavy: tuple[str, ...]
) -> None:
    program = f"import sys; {statement}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not set(heavy) & set(result.stdout.split())
