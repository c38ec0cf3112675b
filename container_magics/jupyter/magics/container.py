"""%%container: the cell runs in a container. %container, %containers: what runs, and its life."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.core.magic import line_cell_magic, line_magic, magics_class

from container_magics.core.flags import RunRequest, parse_run, run_parser
from container_magics.core.languages import LANGUAGES, Language
from container_magics.core.script import CELL_FILE, Script
from container_magics.core.script import script as script_of
from container_magics.core.spec import CellOptions, ContainerSpec
from container_magics.core.transfer import Transfer
from container_magics.core.verbs import container_parser, containers_parser
from container_magics.errors import UsageError
from container_magics.jupyter.magics.common import BenchMagics, told

if TYPE_CHECKING:
    from container_magics.jupyter.box import Box


@magics_class
class ContainerMagics(BenchMagics):
    """The magics of containers."""

    @line_cell_magic
    @told(run_parser, container_parser)
    def container(self, line: str, cell: str | None = None) -> Any:
        """Run the cell in a container, or do one verb of a container's life."""
        if cell is None and not names_program(line):
            return self.verb(line)
        return self.do(parse_run(line), cell or "")

    def do(self, request: RunRequest, cell: str) -> Any:
        """Run what was asked for: in the foreground, in a container that is there, or detached."""
        from container_magics.jupyter.data import environment_of, fed, transfer_of

        bench, options = self.bench, request.options
        if not cell.strip() and not options.program:
            raise UsageError("The cell is empty: there is nothing to run.")
        text = bench.expanded(cell) if options.expand else cell
        spec, script = prepared(request, text, bench.known_languages)
        if options.env_files:
            spec = replace(spec, environment=environment_of(spec, options))
        stdin, transfer = fed(bench, options, script), transfer_of(bench, options)
        if options.detach:
            return self.detach(spec, options, stdin, transfer)
        if options.inside:
            self.run_inside(spec, options, stdin, transfer)
        else:
            self.run(spec, options, stdin, transfer)
        return None

    def run(
        self, spec: ContainerSpec, options: CellOptions, stdin: bytes | None, transfer: Transfer
    ) -> None:
        """Run to the end in a fresh container."""
        from container_magics.jupyter.runcell import run_cell
        from container_magics.session.run import run

        bench = self.bench
        spares = None if options.program else bench.spare_pool
        run_cell(
            bench,
            options,
            lambda stopper: run(
                bench.engine,
                spec,
                bench.owner,
                stdin=stdin,
                stopper=stopper,
                spares=spares,
                transfer=transfer,
            ),
            spec.image,
        )

    def run_inside(
        self, spec: ContainerSpec, options: CellOptions, stdin: bytes | None, transfer: Transfer
    ) -> None:
        """Run to the end in a container that runs already."""
        from container_magics.jupyter.runcell import run_cell
        from container_magics.session.run import run_inside

        bench = self.bench
        name = bench.box_containers.get(options.inside, options.inside)
        run_cell(
            bench,
            options,
            lambda stopper: run_inside(
                bench.engine, name, spec, stdin=stdin, stopper=stopper, transfer=transfer
            ),
            name,
        )

    def detach(
        self, spec: ContainerSpec, options: CellOptions, stdin: bytes | None, transfer: Transfer
    ) -> Box:
        """Start, and leave running."""
        from container_magics.jupyter.detached import detach

        if stdin is not None:
            raise UsageError(
                "-d leaves the container running, and feeds nothing to it.",
                hint="Leave the cell blank after --exec, or leave out -d.",
            )
        return detach(self.bench, spec, options, transfer)

    def verb(self, line: str) -> Any:
        """%container VERB NAME."""
        import container_magics.jupyter.life as life

        return life.container(self.bench, container_parser().parse(line))

    @line_magic
    @told(containers_parser)
    def containers(self, line: str) -> Any:
        """List containers, or open the live list."""
        import container_magics.jupyter.verbs as verbs

        return verbs.containers(self.bench, containers_parser().parse(line))


def names_program(line: str) -> bool:
    """Whether the text after %container is a run that needs no cell: one with --exec."""
    return "--exec" in line.split()


def prepared(
    request: RunRequest, cell: str, table: Mapping[str, Language]
) -> tuple[ContainerSpec, Script]:
    """The spec with the cell as its command, and the script; in a container that others use, a
    script that has to be a file has a name of its own."""
    options = request.options
    path = f"{CELL_FILE}-{uuid.uuid4().hex}" if options.inside else CELL_FILE
    script = script_of(
        cell,
        options.interpreter,
        program=options.program,
        table=table,
        file=path,
    )
    if request.spec.read_only and script.file is not None:
        raise UsageError(
            "With --read-only the cell cannot be put into the container as a file.",
            hint="Choose a program that takes it otherwise, with --as: sh, bash, python, node, ...",
        )
    files = ((path, script.file, 0o755),) if script.file is not None else ()
    own = tuple((name, one.program[0]) for name, one in table.items() if one != LANGUAGES.get(name))
    spec = replace(request.spec, command=script.command, files=files, own_languages=own)
    return spec, script
