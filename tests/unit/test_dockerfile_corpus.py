"""Every form of the Dockerfile reference: what each file of tests/dockerfiles is read as.

What an engine says of the same files is tested in tests/engine/test_dockerfile_buildkit.py.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from dockerfilecorpus import FOLDER, Sample, accepted, rejected

from container_magics.core.dockerfile import parse
from container_magics.core.dockerfilestages import refuse_unbuildable
from container_magics.errors import DockerfileError

READ = json.loads((FOLDER / "read.json").read_text())


def as_read(text: str) -> list[list[object]]:
    """Lines, stage, keyword and arguments of each instruction, then its heredocs."""
    return [
        [f"{one.lines[0]}-{one.lines[1]}", one.stage, one.keyword, one.args]
        + [[doc.name, doc.text, doc.expand] for doc in one.heredocs]
        for one in parse(text).instructions
    ]


@pytest.mark.parametrize("sample", accepted(), ids=lambda sample: sample.name)
def test_what_a_builder_accepts_is_read_as_it_reads_it(sample: Sample):
    refuse_unbuildable(parse(sample.text), sample.target)
    assert as_read(sample.text) == READ[sample.name]


def test_the_table_of_what_is_read_has_a_row_for_each_file():
    assert set(READ) == {sample.name for sample in accepted()}
    assert len(accepted()) + len(rejected()) >= 60


@pytest.mark.parametrize("sample", rejected(), ids=lambda sample: sample.name)
def test_what_a_builder_refuses_is_refused_at_its_line_in_one_sentence(sample: Sample):
    with pytest.raises(DockerfileError) as caught:
        refuse_unbuildable(parse(sample.text), sample.target)
    assert caught.value.line == sample.line
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160
    assert caught.value.hint


LARGE = {
    "comments": "# a comment of some length, as there are many in long files\n",
    "labels": 'LABEL org.example.name="two words" other=$A\n',
    "runs": "RUN apt-get update && apt-get install -y --no-install-recommends curl git\n",
    "continued": "LABEL a=1 \\\n b=2 \\\n\n # why \\\n c=3\n",
    "stages": "FROM scratch AS made\nCOPY --from=made a /\n",
    "heredocs": "COPY <<EOF /x\nsome text of a file\nEOF\n",
    "quotes": "ENV A=\"it's\" B='x' C=${D:-${E:-f}}\n",
    "one instruction": " org.example.name=value \\\n",
}


def seconds(line: str, size: int) -> float:
    """What it takes to read so many characters of lines like this one: the best of a few tries,
    for this machine does other things too."""
    return min(one_try(line, size) for _ in range(4))


def one_try(line: str, size: int) -> float:
    first = "LABEL a=1 \\\n" if line.startswith(" ") else ""
    text = f"FROM scratch AS made\n{first}{line * (size // len(line))}"
    started = time.process_time()
    with suppress(DockerfileError):  # a stage that copies from its own name
        refuse_unbuildable(parse(text))
    return time.process_time() - started


@pytest.mark.parametrize("line", LARGE.values(), ids=LARGE)
def test_four_times_the_text_takes_four_times_as_long(line: str):
    small = seconds(line, 200_000)
    assert seconds(line, 800_000) < 10 * max(small, 0.02)


def test_ten_megabytes_are_read():
    count = 10_000_000 // len(LARGE["runs"])
    assert len(parse("FROM scratch\n" + count * LARGE["runs"]).instructions) == 1 + count
