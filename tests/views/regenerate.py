"""Draw every golden view anew: ``python tests/views/regenerate.py``.

"view" in each file is the source; "plain" and "html" are made from it. Read the diff.
"""

import json
from pathlib import Path

from container_magics.view.bundle import from_json, to_json
from container_magics.view.html import html
from container_magics.view.plain import plain


def main() -> None:
    for path in sorted(Path(__file__).parent.glob("*.json")):
        view = from_json(json.loads(path.read_text())["view"])
        drawn = {"view": to_json(view), "plain": plain(view), "html": html(view)}
        path.write_text(json.dumps(drawn, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
