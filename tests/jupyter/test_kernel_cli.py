"""`container-magics kernel`: kernelspecs in and out of Jupyter, by the command as it is typed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from incontainer import Kernel, Kernels, containers
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from leftovers import Inventory

from container_magics.engine.client import Engine
from container_magics.engine.files import put_archive


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's kernelspecs are in a folder of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    return tmp_path / "data" / "kernels"


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "container_magics.cli", "kernel", *words],
        capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip


def done(*words: str) -> str:
    result = typed(*words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def spec(jupyter: Path, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((jupyter / name / "kernel.json").read_text())
    return read


def test_a_shell_in_an_image(jupyter: Path) -> None:
    said = done("install", "--image", "debian:12", "--name", "Lesson-1", "--display-name", "One",
                "--", "--memory", "1g", "-e", "A=b c")  # fmt: skip
    assert str(jupyter / "lesson-1") in said
    written = spec(jupyter, "lesson-1")
    assert written["argv"] == [
        sys.executable, "-m", "container_magics.kernel", "-f", "{connection_file}", "--",
        "--memory", "1g", "-e", "A=b c", "debian:12",
    ]  # fmt: skip
    assert written["display_name"] == "One"
    assert {path.name for path in (jupyter / "lesson-1").iterdir()} == {
        "kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"
    }  # fmt: skip
    done("install", "--image", "ghost/python:3.12", "--language", "python")
    python = spec(jupyter, "container-python-3.12")
    assert python["argv"][-3:] == ["--language", "python", "ghost/python:3.12"]
    assert python["language"] == "python"
    done("install", "--image", "debian:12", "--name", "still", "--", "--read-only")
    assert spec(jupyter, "still")["argv"][-2:] == ["--read-only", "debian:12"]


@pytest.mark.parametrize(
    ("command", "language"),
    [('["/usr/bin/python3.11"]', "python"), ('["node"]', "node"), ('["bash"]', ""),
     ('["python3", "serve.py"]', "")],
)  # fmt: skip
def test_an_image_that_runs_an_interpreter_has_cells_of_its_language(
    jupyter: Path, engine: Engine, base: str, command: str, language: str
) -> None:
    made = engine.api.create_container(base, name="cm-test-runs")["Id"]
    try:
        image = engine.api.commit(made, "cm-test-runs", changes=f"CMD {command}")["Id"]
        try:
            said = done("install", "--image", "cm-test-runs", "--name", "own")
            asked = done(
                "install", "--image", "cm-test-runs", "--name", "asked", "--language", "sh"
            )
        finally:
            engine.api.remove_image(image, force=True)
    finally:
        engine.api.remove_container(made)
    argv = spec(jupyter, "own")["argv"]
    assert argv[-2:] == [language, "cm-test-runs"] if language else "--language" not in argv
    assert ("so the cells are" in said) is bool(language)
    assert "so the cells are" not in asked


def test_the_list_has_ours_alone_and_they_can_be_removed(jupyter: Path) -> None:
    done("install", "--image", "debian:12", "--name", "lesson")
    said = done("list")
    assert [line.split()[:3] for line in said.splitlines()[1:]] == [
        ["container", "shell", "container-magics/base:bookworm"],
        ["container-magics", "python", "-"],
        ["lesson", "shell", "debian:12"],
    ]
    assert str(jupyter / "lesson") in done("remove", "lesson")
    assert "lesson" not in done("list")
    for name, sentence in (
        ("python3", "is not ours"), ("container", "came with the package"), ("x", "no kernel x"),
    ):  # fmt: skip
        refused = typed("remove", name)
        assert refused.returncode == 1
        assert sentence in refused.stderr


def test_the_wheel_s_own_kernelspecs_are_found_with_their_logos() -> None:
    found = KernelSpecManager().get_all_specs()
    for name in ("container", "container-magics"):
        assert found[name]["spec"]["display_name"]
        assert (Path(found[name]["resource_dir"]) / "logo-svg.svg").is_file()


def test_a_kernelspec_that_was_written_wrongly_by_hand_is_one_sentence(jupyter: Path) -> None:
    """What the server's log has of it."""
    words = ["-m", "container_magics.kernel", "-f", "/k.json", "--", "--language", "ruby", "x"]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "--language does not know 'ruby'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_each_kernel_of_an_image_is_registered(
    jupyter: Path, kernel_image: str, engine: Engine, nothing_left: Inventory
) -> None:
    made = engine.api.create_container(kernel_image, name="cm-test-two-kernels")["Id"]
    second = {
        "argv": ["julia", "-f", "{connection_file}"],
        "display_name": "J",
        "language": "julia",
    }
    try:
        put_archive(engine, made, "/", [archive("usr/share/jupyter/kernels/Second", second)])
        image = engine.api.commit(made, "cm-test-two-kernels")["Id"]
    finally:
        engine.api.remove_container(made)
    try:
        install = ("install", "--from-image", "cm-test-two-kernels", "--name", "two")
        refused = typed(*install, "--display-name", "Which?")
        assert refused.returncode == 1
        assert "The image has several kernels." in refused.stderr
        assert not jupyter.exists() or not list(jupyter.iterdir())
        said = done(*install)
    finally:
        engine.api.remove_image(image, force=True)
    assert len(said.splitlines()) == 2
    assert {path.name for path in jupyter.iterdir()} == {"two-python3", "two-second"}
    assert spec(jupyter, "two-python3")["argv"][0] in ("python3", "/usr/bin/python3")
    julia = spec(jupyter, "two-second")
    assert (julia["argv"][0], julia["language"]) == ("julia", "julia")
    assert julia["display_name"].startswith("J ")


def archive(folder: str, kernelspec: dict[str, Any]) -> bytes:
    """A tar archive with that folder in it, and a kernel.json in that."""
    content, written = json.dumps(kernelspec).encode(), io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        entry = tarfile.TarInfo(f"{folder}/kernel.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@pytest.mark.parametrize("launcher", [False, True])
def test_the_kernels_of_an_image(
    jupyter: Path, kernel_image: str, engine: Engine, nothing_left: Inventory, launcher: bool
) -> None:
    more = ["--launcher"] if launcher else ["--net", "ipc"]
    said = done("install", "--from-image", kernel_image, "--name", "mine", *more, "--",
                "--memory", "400m")  # fmt: skip
    assert "mine-python3" in said
    written = spec(jupyter, "mine-python3")
    assert written["language"] == "python"
    assert written["display_name"].endswith(f"in {kernel_image}")
    assert (jupyter / "mine-python3" / "logo-64x64.png").is_file()
    assert f"{'launched' if launcher else 'provisioned'}" in done("list")
    assert ("kernel_provisioner" in written["metadata"]) is not launcher
    kernel = Kernel(KernelManager(kernel_name="mine-python3"))
    kernel.manager.start_kernel()
    try:
        kernel.open()
        (container,) = containers(engine)
        assert engine.api.inspect_container(container["Id"])["HostConfig"]["Memory"] == 400 * 2**20
        assert kernel.run("import os; print(os.environ['FROM_THE_IMAGE'])") == "yes\n"
    finally:
        kernel.close()


def test_another_place(jupyter: Path, tmp_path: Path) -> None:
    done("install", "--image", "debian:12", "--name", "there", "--prefix", str(tmp_path / "env"))
    assert (tmp_path / "env/share/jupyter/kernels/there/kernel.json").is_file()


def test_what_cannot_be_is_refused(jupyter: Path, base: str, nothing_left: Inventory) -> None:
    for words, sentence in (
        (("--image", "x", "--name", "a b"), "is no name for a kernel"),
        (("--image", "x", "--name", "python3"), "not ours"),
        (("--image", "x", "--", "-d"), "not those of a cell"),
        (("--image", "x", "--", "--rm"), "not those of a cell"),
        (("--image", "x", "--", "--name", "mine"), "cannot have --name"),
        (("--image", "x", "--", "--bogus"), "no flag --bogus"),
        (("--image", "x", "--launcher"), "--from-image alone"),
        (("--from-image", "cm-test-nosuch:1"), "There is no image"),
        (("--from-image", base), f"There is no Jupyter kernel in {base}."),
        (("--from-image", base, "--language", "sh"), "--language goes with --image"),
    ):
        refused = typed("install", *words)
        assert refused.returncode == 1, words
        assert sentence in refused.stderr, words
    assert typed("install").returncode == 2
    unknown = typed("install", "--image", "x", "--language", "ruby")
    assert unknown.returncode == 2
    assert "(choose from" in unknown.stderr
    assert "psql" in unknown.stderr
    assert not Kernels(jupyter.parent).folder.exists()
