"""A build's context on real engines: what is in it, how it is sent, and what goes wrong with it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from buildbench import BUILDKIT, Bench, Result, both
from conftest import STATE
from contexttree import members
from otherengines import newer_engine

from container_magics.core.buildspec import BuildSpec
from container_magics.core.events import ContextSent
from container_magics.engine.client import Engine
from container_magics.engine.context import Context
from container_magics.engine.contextfiles import astray
from container_magics.engine.contextwalk import Entry
from container_magics.errors import BuildFailed, EngineLost, UsageError
from container_magics.session.build import begin, build
from container_magics.view.model import Meter, Note
from container_magics.view.present.build import build as present

MB = 1 << 20
SLOW_S = 0.01
"""For a part of a file; a large one has thousands."""
LONG = "l" * 200
ODD = os.fsdecode(b"bad\xff")


@contextmanager
def special_files(folder: Path) -> Iterator[None]:
    """A socket, a pipe and a device, and what is odd but has a place in an image."""
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "device", 0o666 | 0o020000, os.makedev(1, 3))
    (folder / ODD).write_text("odd")
    (folder / LONG / LONG).mkdir(parents=True)
    (folder / LONG / LONG / LONG).write_text("long")
    (folder / "run.sh").write_text("run")
    (folder / "run.sh").chmod(0o755)
    (folder / "closed").write_text("closed")
    (folder / "closed").chmod(0o400)
    (folder / "nowhere").symlink_to("no/such//file")
    (folder / "out").symlink_to("/etc/passwd")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        yield


@both
def test_all_that_has_a_place_in_an_image_comes_as_it_is(
    bench: Bench, version: int, tmp_path: Path, as_root: None
):
    with special_files(tmp_path):
        result = bench.run_lines("COPY . /c", context_dir=str(tmp_path), version=version)
    assert result.error is None
    found = dict(members(bench.engine, bench.tag))
    found.pop("Dockerfile", None)  # the archive has it, as the classic builder wants it
    assert {name: one.mode & 0o777 for name, one in found.items() if one.isreg()} == {
        ODD: 0o644, f"{LONG}/{LONG}/{LONG}": 0o644, "run.sh": 0o755, "closed": 0o400,
    }  # fmt: skip
    assert {name for name, one in found.items() if one.issym()} == {
        "nowhere -> no/such//file", "out -> /etc/passwd",
    }  # fmt: skip
    assert {(one.uid, one.gid) for one in found.values()} == {(0, 0)}
    assert result.state.context is not None
    assert result.state.context.left_out == ("device", "pipe", "socket")
    assert "Sockets, pipes and devices are left out of the context: device, pipe, socket." in notes(
        result
    )


def notes(result: Result) -> list[str]:
    return [one.text for one in present(result.state, stable=True).views if isinstance(one, Note)]


@both
def test_a_link_out_of_the_context_leads_nowhere(bench: Bench, version: int, tmp_path: Path):
    for source, link, target in (("out", "out", "/etc/passwd"), ("up/no/such", "up", "..")):
        (tmp_path / link).symlink_to(target)
        lines = (f"COPY {source} /x",)
        if bench.podman and target == "..":  # it refuses the whole archive
            with pytest.raises(UsageError, match=r"up is a link to \.\., out of the build context"):
                bench.run_lines(*lines, context_dir=str(tmp_path))
            continue
        error = bench.run_lines(*lines, context_dir=str(tmp_path), version=version).error
        assert error is not None
        assert error.line == 3
        assert f"{link} is a link to {target}. Links are followed within" in error.hint
        assert not bench.exists()


def test_of_links_in_the_way_the_one_that_leads_nowhere_is_found(tmp_path: Path):
    (tmp_path / "there").mkdir()
    for name, target in (
        ("there/up", "../.."), ("one", "there"), ("two", "/one/three"), ("loop", "loop"),
    ):  # fmt: skip
        (tmp_path / name).symlink_to(target)
    spec = BuildSpec("FROM scratch\n", "t", context_dir=str(tmp_path), added=(("a", b""),))
    seen = {name: astray(spec, [name]) for name in ("a", "one", "b", "two", "loop/x", "one/up/c")}
    assert seen == {
        "a": (), "one": (), "b": (), "two": (("two", "/one/three"),), "loop/x": (("loop", "loop"),),
        "one/up/c": (("there/up", "../.."),),
    }  # fmt: skip


def test_links_in_the_context_are_followed_as_docker_does(bench: Bench, tmp_path: Path):
    (tmp_path / "real/deep").mkdir(parents=True)
    (tmp_path / "real/deep/file").write_text("there\n")
    (tmp_path / "one").symlink_to("real")
    (tmp_path / "two").symlink_to("/one/deep")
    (tmp_path / "loop").symlink_to("loop")
    result = bench.run_lines(
        "COPY two/file /1", "COPY tw* /2/", "RUN cat /1 /2/file; echo NONCE",
        context_dir=str(tmp_path),
    )  # fmt: skip
    assert result.error is None
    assert result.printed == f"there\nthere\n{bench.nonce}\n"


def test_the_cells_dockerfile_is_not_in_the_context(bench: Bench, tmp_path: Path):
    (tmp_path / "Dockerfile").write_text("another one\n")
    result = bench.run_lines("COPY . /c", "RUN cd /c; grep -r . .; echo NONCE",
                             context_dir=str(tmp_path))  # fmt: skip
    if bench.podman:  # which gets an archive, and the Dockerfile in it
        assert "./Dockerfile:another one\n" in result.printed
        return
    assert result.printed == f"./Dockerfile:another one\n{bench.nonce}\n"
    alone = bench.run_lines("COPY . /c", "RUN ls /c; echo NONCE 2", added=(("a", b""),))
    assert alone.printed == f"a\n{bench.nonce} 2\n"


@both
def test_a_file_is_given_by_its_own_name_or_another(bench: Bench, version: int, tmp_path: Path):
    (tmp_path / "data").write_text("data\n")
    (tmp_path / "link").symlink_to("data")
    (tmp_path / "context").mkdir()
    (tmp_path / "context/a").write_text("hidden\n")
    files = (("a", str(tmp_path / "data")), ("x/b", str(tmp_path / "link")))
    result = bench.run_lines(
        "COPY . /c", "RUN cd /c; cat a x/b; echo NONCE",
        files=files, context_dir=str(tmp_path / "context"), version=version,
    )  # fmt: skip
    assert result.error is None
    assert result.printed == f"data\ndata\n{bench.nonce}\n"


@pytest.mark.parametrize("named", ["no-such", "."], ids=["missing", "a folder"])
def test_a_file_that_is_none_is_refused_before_anything_is_sent(bench: Bench, named: str):
    with pytest.raises(UsageError, match="--file"):
        bench.run_lines("COPY . /c", files=(("a", named),))


def test_new_data_of_the_same_size_is_never_taken_for_the_old(bench: Bench):
    lines = ("COPY data /data", "RUN cat /data; echo NONCE")
    for data in (b"1\n", b"2\n", b"3\n"):
        assert data.decode() in bench.run_lines(*lines, added=(("data", data),)).printed


def sent(result: Result) -> ContextSent:
    found = [one for one in result.events if isinstance(one, ContextSent)]
    return found[-1]


def test_of_an_unchanged_context_nothing_is_sent_again(bench: Bench, tmp_path: Path):
    for number in range(4):
        (tmp_path / f"{number}.bin").write_bytes(os.urandom(MB))
    (tmp_path / "only").write_text("this\n")
    folder = str(tmp_path)
    first = bench.run_lines("COPY . /c", context_dir=folder)
    assert (sent(first).sent_bytes, sent(first).over) == (sent(first).total_bytes, True)
    again = bench.run_lines("COPY . /c", context_dir=folder)
    if bench.podman:  # which gets the whole archive each time
        assert sent(again).sent_bytes == sent(first).sent_bytes
        return
    assert sent(again).sent_bytes < 1000
    (tmp_path / "2.bin").write_bytes(os.urandom(MB))
    assert MB <= sent(bench.run_lines("COPY . /c", context_dir=folder)).sent_bytes < MB + 1000
    # and of a folder only what is copied is looked at
    few = bench.run_lines("COPY only /", "RUN cat /only; echo NONCE", context_dir=folder)
    assert few.printed == f"this\n{bench.nonce}\n"
    assert few.state.context is None


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder that takes a while to send: a large file, and one after it."""
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(300 * MB)
    (tmp_path / "b.txt").write_text("b")
    return tmp_path


def meanwhile(bench: Bench, spec: BuildSpec, do: Callable[[], None], version: Any) -> Result:
    """Build, and do something when the sending has begun; until that is done, it goes on slowly."""
    result, done = Result(begin(spec)), threading.Event()
    content = Context.content

    def slowly(context: Context, entry: Entry) -> Iterator[bytes]:
        for part in content(context, entry):
            yield part
            done.wait(SLOW_S)

    with (
        pytest.MonkeyPatch.context() as patch,
        closing(build(bench.engine, spec, version=version)) as events,
    ):
        patch.setattr(Context, "content", slowly)
        for event in events:
            result.events.append(event)
            result.state = result.state.apply(event)
            if isinstance(event, ContextSent) and event.sent_bytes and not done.is_set():
                assert event.sent_bytes < event.total_bytes
                try:
                    do()
                finally:
                    done.set()
    assert done.is_set()
    return result


@both
def test_a_large_context_shows_how_far_it_is(bench: Bench, version: int, large: Path):
    spec = bench.spec("COPY . /c", context_dir=str(large))
    seen = []
    with closing(build(bench.engine, spec, version=version)) as events:  # type: ignore[arg-type]
        state = begin(spec)
        for event in events:
            state = state.apply(event)
            if isinstance(event, ContextSent):
                views = present(state, stable=False).views
                seen += [(one.fraction, one.text) for one in views if isinstance(one, Meter)]
    fractions = [fraction for fraction, _ in seen]
    assert len(seen) >= 2
    # the whole is counted while it is walked through, so a share may be a little too large at first
    assert all(later > earlier - 0.01 for earlier, later in itertools.pairwise(fractions))
    assert seen[0][1].endswith("of 315 MB")
    assert not any(isinstance(one, Meter) for one in present(state, stable=False).views)


@both
def test_a_file_that_shrinks_is_named(bench: Bench, version: int, large: Path):
    spec = bench.spec("COPY . /c", context_dir=str(large))
    with pytest.raises(UsageError, match=r"a\.bin became shorter") as caught:
        meanwhile(bench, spec, lambda: os.truncate(large / "a.bin", 0), version)
    assert caught.value.hint
    assert not bench.exists()


def test_a_file_that_vanishes_is_named(bench: Bench, large: Path):
    if bench.podman:
        pytest.skip("Podman may have the archive before the file is gone")
    spec = bench.spec("COPY . /c", context_dir=str(large))
    with pytest.raises(UsageError, match=r"b\.txt is in the build context and cannot be read"):
        meanwhile(bench, spec, (large / "b.txt").unlink, BUILDKIT)
    assert not bench.exists()


@both
def test_a_file_that_grows_is_what_it_was_promised_to_be(bench: Bench, version: int, large: Path):
    def grow() -> None:
        with (large / "a.bin").open("ab") as file:
            file.write(b"more")

    # dockerd waits two seconds for what an ended container has written; 300 MB keep the disk busy
    printing = "RUN stat -c %s /c/a.bin; echo NONCE; sleep 2"
    spec = bench.spec("COPY . /c", printing, context_dir=str(large))
    result = meanwhile(bench, spec, grow, version)
    assert result.printed == f"{300 * MB}\n{bench.nonce}\n"
    assert result.state.context is not None
    assert result.state.context.changed == ("a.bin",)
    assert "These were written to while they were read: a.bin." in notes(result)


@pytest.mark.parametrize("closed", ["file", "folder"])
def test_what_cannot_be_read_is_named(open_path: Path, as_root: None, closed: str):
    (open_path / "folder").mkdir()
    (open_path / "file").write_text("x")
    (open_path / closed).chmod(0)
    context = Context(BuildSpec("FROM scratch\n", "t", context_dir=str(open_path)))
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match=f"{closed} is in the build context") as caught:
            list(context.archive()[0])
    finally:
        os.seteuid(0)
    assert ".dockerignore" in caught.value.hint


def ours_at_work() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("container-magics b")]


@both
def test_an_interrupt_while_the_context_is_sent_stops_at_once(
    bench: Bench, version: int, large: Path
):
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    spec = bench.spec("COPY . /c", context_dir=str(large))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(KeyboardInterrupt):
        meanwhile(bench, spec, press, version)
    assert time.monotonic() - pressed[0] < 1
    assert ours_at_work() == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1  # one idle connection
    assert not bench.exists()
    assert bench.ours() == []
    assert bench.containers() == []


def test_an_engine_that_is_stopped_in_the_middle_of_a_build_is_lost(as_root: None, tmp_path: Path):
    with newer_engine(STATE, "overlay2") as engine:
        folder = Path(engine.endpoint.url.removeprefix("unix://")).parent
        pid = int((folder / "pid").read_text())
        with (tmp_path / "a.bin").open("wb") as file:
            file.truncate(300 * MB)
        spec = BuildSpec("FROM scratch\nCOPY . /c\n", "t:1", context_dir=str(tmp_path))
        with pytest.raises((EngineLost, BuildFailed)) as caught:
            stop_when_sending(engine, spec, pid)
    assert caught.value.hint
    assert ours_at_work() == []


def stop_when_sending(engine: Engine, spec: BuildSpec, pid: int) -> None:
    with closing(build(engine, spec)) as events:
        for event in events:
            if isinstance(event, ContextSent) and event.sent_bytes:
                os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize("store", ["overlay2", "containerd"])
def test_a_full_disk_is_named_as_the_cause(as_root: None, tmp_path: Path, store: str):
    (tmp_path / "a.bin").write_bytes(os.urandom(60 * MB))
    spec = BuildSpec("FROM scratch\nCOPY . /c\n", "t:1", context_dir=str(tmp_path))
    with newer_engine(STATE, store, size_mb=48) as engine:
        with pytest.raises(BuildFailed) as caught:
            list(build(engine, spec))
        assert "The engine's disk is full: it has " in caught.value.hint
        assert "no space left on device" in "\n".join(caught.value.told())
        assert engine.api.images(all=True) == []
