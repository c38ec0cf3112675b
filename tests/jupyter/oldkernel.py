"""A Python with ipykernel 6 and, for all the rest, the packages of this one."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HOW = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]


def python_with_ipykernel_6(folder: Path) -> str:
    """Its path. Made in ``folder`` when it is not there yet; pip's index has to be reachable.

    ipykernel 6 lies before our own packages on its path, so no other package is installed twice.
    """
    place = folder / "old"
    python = folder / "bin" / "python"
    if not (place / "ipykernel").is_dir():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        wanted = ["--target", str(place), "ipykernel>=6.29,<7"]
        subprocess.run([*HOW, *wanted], check=True)
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    paths = [str(place), str(ROOT), sysconfig.get_path("purelib")]
    (Path(asked.stdout.strip()) / "old.pth").write_text("\n".join(paths) + "\n")
    return str(python)
