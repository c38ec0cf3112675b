"""%network VERB and %volume VERB: words to an engine's verb, and its answer shown."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from container_magics.core.argparser import FlagParser
from container_magics.core.listflags import network_parser, volume_parser
from container_magics.core.names import container_name
from container_magics.core.units import count
from container_magics.engine import networks, volumes
from container_magics.errors import UsageError
from container_magics.jupyter.patience import unhindered
from container_magics.jupyter.publish import show
from container_magics.jupyter.workbench import Workbench
from container_magics.view.model import Note
from container_magics.view.present import places


def network(bench: Workbench, words: Namespace) -> None:
    """Do one verb of %network."""
    refuse_flags(network_parser(), words)
    names = [place_name(name, "network") for name in words.names]
    match words.verb:
        case "create":
            make_network(bench, one(names, words.verb), words)
        case "rm":
            for name in names:
                unhindered(bench, partial(networks.remove_own, bench.engine, bench.owner, name))
                show(Note(f"The network {name} is removed.", "ok"))
        case "inspect":
            for name in names:
                show(places.network(networks.inspect(bench.engine, name), stable=bench.stable))
        case _:
            move(bench, names, words)


def make_network(bench: Workbench, name: str, words: Namespace) -> None:
    """A network of this session, under that name."""
    make = partial(
        networks.create,
        bench.engine,
        bench.owner,
        name,
        driver=words.driver or "",
        internal=words.internal,
        subnet=words.subnet or "",
    )
    new = unhindered(bench, make)  # another one of that name may have to go before
    done = "is a network now" if new else "is a network already, as asked for"
    show(Note(f"{name} {done}: %%container --network {name}", "ok"))


def move(bench: Workbench, names: list[str], words: Namespace) -> None:
    """Put a container on a network, or take it off."""
    if len(names) != 2:
        raise UsageError(
            f"{words.verb} takes a network and a container, not {count(len(names), 'name')}.",
            hint=f"Write %network {words.verb} NETWORK CONTAINER.",
        )
    name, container = names
    if words.verb == "connect":
        networks.connect(bench.engine, name, container, words.alias)
        show(Note(f"{container} is on the network {name} now.", "ok"))
    else:
        networks.disconnect(bench.engine, name, container)
        show(Note(f"{container} is off the network {name}.", "ok"))


def volume(bench: Workbench, words: Namespace) -> None:
    """Do one verb of %volume."""
    refuse_flags(volume_parser(), words)
    names = [place_name(name, "volume") for name in words.names]
    if words.verb == "create":
        name = one(names, words.verb)
        make = partial(volumes.create, bench.engine, bench.owner, name, driver=words.driver or "")
        new = unhindered(bench, make)
        done = "is an empty volume now" if new else "is a volume already, and keeps what is in it"
        show(Note(f"{name} {done}: %%container -v {name}:/path", "ok"))
        return
    for name in names:
        if words.verb == "rm":
            unhindered(bench, partial(volumes.remove_own, bench.engine, bench.owner, name))
            show(Note(f"The volume {name} is removed, and all that was in it.", "ok"))
        else:
            users = sorted(volumes.containers_with(bench.engine, bench.departing)[name])
            facts = volumes.inspect(bench.engine, name)
            show(places.volume(facts, users, stable=bench.stable))


def one(names: list[str], verb: str) -> str:
    """The only name; UsageError when there are more."""
    if len(names) != 1:
        raise UsageError(f"{verb} takes one name, not {len(names)}.")
    return names[0]


def refuse_flags(parser: FlagParser, words: Namespace) -> None:
    """UsageError for a flag that goes with another verb alone."""
    for verb, flags in parser.goes_with.items():
        for flag in flags:
            if words.verb != verb and getattr(words, parser.options[flag].dest):
                raise UsageError(f"{flag} goes with {verb} alone.")


def place_name(text: str, noun: str) -> str:
    """The name itself; UsageError when an engine would refuse it."""
    try:
        return container_name(text)
    except UsageError as error:
        raise UsageError(f"{text!r} cannot name a {noun}.", hint=error.hint) from None
