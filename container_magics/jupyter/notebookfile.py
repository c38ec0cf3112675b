"""A notebook's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from container_magics.errors import UsageError


def read(path: Path) -> Any:
    """The notebook, in nbformat 4's form; UsageError for a file that is none or not there."""
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise UsageError(f"{path} cannot be read as a notebook.") from error
