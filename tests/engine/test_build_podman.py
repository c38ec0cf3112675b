"""What Podman's builder does in its own way: what it serves, what it is refused, how it is read.

The tests of test_build.py run on it too, and say there where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buildbench import Bench

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import BuildOutput, BuildStep, BuildWarning
from container_magics.engine.client import Engine
from container_magics.errors import DockerfileError


@pytest.fixture
def bench(podman: Engine, base: str) -> Iterator[Bench]:
    made = Bench(podman, base)
    yield made
    made.remove()


def test_other_mounts_are_served(bench: Bench):
    result = bench.run_lines(
        "RUN --mount=type=bind,target=/in cat /in/data",
        f"RUN --mount=type=bind,from={bench.base},source=/etc,target=/in test -e /in/hostname",
        "RUN --mount=type=tmpfs,target=/t df /t | grep -o tmpfs",
        "COPY --chmod=700 data /data", "RUN stat -c %a /data",
        added=(("data", b"of the context\n"),),
    )  # fmt: skip
    assert result.error is None
    assert result.printed == "of the context\ntmpfs\n700\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN --network=none ls", "RUN --security=insecure ls", "COPY --link data /",
        "COPY --exclude=x data /", "COPY --parents data /", "ADD --checksum=sha256:0 data /",
        "RUN <<EOF\nls\nEOF",
    ],
)  # fmt: skip
def test_what_podman_cannot_do_is_refused_at_its_line(bench: Bench, line: str):
    with pytest.raises(DockerfileError, match="needs") as caught:
        bench.run_lines(line)
    assert caught.value.line == 3
    assert caught.value.hint


def test_a_heredoc_is_refused_also_with_a_syntax_line(bench: Bench):
    """Docker would fetch the builder which that line names; Podman does not."""
    spec = bench.spec("RUN <<EOF", "ls", "EOF")
    with pytest.raises(DockerfileError, match="Docker 23"):
        bench.run(BuildSpec("# syntax=docker/dockerfile:1\n" + spec.dockerfile, bench.tag))


def test_a_stage_is_found_by_its_number_and_by_its_name_in_any_case(bench: Bench):
    text = (
        f"FROM {bench.base} AS First\nLABEL cm-test-build={bench.nonce}\nWORKDIR /one\n"
        f"FROM {bench.base}\nLABEL cm-test-build={bench.nonce}\nWORKDIR /two\n"
        f"FROM {bench.base}\nRUN exit 1\n"
    )
    for target, folder in (("first", "/one"), ("0", "/one"), ("1", "/two"), ("stage-1", "/two")):
        result = bench.run(BuildSpec(text, bench.tag, target=target))
        assert result.error is None, target
        assert bench.image()["Config"]["WorkingDir"] == folder


def test_what_a_step_prints_is_neither_lost_nor_taken_for_podmans_words(bench: Bench):
    lines = ["", "STEP 9/9: RUN evil", "--> 12", "a" * 64, "", bench.nonce]
    result = bench.run_lines("RUN " + "; ".join(f"echo '{line}'" for line in lines))
    assert result.error is None
    assert result.printed.splitlines() == lines
    assert len({one.digest for one in result.events if isinstance(one, BuildStep)}) == 3


def test_a_trigger_of_the_base_is_a_step_of_nobodys_line(bench: Bench):
    base = bench.tag
    assert bench.run_lines("ONBUILD RUN echo triggered NONCE", "ONBUILD ENV A=1").error is None
    bench.tag = f"{base}-2"
    text = f"FROM {base}\nRUN echo own {bench.nonce}\nRUN exit 4\n"
    result = bench.run(BuildSpec(text, bench.tag, labels=(("cm-test-build", bench.nonce),)))
    assert result.error is not None
    assert result.error.line == 3
    assert "exit code 4" in str(result.error)
    found = {
        record.step.name.split("] ")[1]: record.instruction and record.instruction.lines[0]
        for record in result.state.steps
    }
    assert found == {
        f"FROM {base}": 1, f"RUN echo triggered {bench.nonce}": None, "ENV A=1": None,
        f"RUN echo own {bench.nonce}": 2, "RUN exit 4": 3,
    }  # fmt: skip
    printed = [one.digest for one in result.events if isinstance(one, BuildOutput)]
    assert printed == ["step:1.2", "step:1.4"]


def test_a_build_argument_that_nobody_uses_is_a_warning(bench: Bench):
    result = bench.run_lines("RUN echo NONCE", build_args=(("NOBODYS", "1"),))
    warned = [one.text for one in result.events if isinstance(one, BuildWarning)]
    assert len(warned) == 1
    assert "NOBODYS" in warned[0]
