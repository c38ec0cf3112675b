"""Every benchmark: prints the table, and writes it into docs/benchmarks.md.

    python -m tests.bench.run                      all, 20 samples of each: some 15 minutes
    python -m tests.bench.run layers               that one, which has a table of its own there
    python -m tests.bench.run --quick inside load  a look at two of them, which writes nothing

The status is 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from container_magics.engine.base import ensure_base
from container_magics.engine.client import Engine, connect
from container_magics.errors import ContainerMagicsError
from tests.bench import (
    bench_box,
    bench_build,
    bench_class,
    bench_classfaults,
    bench_container,
    bench_explorer,
    bench_inside,
    bench_kernel,
    bench_layers,
    bench_list,
    bench_load,
    bench_many,
    bench_output,
    bench_sidebar,
    bench_ssh,
    bench_vm,
    page,
)
from tests.bench.dockercommand import swept
from tests.bench.turns import Row, say

REPEATS, QUICK_REPEATS = 20, 4
ALONE = (
    "build", "box", "layers", "explorer", "sidebar", "vm", "kernel", "class", "classfaults", "ssh",
)  # fmt: skip
"""Each has a table of its own, and may be run alone for it."""
ONCE = ("class", "classfaults")
"""What these measure takes minutes, and is measured once."""
BENCHES = {
    "container": bench_container.rows,
    "inside": bench_inside.rows,
    "output": bench_output.rows,
    "many": bench_many.rows,
    "load": bench_load.rows,
    "list": bench_list.rows,
    "box": bench_box.rows,
    "layers": bench_layers.rows,
    "explorer": bench_explorer.rows,
    "build": bench_build.rows,
    "vm": bench_vm.rows,
    "kernel": bench_kernel.rows,
    "class": bench_class.rows,
    "classfaults": bench_classfaults.rows,
    "ssh": bench_ssh.rows,
    "sidebar": bench_sidebar.rows,
}


TOGETHER = tuple(name for name in BENCHES if name not in ALONE)


def main() -> int:
    """Measure, print, write; 0 when every target is met."""
    words = arguments()
    names = words.names or list(BENCHES)
    repeats = QUICK_REPEATS if words.quick else REPEATS
    engine = connect()
    ensure_base(engine, say)
    met = True
    with swept(engine):
        together = [name for name in names if name in TOGETHER]
        for alone, some in (("", together), *((name, [name]) for name in ALONE)):
            if set(some) & set(names):
                rows, found = measured(engine, some, repeats)
                print(found)
                if not words.quick and (alone or set(TOGETHER) <= set(names)):
                    page.write(found + page.picture(rows, alone), alone)
                met = met and all(row.met is not False for row in rows)
    return 0 if met else 1


def measured(engine: Engine, names: Sequence[str], repeats: int) -> tuple[list[Row], str]:
    """The rows of these benchmarks, and the same as text for the page."""
    loads, rows = [page.load()], list[Row]()
    for name in names:
        say(f"{name} ", end="")
        rows += BENCHES[name](engine, repeats)
        loads.append(page.load())
    samples = 1 if set(names) <= set(ONCE) else repeats
    return rows, f"{page.circumstances(engine, samples, loads)}\n\n{page.table(rows)}"


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
