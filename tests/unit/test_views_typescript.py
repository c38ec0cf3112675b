"""The TypeScript model and the package's versions are those of Python."""

import json
import subprocess
import sys
from pathlib import Path

import container_magics

ROOT = Path(__file__).parents[2]


def test_view_ts_is_what_the_generator_writes():
    made = subprocess.run(
        [sys.executable, "-m", "container_magics.view.typescript"],
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        env={"PYTHONUTF8": "1"},
    ).stdout
    committed = (ROOT / "labextension/src/view.ts").read_text(encoding="utf-8")
    assert made == committed, "run `make view-ts`"


def test_the_labextension_has_the_version_of_the_package():
    package = json.loads((ROOT / "labextension/package.json").read_text())
    assert package["version"] == container_magics.__version__


def test_the_labextension_is_found_where_it_is_built():
    (path,) = container_magics._jupyter_labextension_paths()
    package = json.loads((ROOT / "labextension/package.json").read_text())
    built = (ROOT / "labextension" / package["jupyterlab"]["outputDir"]).resolve()
    assert built == ROOT / "container_magics" / path["src"]
    assert path["dest"] == package["name"]


def test_the_kernelspec_loads_the_extension_and_has_its_logos():
    folder = ROOT / "container_magics/jupyter/kernelspec"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["argv"][-1] == "--ext=container_magics"
    assert "--log-level=ERROR" in spec["argv"], (
        "each kernel would warn of TCP in the lab's terminal"
    )
    logos = {path.name for path in folder.glob("logo-*")}
    assert logos == {"logo-svg.svg", "logo-32x32.png", "logo-64x64.png"}
