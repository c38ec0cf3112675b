"""``python -m container_magics.kernel -f {connection_file} -- [--language L] [flags] IMAGE``."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from container_magics.jupyter.containerkernel import launch

    launch(sys.argv[1:])
