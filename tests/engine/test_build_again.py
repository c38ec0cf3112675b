"""A tag built again, on a real engine: what ran again, why, and what is kept to know it."""

from __future__ import annotations

import json
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from buildbench import Bench, Result, both

from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.events import BuildReason, Built
from container_magics.engine import buildrecords, contextfiles
from container_magics.engine.buildrecords import BuildRecords
from container_magics.engine.client import Engine
from container_magics.errors import BuildFailed
from container_magics.session.build import begin, build
from container_magics.view.model import Group, Steps
from container_magics.view.present.build import build as present

LINES = (
    "WORKDIR /w",
    "COPY app.py /w/",
    "RUN cat app.py; echo NONCE",
    "COPY other /w/",
    "RUN true",
)


class Again(Bench):
    """Builds that remember: each test has records of its own."""

    records: BuildRecords

    def run(self, spec: BuildSpec, *, version: Any = 2) -> Result:
        result = Result(begin(spec))
        try:
            for event in build(self.engine, spec, version=version, records=self.records):
                result.events.append(event)
                result.state = result.state.apply(event)
        except BuildFailed as error:
            result.error = error
        return result

    def why(self, result: Result, *, stable: bool = False) -> dict[str, str]:
        """The first word of each step with a reason, its line, and the reason as it is shown."""
        return remarks(result.state, stable=stable)


def remarks(state: BuildState, *, stable: bool = False) -> dict[str, str]:
    view = present(state, stable=stable)
    assert isinstance(view, Group)
    return {
        step.name: step.remarks[-1]
        for one in view.views
        if isinstance(one, Steps)
        for step in one.steps
        if step.remarks and ":" in step.remarks[-1]
    }


@pytest.fixture
def bench(builder: Engine, base: str, tmp_path: Path) -> Iterator[Again]:
    made = Again(builder, base)
    made.records = BuildRecords(tmp_path / "records")
    yield made
    made.remove()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A context whose files the engine cannot have in its cache from an earlier run."""
    made = tmp_path / "context"
    made.mkdir()
    (made / "app.py").write_text(f"one {uuid.uuid4().hex}\n")
    (made / "other").write_text("other\n")
    (made / "unused").write_text("unused\n")
    return made


@both
def test_a_file_that_changed_is_named_where_it_is_copied(bench: Again, folder: Path, version: int):
    spec = bench.spec(*LINES, context_dir=str(folder))
    first = bench.run(spec, version=version)
    assert bench.why(first) == {}
    assert bench.why(bench.run(spec, version=version)) == {}
    (folder / "app.py").write_text(f"two {bench.nonce}\n")
    (folder / "unused").write_text("changed\n")
    result = bench.run(spec, version=version)
    cat = f"RUN cat app.py; echo {bench.nonce}"
    assert bench.why(result) == {
        "COPY app.py /w/": "runs again: app.py changed",
        cat: "runs again: line 4 changed",
        "COPY other /w/": "runs again: line 4 changed",
        "RUN true": "runs again: line 4 changed",
    }
    assert result.steps()["WORKDIR /w"] == "cached"


def test_the_reason_comes_while_the_step_runs(bench: Again, folder: Path):
    spec = bench.spec("COPY app.py /", "RUN sleep 1; echo NONCE", context_dir=str(folder))
    bench.run(spec)
    (folder / "app.py").write_text(f"two {bench.nonce}\n")
    events = bench.run(spec).events
    kinds = [type(one).__name__ for one in events]
    reason = next(at for at, one in enumerate(events) if isinstance(one, BuildReason))
    assert reason < len(kinds) - 3
    assert isinstance(events[-1], Built)


def test_a_file_that_is_only_touched_changes_nothing(bench: Again, folder: Path):
    spec = bench.spec(*LINES, context_dir=str(folder))
    bench.run(spec)
    os.utime(folder / "app.py", (1_000_000_000, 1_000_000_000))
    again = bench.run(spec)
    assert again.steps()["COPY app.py /w/"] == "cached"
    assert remarks(again.state, stable=True) == {}
    (folder / "app.py").chmod(0o755)
    assert bench.why(bench.run(spec))["COPY app.py /w/"] == "runs again: app.py changed"


@both
def test_an_instruction_that_changed_gives_its_old_text(bench: Again, version: int):
    bench.run(bench.spec("RUN echo one NONCE", "RUN echo NONCE"), version=version)
    result = bench.run(bench.spec("RUN echo two NONCE", "RUN echo NONCE"), version=version)
    assert bench.why(result) == {
        f"RUN echo two {bench.nonce}": f"runs again: changed, it was RUN echo one {bench.nonce}",
        f"RUN echo {bench.nonce}": "runs again: line 3 changed",
    }


@both
def test_variables_arguments_and_no_cache(bench: Again, version: int):
    lines = ("ARG WHO", "ENV A=1", "RUN echo $WHO $A NONCE")
    step = f"RUN echo $WHO $A {bench.nonce}"
    asked = {"build_args": (("WHO", "me"),)}
    bench.run(bench.spec(*lines, **asked), version=version)
    changed = {"build_args": (("WHO", "you"),)}
    result = bench.run(bench.spec(*lines, **changed), version=version)
    assert bench.why(result) == {step: "runs again: the build argument WHO changed"}
    lines = ("ARG WHO", "ENV A=2", lines[2])
    result = bench.run(bench.spec(*lines, **changed), version=version)
    assert bench.why(result) == {step: "runs again: ENV A=2 (line 4) changed"}
    result = bench.run(bench.spec(*lines, **changed, no_cache=True), version=version)
    assert bench.why(result) == {step: "runs again: --no-cache"}


def test_another_base_image_is_the_reason_of_all_that_stands_on_it(bench: Again):
    base = f"cm-test-build-base-{bench.nonce}:1"
    for content in ("1", "2"):
        ground = BuildSpec(
            f"FROM {bench.base}\nLABEL cm-test-build={bench.nonce}\nRUN echo {content} > /x\n", base
        )
        list(build(bench.engine, ground))
        text = f"FROM {base}\nRUN cat /x; echo {bench.nonce}\nRUN true\n"
        result = bench.run(BuildSpec(text, bench.tag))
    assert set(bench.why(result).values()) == {"runs again: the base image is another one"}
    assert len(bench.why(result)) == 2


def test_an_emptied_cache_is_the_reason_where_nothing_changed(bench: Again):
    spec = bench.spec("RUN echo NONCE", "RUN echo again NONCE")
    bench.run(spec)
    bench.engine.api.remove_image(bench.tag)
    forget(bench)
    result = bench.run(spec)
    gone = "runs again: nothing changed; the engine's cache no longer had it"
    # Podman's cache has a place for the LABEL before it, too, of which no reason is told
    first = "runs again: line 2 ran again" if bench.podman else gone
    assert bench.why(result) == {
        f"RUN echo {bench.nonce}": first,
        f"RUN echo again {bench.nonce}": "runs again: line 3 ran again",
    }
    assert bench.why(result, stable=True) == {}


def forget(bench: Again) -> None:
    """Take the test's own steps out of the engine's build cache, those on top first."""
    url = f"{bench.engine.api.base_url}/v{bench.engine.api.api_version}/build/prune"
    for _ in range(3):
        for one in bench.engine.api.df()["BuildCache"]:
            if bench.nonce in one["Description"]:
                asked = {"filters": json.dumps({"id": [one["ID"]]}), "all": "1"}
                bench.engine.api.post(url, params=asked).raise_for_status()


def test_stable_says_the_same_whether_the_engine_knew_the_form_or_not(bench: Again, folder: Path):
    spec = bench.spec(*LINES, context_dir=str(folder))
    told = []
    for _ in range(2):  # a notebook, run twice, each time in a session of its own
        bench.records = BuildRecords(None)
        for content in (f"one {bench.nonce}\n", f"two {bench.nonce}\n"):
            (folder / "app.py").write_text(content)
            result = bench.run(spec)
            assert result.error is None, (result.error, result.error.facts)
            told.append((present(result.state, stable=True), bench.why(result, stable=True)))
    assert result.steps()["COPY app.py /w/"] == "cached"
    assert told[:2] == told[2:]
    assert told[1][1]["COPY app.py /w/"] == "since the last build: app.py changed"
    assert told[0][1] == {}


def test_what_is_kept_is_the_readers_alone_and_holds_no_value(bench: Again, tmp_path: Path):
    bench.run(bench.spec("ARG PASS", "RUN echo NONCE", build_args=(("PASS", "hunter2"),)))
    (kept,) = (tmp_path / "records").iterdir()
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert "hunter2" not in kept.read_text()
    assert bench.records.last(bench.engine, bench.tag) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', "[" * 100_000])
def test_a_record_that_cannot_be_read_is_no_record(bench: Again, tmp_path: Path, content: str):
    spec = bench.spec("RUN echo NONCE")
    bench.run(spec)
    (kept,) = (tmp_path / "records").iterdir()
    kept.write_text(content)
    assert bench.records.last(bench.engine, bench.tag) is None
    assert bench.run(spec).error is None
    assert bench.records.last(bench.engine, bench.tag) is not None


def test_a_folder_that_cannot_be_written_keeps_no_build_from_succeeding(
    bench: Again, tmp_path: Path
):
    (tmp_path / "file").write_text("")
    bench.records = BuildRecords(tmp_path / "file" / "records")
    assert bench.run(bench.spec("RUN echo NONCE")).error is None
    assert bench.records.last(bench.engine, bench.tag) is None


def test_only_so_many_records_are_kept(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(buildrecords, "MOST_RECORDS", 3)
    some = buildrecords.BuildRecord(())
    for records in (BuildRecords(tmp_path / "r"), BuildRecords(None)):
        for number in range(5):
            records.keep(engine, f"tag:{number}", some)
        found = [records.last(engine, f"tag:{number}") is not None for number in range(5)]
        assert found == [False, False, True, True, True]
    assert len(list((tmp_path / "r").iterdir())) == 3


def test_too_many_files_are_not_kept_and_too_many_bytes_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = BuildSpec("", "t", context_dir=str(folder), added=(("more", b"x"),))
    kept = contextfiles.kept_files(spec, ["."], {})
    assert kept is not None
    assert sorted(kept) == ["app.py", "more", "other", "unused"]
    assert contextfiles.kept_files(spec, ["app.*"], {}) == {"app.py": kept["app.py"]}
    monkeypatch.setattr(contextfiles, "MOST_HASHED_BYTES", 0)
    by_time = contextfiles.kept_files(spec, ["."], {})
    assert by_time is not None
    assert by_time["app.py"].content.startswith("size 37, time ")
    assert contextfiles.kept_files(spec, ["."], kept) == kept, "what is known is not read again"
    monkeypatch.setattr(contextfiles, "MOST_FILES", 3)
    assert contextfiles.kept_files(spec, ["."], {}) is None
    gone = BuildSpec("", "t", context_dir=str(folder / "nowhere"))
    assert contextfiles.kept_files(gone, ["."], {}) is None


def test_links_and_folders_are_kept_and_what_is_ignored_is_not(folder: Path):
    (folder / "link").symlink_to("app.py")
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    (folder / ".dockerignore").write_text("other\n")
    kept = contextfiles.kept_files(BuildSpec("", "t", context_dir=str(folder)), ["."], {})
    assert kept is not None
    assert sorted(kept) == [".dockerignore", "app.py", "link", "sub/", "unused"]
    assert kept["link"].content == "link to app.py"


def test_a_failed_build_is_not_the_last_one(bench: Again):
    with suppress(docker.errors.APIError):
        bench.run(bench.spec("RUN echo one NONCE"))
        assert bench.run(bench.spec("RUN echo two NONCE; exit 1")).error is not None
        result = bench.run(bench.spec("RUN echo three NONCE"))
    assert bench.why(result) == {
        f"RUN echo three {bench.nonce}": f"runs again: changed, it was RUN echo one {bench.nonce}"
    }
