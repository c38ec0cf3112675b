"""Real builds as a graph: what ran at once, what all waited for, which instruction made a layer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buildbench import BUILDKIT, Bench, both

from container_magics.core import buildgraph
from container_magics.core.buildspec import BuildSpec
from container_magics.engine.client import Engine
from container_magics.view.model import Steps
from container_magics.view.present.build import build as present


@pytest.fixture
def parallel(docker_builder: Engine, base: str) -> Iterator[Bench]:
    """On each Docker: Podman builds one stage after another."""
    made = Bench(docker_builder, base)
    yield made
    made.remove()


@both
def test_every_layer_is_tied_to_the_instruction_that_made_it(bench: Bench, version: int):
    result = bench.run_lines(
        "ENV A=1", "ARG X=2", "RUN head -c 5000 /dev/zero > /NONCE", "WORKDIR /new/w", "COPY a a",
        "RUN rm /NONCE", "CMD ls", added=(("a", b"12345"),), version=version,
    )  # fmt: skip
    built = result.state.built
    assert built is not None
    assert sum(one.count for one in built.layers) == len(bench.image()["RootFS"]["Layers"])
    tied = [one.instruction.lines[0] for one in built.layers if one.instruction]
    assert tied[:1] == [1]
    assert {5, 7, 8} <= set(tied)
    if bench.engine.facts().containerd_store:  # which counts layers in blocks of the disk
        assert tied == [1, 5, 6, 7, 8]
        return
    # Podman counts the image's documents, too
    documents = built.size_bytes - sum(one.size_bytes for one in built.layers)
    assert 0 < documents < 50_000 if bench.podman else documents == 0
    told = [
        (one.instruction.lines[0], one.size_bytes) for one in built.layers[1:] if one.instruction
    ]
    if bench.podman:  # which counts the layers' archives, headers and all
        assert told == [(5, 8192), (7, 3072), (8, 3072)]
    elif version == BUILDKIT:
        assert told == [(5, 5000), (6, 0), (7, 5), (8, 0)]
    else:
        assert (5, 5000) in told
        assert (7, 5) in told
    assert built.layers[0].instruction is not None
    assert built.layers[0].instruction.keyword == "FROM"


def test_layers_reach_through_the_stages_that_the_image_is_built_on(bench: Bench):
    text = (
        f"FROM {bench.base} AS one\nRUN echo {bench.nonce} > /1\nFROM one AS two\nCOPY a /\n"
        f"LABEL cm-test-build={bench.nonce}\nFROM {bench.base}\nRUN exit 1\n"
    )
    result = bench.run(BuildSpec(text, bench.tag, target="two", added=(("a", b"1"),)))
    built = result.state.built
    assert built is not None
    assert [one.instruction.text.split()[0] for one in built.layers if one.instruction] == [
        "FROM", "RUN", "COPY",
    ]  # fmt: skip


def test_parallel_stages_lie_side_by_side_and_the_slow_one_is_critical(parallel: Bench):
    text = (
        f"FROM {parallel.base} AS slow\nRUN echo {parallel.nonce} > /1; sleep 2\n"
        f"FROM {parallel.base} AS quick\nRUN echo {parallel.nonce} > /2; sleep 0.1\n"
        f"FROM {parallel.base}\nLABEL cm-test-build={parallel.nonce}\n"
        "COPY --from=quick /2 /2\nCOPY --from=slow /1 /1\nRUN cat /1 /2; sleep 0.5\n"
    )
    result = parallel.run(BuildSpec(text, parallel.tag))
    view = present(result.state, stable=False)
    steps = {
        f"{step.group} {step.name.split()[0]} {step.name.split()[1]}": step
        for one in view.views
        if isinstance(one, Steps)
        for step in one.steps
    }
    slow, quick, last = steps["slow RUN echo"], steps["quick RUN echo"], steps["stage-2 RUN cat"]
    assert slow.begin < quick.begin + quick.length
    assert quick.begin < slow.begin + slow.length
    assert slow.length > 2 * quick.length > 0
    assert last.begin >= slow.begin + slow.length - 0.01
    assert (slow.critical, quick.critical, last.critical) == (True, False, True)
    assert steps["stage-2 COPY --from=slow"].remarks == ("after line 2 of slow",)
    chain = buildgraph.critical_path(result.state.records)
    assert 2.5 < chain.seconds <= (result.state.total_s or 0)
    again = parallel.run(BuildSpec(text, parallel.tag))
    assert buildgraph.critical_path(again.state.records).seconds < 0.5
    assert present(again.state, stable=True) == present(result.state, stable=True)
