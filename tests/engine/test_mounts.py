"""A folder of -v that the engine does not see: found before the cell runs, and told."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from container_magics.core.events import Exited, Output, RunEvent
from container_magics.core.spec import ContainerSpec, Mount
from container_magics.engine import mounts
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine, connect
from container_magics.engine.ownership import owner
from container_magics.errors import MountIsElsewhere, NoEngine
from container_magics.session.detached import run_detached
from container_magics.session.run import run

IMAGE = "cm-test-mounts:1"
Story = Callable[..., Generator[RunEvent, None, None]]
START_S = 90.0
# A machine of its own, as far as files and networks go: over the folder it has another, empty
# one. Without a network of its own it would take away the other engines' bridge docker0.
ELSEWHERE = (
    "mount --make-rprivate / && mount -t tmpfs none {hidden} && "
    "exec dockerd --data-root {state}/data --exec-root {state}/exec --pidfile {state}/pid "
    "-H unix://{state}/sock --bridge none --iptables=false --ip6tables=false "
    "--storage-driver vfs"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this machine that the other engine does not have."""
    return tmp_path_factory.mktemp("here")


@pytest.fixture(scope="module")
def elsewhere(as_root: None, folder: Path) -> Iterator[Engine]:
    """A real engine whose file system is not this one's."""
    state = Path(tempfile.mkdtemp(prefix="cm-elsewhere-"))
    command = ELSEWHERE.format(hidden=folder, state=state)
    with (state / "log").open("w") as log:
        engine_process = subprocess.Popen(
            ["unshare", "-m", "-n", "sh", "-c", command], stdout=log, stderr=log
        )
    try:
        engine = answering(f"unix://{state}/sock", engine_process, state / "log")
        engine.api.import_image_from_data(an_image(), repository=IMAGE)
        yield engine
        engine.close()
    finally:
        engine_process.terminate()
        engine_process.wait(60)
        shutil.rmtree(state, ignore_errors=True)


def answering(url: str, process: subprocess.Popen[bytes], log: Path) -> Engine:
    """The engine at ``url``, once it answers."""
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        with suppress(NoEngine):
            return connect({"DOCKER_HOST": url})
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


def an_image() -> bytes:
    """The archive of a file system with one file; nothing of it is ever started."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    return buffer.getvalue()


def check(engine: Engine, *asked: Mount) -> None:
    """Look at the mounts of a container that was created so, and remove it."""
    created = verbs.create(
        engine, ContainerSpec(IMAGE, ("x",), mounts=asked), owner().labels("test")
    )
    try:
        mounts.check(engine, created.container_id, asked)
    finally:
        verbs.remove(engine, created.container_id)


def test_a_folder_that_would_be_empty_is_told_before_the_start(
    elsewhere: Engine, folder: Path
) -> None:
    (folder / "note.txt").write_text("here")
    spec = ContainerSpec(IMAGE, ("x",), mounts=(Mount(str(folder), "/data"),))
    with pytest.raises(MountIsElsewhere, match="/data would be empty") as caught:
        list(run(elsewhere, spec, owner()))
    assert "--put" in caught.value.hint
    assert not elsewhere.api.containers(all=True)
    assert [path.name for path in folder.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("story", [run, run_detached])
def test_a_folder_that_would_be_empty_leaves_the_container_of_that_name(
    elsewhere: Engine, folder: Path, story: Story
) -> None:
    (folder / "note.txt").write_text("here")
    spec = ContainerSpec(IMAGE, ("x",), name="cm-test-kept")
    old = verbs.create(elsewhere, spec, owner().labels("test"), auto_remove=False)
    try:
        with pytest.raises(MountIsElsewhere):
            list(story(elsewhere, replace(spec, mounts=(Mount(str(folder), "/data"),)), owner()))
        (left,) = elsewhere.api.containers(all=True)
        assert left["Id"] == old.container_id
    finally:
        verbs.remove(elsewhere, old.container_id)


def test_a_folder_that_is_empty_here_is_found_too(
    elsewhere: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "results").mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(MountIsElsewhere):
        check(elsewhere, Mount("./results", "/results"))
    assert not list((folder / "results").iterdir())  # the probe is gone


def test_a_file_that_would_be_a_folder_is_found(elsewhere: Engine, folder: Path) -> None:
    (folder / "settings").write_text("x")
    with pytest.raises(MountIsElsewhere):
        check(elsewhere, Mount(str(folder / "settings"), "/settings"))


def test_what_both_have_what_is_not_here_and_volumes_pass(elsewhere: Engine) -> None:
    check(
        elsewhere,
        Mount("/usr/lib", "/shared", read_only=True),
        Mount("/cm/is/only/there", "/only"),
        Mount("cm-test-volume", "/volume"),
        Mount("/etc/passwd", "/passwd", read_only=True),
    )


def test_a_full_path_with_other_things_in_it_is_the_engines_own(
    elsewhere: Engine, folder: Path
) -> None:
    own = folder / "own"
    own.mkdir(exist_ok=True)
    (own / "here").write_text("x")
    with pytest.raises(MountIsElsewhere):
        check(elsewhere, Mount(str(own), "/own"))
    # the engine made the folder on its machine, and others made more in the one around it
    check(elsewhere, Mount(str(folder), "/folder"))
    with pytest.raises(MountIsElsewhere):
        check(elsewhere, Mount(f"{folder}/../{folder.name}/own", "/own"))


@pytest.mark.usefixtures("nothing_left")
def test_here_a_mount_is_what_it_is(engine: Engine, base: str, tmp_path: Path) -> None:
    asked = (Mount(str(tmp_path), "/empty", read_only=True), Mount("/etc/hostname", "/name"))
    spec = ContainerSpec(base, ("sh", "-c", "ls -A /empty; test -f /name"), mounts=asked)
    events = list(run(engine, spec, owner()))
    assert Exited(0) in events
    assert not [event for event in events if isinstance(event, Output)]
    assert not list(tmp_path.iterdir())
