"""The wheel: what is in it, and that Jupyter finds its parts where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
DATA = "container_magics-{version}.data/data/share/"
KERNEL = "jupyter/kernels/container-magics"
EXTENSION = "jupyter/labextensions/container-magics"
NOTEBOOKS = "container-magics/notebooks"
KERNEL_CHECK = """
from container_magics.session.doctor import _of_kernel
check = _of_kernel()
print(check.ok, check.found if check.ok else check.what_to_do, sep="\\n")
"""
LARGEST_BUNDLE = 200_000
"""Bytes of JavaScript beyond what JupyterLab shares, as they are sent."""
COURSE = "from container_magics.lab import notebooks_folder; print(notebooks_folder())"


@dataclass(frozen=True)
class Place:
    """A Python with our wheel in it, and with the packages of the tests' own Python besides."""

    python: Path
    share: Path
    environment: dict[str, str]

    def run(self, *words: str) -> str:
        """What a Python there says, on both streams."""
        done = subprocess.run(
            [self.python, *words], env=self.environment, cwd=self.share.parent,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


def environment(home: Path, **more: str) -> dict[str, str]:
    """Without what would lead Python or Jupyter to the tests' own files, or to the user's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "PYTHON"))}
    return {**kept, "HOME": str(home), **more}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", f"--wheel-dir={folder}", str(ROOT)], check=True)
    (made,) = folder.iterdir()
    return made


@pytest.fixture
def fresh(wheel: Path, tmp_path: Path) -> Place:
    """A fresh virtual environment; its other packages are those of the tests' own."""
    folder = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    # A path in a .pth file brings packages and no editable installation, so not this clone.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    subprocess.run([*PIP, f"--python={python}", "install", "--no-deps", wheel], check=True)
    return Place(python, folder / "share", environment(tmp_path))


@pytest.fixture
def of_a_user(wheel: Path, tmp_path: Path) -> Place:
    """What `pip install --user` makes, beside a Python that has none of it in its own folders."""
    python = Path(getattr(sys, "_base_executable", sys.executable))
    base = tmp_path / "userbase"
    variables = environment(
        tmp_path, PYTHONUSERBASE=str(base), PYTHONPATH=sysconfig.get_path("purelib")
    )
    words = ("install", "--user", "--break-system-packages", "--no-deps", "--ignore-installed")
    subprocess.run([python, "-m", *PIP[2:], *words, wheel], env=variables, check=True)
    return Place(python, base / "share", variables)


def test_the_extension_the_kernel_and_the_course_are_at_their_places(wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        said = json.loads(archive.read(f"{DATA.format(version=version)}{EXTENSION}/package.json"))
    data = {name.removeprefix(DATA.format(version=version)) for name in names}
    assert {f"{EXTENSION}/install.json", f"{KERNEL}/kernel.json"} <= data
    shell = "jupyter/kernels/container"
    assert {f"{shell}/kernel.json", f"{shell}/logo-svg.svg", f"{shell}/logo-64x64.png"} <= data
    assert f"{EXTENSION}/{said['jupyterlab']['_build']['load']}" in data
    course = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert course
    assert {f"{NOTEBOOKS}/{name}" for name in course} <= data
    assert "container_magics/practice/image/Dockerfile" in names
    assert "container_magics/jupyter/config/labconfig/default_setting_overrides.json" in names
    assert not [
        name for name in names if name.startswith(("tests/", "container_magics/labextension/"))
    ]


def test_the_extension_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {
            one.filename: one.file_size
            for one in archive.infolist()
            if EXTENSION in one.filename and one.filename.endswith(".js")
        }
    assert len(sizes) > 1
    assert sum(sizes.values()) < LARGEST_BUNDLE, sizes


def test_jupyter_finds_the_kernel_and_the_extension_in_a_fresh_environment(fresh: Place) -> None:
    kernels = json.loads(fresh.run("-m", "jupyter_client.kernelspecapp", "list", "--json"))
    found = kernels["kernelspecs"]["container-magics"]["resource_dir"]
    assert found == str(fresh.share / KERNEL)
    assert kernels["kernelspecs"]["container"]["spec"]["display_name"] == "Container"
    listed = fresh.run("-m", "jupyterlab.labextensions", "list")
    assert str(fresh.share / "jupyter" / "labextensions") in listed
    (line,) = [line for line in listed.splitlines() if "container-magics v" in line]
    assert "enabled" in line
    assert "OK" in line


def test_the_doctor_s_line_brings_a_lost_kernel_back(fresh: Place, wheel: Path) -> None:
    kernel = fresh.share / KERNEL / "kernel.json"
    assert fresh.run("-c", KERNEL_CHECK).splitlines() == ["True", str(kernel.parent)]
    kernel.unlink()
    ok, line = fresh.run("-c", KERNEL_CHECK).splitlines()
    assert ok == "False"
    subprocess.run(["sh", "-c", line], env=fresh.environment, check=True, capture_output=True)
    assert kernel.is_file()


def test_without_the_wheel_no_index_is_named(fresh: Place, wheel: Path, tmp_path: Path) -> None:
    (fresh.share / KERNEL / "kernel.json").unlink()
    wheel.rename(tmp_path / wheel.name)
    try:
        said = fresh.run("-c", KERNEL_CHECK)
    finally:
        (tmp_path / wheel.name).rename(wheel)
    assert said == "False\ninstall container-magics once more, from where you got it\n"


def test_the_course_is_found_in_a_fresh_environment(fresh: Place) -> None:
    assert fresh.run("-c", COURSE) == f"{fresh.share / NOTEBOOKS}\n"
    assert "usage: container-magics" in fresh.run("-m", "container_magics.cli", "--help")


def test_a_user_s_own_installation_is_found(of_a_user: Place) -> None:
    assert of_a_user.run("-c", COURSE) == f"{of_a_user.share / NOTEBOOKS}\n"
    assert of_a_user.run("-c", KERNEL_CHECK) == f"True\n{of_a_user.share / KERNEL}\n"
