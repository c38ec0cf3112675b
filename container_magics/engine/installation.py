"""Where our own installation put its files, and how it is installed once more."""

from __future__ import annotations

import json
import shlex
import site
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

PROJECT = "container-magics"


def shared(name: str) -> Path | None:
    """What the wheel has put under ``name``, such as "share/jupyter/..."; None when it is missing.

    Looked for where this Python's packages have their files, then where ``pip install --user``
    puts them.
    """
    folders = (sysconfig.get_path("data"), site.getuserbase())
    return next((path for folder in folders if (path := Path(folder) / name).exists()), None)


def install_again() -> str:
    """What to type, where we came from a folder or a file that is still there; else what to do.

    An index is never named: what it has under our name may be another's.
    """
    origin = _origin()
    if origin is None:
        return f"install {PROJECT} once more, from where you got it"
    words = [sys.executable, "-m", "pip", "install", "--force-reinstall", "--no-deps", *origin]
    return shlex.join(words)


def _origin() -> tuple[str, ...] | None:
    """pip's words for the folder or file that we were installed from (PEP 610), None if unknown."""
    try:
        said = json.loads(metadata.distribution(PROJECT).read_text("direct_url.json") or "{}")
    except metadata.PackageNotFoundError:
        return None
    parts = urlsplit(said.get("url", ""))
    path = Path(url2pathname(parts.path))
    if parts.scheme != "file" or not path.exists():
        return None
    editable = said.get("dir_info", {}).get("editable", False)
    return ("--editable", str(path)) if editable else (str(path),)
