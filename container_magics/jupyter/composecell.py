"""A Compose project in the notebook: %%compose's story played, and %compose's verbs."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from container_magics.core.compose import ProjectFacts, ServiceFacts
from container_magics.core.composeflags import ComposeRequest
from container_magics.core.composestate import ComposeState
from container_magics.core.rewriting import lines_of
from container_magics.engine import composeproject
from container_magics.jupyter.listing import Listing
from container_magics.jupyter.publish import CellPublisher, play, show
from container_magics.jupyter.stop import stop_button
from container_magics.jupyter.workbench import Workbench
from container_magics.session import compose as story
from container_magics.session.stopper import Stopper
from container_magics.view.model import Note
from container_magics.view.present import compose as present


def play_up(bench: Workbench, request: ComposeRequest, text: str) -> None:
    """Bring the project up, shown as it comes."""
    stopper = Stopper()
    with stop_button(stopper):
        play(
            story.up(bench.engine, bench.owner, request, text, stopper=stopper),
            ComposeState(request.project),
            lambda state: present.compose(state, stable=bench.stable),
            CellPublisher(stable=bench.stable),
        )


def verb(bench: Workbench, words: Namespace) -> Any:
    """Do one verb of %compose; the lists are the cell's value."""
    match words.verb:
        case "list":
            listed = composeproject.projects(bench.engine, bench.owner)
            found = [one for one in listed if one.mine or not words.mine]
            return Listing(found, present.projects(found), ProjectFacts)
        case "status":
            services = story.services(bench.engine, words.names[0])
            view = present.services(services, stable=bench.stable)
            return Listing(services, view, ServiceFacts)
        case "logs":
            show_logs(bench, words)
        case "down":
            down(bench, words.names[0], volumes=words.volumes)
    return None


def show_logs(bench: Workbench, words: Namespace) -> None:
    """What the services have written, one container after another, each line with its name; no
    more than a cell is to hold."""
    found = story.services(bench.engine, *words.names)
    width = max(len(called(one, found)) for one in found)
    left = bench.output_limit_bytes
    for one in found:
        raw = composeproject.logs(
            bench.engine, one.container_id, tail=words.tail, most_bytes=max(left, 0)
        )
        for line in lines_of(raw[: max(left, 0)]):
            sys.stdout.write(f"{called(one, found):<{width}} | {line}\n")
        left -= len(raw)
    if left < 0:
        show(Note("The rest is not shown.", "warning", hint="--tail N shows the last lines."))


def called(one: ServiceFacts, found: tuple[ServiceFacts, ...]) -> str:
    """The service's name, with the number where it has several containers."""
    alone = sum(each.service == one.service for each in found) == 1
    return one.service if alone else f"{one.service} {one.number}"


def down(bench: Workbench, project: str, *, volumes: bool) -> None:
    """Remove the project, and say what stays of it."""
    found = story.down(bench.engine, bench.owner, project, volumes=volumes)
    kept = [] if volumes else [one["Name"] for one in found.volumes]
    show(present.down(project, len(found.containers), kept))
