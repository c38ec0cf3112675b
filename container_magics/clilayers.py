"""`container-magics layers`: %layers outside of a notebook, for people and for CI."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from container_magics.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from container_magics.core.layertree import LayerTree
    from container_magics.engine.client import Engine
    from container_magics.engine.layersources import Sources
    from container_magics.session.layeranswers import Answer

# What it needs is imported when it runs: --help answers at once.


def add_flags(command: argparse.ArgumentParser) -> None:
    """The flags of %layers, and --json."""
    from container_magics.core.layersflags import EPILOG
    from container_magics.core.layersflags import add_flags as add_questions

    command.epilog = f"{EPILOG} Status: 0 done, 1 a rule does not hold or it could not be done, 2 "
    command.epilog += "typed wrongly."
    add_questions(command.add_argument)
    command.add_argument("--json", action="store_true", help="one JSON document, of schema 1")


def layers(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run it. The status: 0, 1 for a rule that does not hold, 2 for what is typed wrongly.

    Raises what reading an image raises.
    """
    try:
        return _layers(arguments, say)
    except UsageError as error:
        sys.stderr.write("\n".join(error.told()) + "\n")
        return 2


def _layers(words: argparse.Namespace, say: Callable[[str], None]) -> int:
    from container_magics.core.layerrules import check_spelling, verdicts
    from container_magics.core.layersflags import images
    from container_magics.engine.client import connect
    from container_magics.engine.layercache import user_cache
    from container_magics.engine.layersources import Sources
    from container_magics.session.layeranswers import answers
    from container_magics.session.layers import engine_for

    words.diff = words.diff or words.other
    if words.rules:
        check_spelling(words.rules)
    if words.json and words.tree is not None:
        raise UsageError("--tree is drawn, and has no JSON.", hint='Ask `--find "**"` instead.')
    engine = engine_for(images(words), connect)
    sources = Sources(user_cache(os.environ), helper=words.helper)
    try:
        tree = _read(engine, words.image, sources)
        other = _read(engine, words.diff, sources) if words.diff else None
        found = list(answers(engine, tree, words, other, sources))
    finally:
        if engine is not None:
            engine.close()
    judged = verdicts(tree, words.rules) if words.rules else ()
    if words.json:
        from container_magics.core.layersjson import document

        rows = {one.question: one.plain_rows() for one in found}
        say(json.dumps(document(words.image, tree, judged, rows), indent=2))
    else:
        _draw(words, tree, found, say)
    failed = [one.sentence for one in judged if not one.holds]
    if failed:
        raise CheckFailed(f"{words.image}: {' '.join(failed)}")
    if judged and not words.json:
        say(" ".join(one.sentence for one in judged))
    return 0


def _read(engine: Engine | None, image: str, sources: Sources) -> LayerTree:
    from container_magics.session.layers import LayersRead, explore

    *_, last = explore(engine, image, sources=sources)
    assert isinstance(last, LayersRead)  # noqa: S101 - what explore() ends with
    return last.tree


def _draw(
    words: argparse.Namespace, tree: LayerTree, found: list[Answer], say: Callable[[str], None]
) -> None:
    from container_magics.view.plain import plain
    from container_magics.view.present import layers as present
    from container_magics.view.present.layeranswers import answer_view, tree_view

    if words.tree is not None:
        say(plain(tree_view(tree, words.tree, alone=words.alone)))
    for one in found:
        say(plain(answer_view(one.question, one.rows, tree, words)))
    if not found and not words.rules and words.tree is None:
        say(plain(present.layers(tree, words.image, nodes=0)))
