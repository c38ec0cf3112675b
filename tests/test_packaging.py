"""What is released: the source archive, the wheel made of it, and that wheel where nothing else is.

No node and no compiler is found by any of it. tests/test_wheel.py looks into the wheel that the
folder itself gives, and installs it with pip beside the tests' own packages; here uv gets the
packages that the wheel names, which takes seconds instead of minutes. `.ci/combination` does the
same with pip's index, the oldest packages that we allow, and other Pythons.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MISSING = ("node", "npm", "npx", "yarn", "cc", "gcc", "g++", "c++", "clang", "make", "cargo")
TOOLS = Path(sys.executable).parent
ORDINARY = ("/usr/local/bin", "/usr/bin", "/bin")
CELLS = """
%load_ext container_magics
from jupyter_client.kernelspec import find_kernel_specs
print(get_ipython().find_line_magic("containers") is not None, *sorted(find_kernel_specs()))
"""


def run(*words: object, **environment: str) -> str:
    """What a program says, on both streams; it must end well."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON"))}
    done = subprocess.run(
        list(map(str, words)), env={**kept, **environment}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which every program that would compile something fails."""
    folder = tmp_path_factory.mktemp("poor")
    for name in MISSING:
        (folder / name).write_text("#!/bin/sh\nexit 99\n")
        (folder / name).chmod(0o755)
    return os.pathsep.join((str(folder), *ORDINARY))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    words = ("build", "--target=sdist", f"--directory={folder}")
    run(sys.executable, "-m", "hatchling", *words, PATH=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(sdist: Path, poor: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of the source archive, without the node that pip would get for the build."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}")
    # jupyter-builder's jlpm, which is asked for, is there; the node that it needs is not.
    run(sys.executable, "-m", "pip", *words, sdist, PATH=f"{poor}{os.pathsep}{TOOLS}")
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def clean(wheel: Path, poor: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it asks for, and no more."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    run(TOOLS / "uv", "venv", "--quiet", f"--python={sys.executable}", folder)
    run(
        TOOLS / "uv", "pip", "install", "--quiet", "--only-binary=:all:",
        f"--python={folder}", wheel, PATH=poor,
    )  # fmt: skip
    return folder / "bin"


def test_the_archives_are_as_the_index_wants_them(sdist: Path, wheel: Path) -> None:
    assert "FAILED" not in run(TOOLS / "twine", "check", "--strict", sdist, wheel)
    assert "OK" in run(TOOLS / "check-wheel-contents", wheel)


def test_what_the_wheel_asks_for_is_all_it_needs(clean: Path, poor: str, tmp_path: Path) -> None:
    python, home = clean / "python", {"HOME": str(tmp_path), "PATH": f"{clean}:{poor}"}
    home |= {"DOCKER_HOST": f"unix://{tmp_path}/nobody.sock", "IPYTHONDIR": str(tmp_path)}
    run(TOOLS / "uv", "pip", "check", f"--python={python}")
    shown = run(clean / "ipython", "--no-banner", "-c", CELLS, **home).splitlines()[-1].split()
    assert shown[0] == "True"
    assert {"container", "container-magics"} <= set(shown)
    listed = run(clean / "jupyter", "labextension", "list", **home)
    (line,) = [line for line in listed.splitlines() if "container-magics v" in line]
    assert "enabled" in line
    assert "OK" in line
    extensions = run(clean / "jupyter", "server", "extension", "list", **home)
    after = extensions.split("container_magics", 1)[1]
    assert "enabled" in after.splitlines()[0]


def test_the_source_archive_has_no_more_than_its_share(sdist: Path) -> None:
    assert shutil.which("tar"), "the archive is read by another program than made it"
    names = run("tar", "-tzf", sdist).splitlines()
    parts = {name.split("/", 2)[1] for name in names}
    assert {"container_magics", "labextension", "notebooks", "tests", "pyproject.toml"} <= parts
    assert not [name for name in names if "node_modules" in name or "/.yarn/" in name]
    assert any(name.endswith("container_magics/labextension/package.json") for name in names)
