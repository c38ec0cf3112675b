"""Every benchmark: prints the table, and writes it into docs/benchmarks.md.

    python -m tests.bench.run                      all, 20 samples of each: some 15 minutes
    python -m tests.bench.run --quick inside load  a look at two of them, which writes nothing

The status is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys

from container_magics.engine.base import ensure_base
from container_magics.engine.client import connect
from container_magics.errors import ContainerMagicsError
from tests.bench import (
    bench_build,
    bench_container,
    bench_inside,
    bench_layers,
    bench_list,
    bench_load,
    bench_many,
    bench_output,
    page,
)
from tests.bench.dockercommand import swept
from tests.bench.turns import Row, say

REPEATS, QUICK_REPEATS = 20, 4
BENCHES = {
    "container": bench_container.rows,
    "inside": bench_inside.rows,
    "output": bench_output.rows,
    "many": bench_many.rows,
    "load": bench_load.rows,
    "list": bench_list.rows,
    "layers": bench_layers.rows,
    "build": bench_build.rows,
}


def main() -> int:
    """Measure, print, write; 0 when every target is met."""
    words = arguments()
    names, whole = words.names or list(BENCHES), not words.names and not words.quick
    repeats = QUICK_REPEATS if words.quick else REPEATS
    engine, loads, rows = connect(), [page.load()], list[Row]()
    ensure_base(engine, say)
    with swept(engine):
        for name in names:
            say(f"{name} ", end="")
            rows += BENCHES[name](engine, repeats)
            loads.append(page.load())
    found = f"{page.circumstances(engine, repeats, loads)}\n\n{page.table(rows)}"
    print(found)
    if whole:
        page.write(found)
    return 1 if any(row.met is False for row in rows) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--quick", action="store_true", help="few samples; the page stays")
    words = parser.parse_args()
    if unknown := set(words.names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    return words


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ContainerMagicsError as error:
        sys.exit("\n".join(error.told()))
    except KeyboardInterrupt:
        sys.exit(130)
