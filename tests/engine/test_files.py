"""Files and folders in and out of a container on a real engine; hostile archives; cut copies."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from container_magics.core.events import Carried, Created, Exited, Got
from container_magics.core.spec import ContainerSpec
from container_magics.core.transfer import Put, Transfer
from container_magics.engine import files, folders, packing
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.errors import BadArchive, NotFound, TooLarge, UsageError
from container_magics.session import carry
from container_magics.session.copying import Copied, copy_in, copy_out
from container_magics.session.run import run
from container_magics.view.model import Note
from container_magics.view.present import run as present

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def container(engine: Engine, base: str) -> Iterator[str]:
    """A container that was made and never started: its files are there all the same."""
    created = verbs.create(engine, ContainerSpec(base, ("true",)), owner().labels("test"))
    yield created.container_id
    verbs.remove(engine, created.container_id)


def result(story: Generator[Carried, None, Copied]) -> Copied:
    """The end of a copy's story."""
    while True:
        try:
            next(story)
        except StopIteration as end:
            copied: Copied = end.value
            return copied


def tree(folder: Path) -> dict[str, str]:
    """What is under a folder: by path a file's content, a link's end, or "/" for a folder."""
    return {
        str(path.relative_to(folder)): f"-> {path.readlink()}"
        if path.is_symlink()
        else "/"
        if path.is_dir()
        else path.read_text()
        for path in folder.rglob("*")
    }


def made_here(folder: Path) -> Path:
    """A folder with what folders have in them."""
    source = folder / "source"
    (source / "sub" / "empty").mkdir(parents=True)
    (source / "a.txt").write_text("a\n")
    (source / "sub" / "run").write_text("#!/bin/sh\n")
    (source / "sub" / "run").chmod(0o751)
    (source / "sub" / "äöü \n").write_text("a strange name")
    (source / "inside").symlink_to("sub/run")
    (source / "dangling").symlink_to("nowhere")
    os.mkfifo(source / "pipe")
    return source


def test_a_file_comes_back_as_it_went(engine: Engine, container: str) -> None:
    content = os.urandom(3_000_001)
    files.put_file(engine, container, "/new/folders/x", content, 0o640)
    assert files.read_file(engine, container, "/new/folders/x") == content
    files.put_file(engine, container, "/new/folders/x", b"", 0o640)
    assert files.read_file(engine, container, "/new/folders/x") == b""


def test_links_in_a_container_are_followed(engine: Engine, container: str) -> None:
    assert b"Debian" in files.read_file(engine, container, "/etc/os-release")  # a link
    with pytest.raises(NotFound):
        files.read_file(engine, container, "/no/such")
    with pytest.raises(UsageError, match="folder"):
        files.read_file(engine, container, "/etc")


def test_a_folder_is_never_replaced_by_a_file(engine: Engine, container: str) -> None:
    with pytest.raises(UsageError, match="is a folder in the container"):
        files.put_file(engine, container, "/etc", b"x", 0o644)
    assert files.is_folder(engine, container, "/etc")


def test_a_limit_is_told_before_anything_is_read(engine: Engine, container: str) -> None:
    files.put_file(engine, container, "/big", bytes(200_000), 0o644)
    with pytest.raises(TooLarge, match="200 kB"):
        files.read_file(engine, container, "/big", limit_bytes=199_999)
    assert len(files.read_file(engine, container, "/big", limit_bytes=200_000)) == 200_000
    with pytest.raises(TooLarge):
        list(files.folder_coming(engine, container, "/usr/share", limit_bytes=100_000))


def test_what_is_fetched_says_how_far_it_is(
    engine: Engine, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "TOLD_S", 0.0)
    script = "mkdir /many; for n in 1 2 3; do head -c 5000000 /dev/zero > /many/$n; done"
    asked = Transfer(get=("/many", "/many/2"))
    spec = ContainerSpec(base, ("sh", "-c", script))
    events = list(run(engine, spec, owner(), transfer=asked))
    told = [event for event in events if isinstance(event, Carried)]
    folder = [one.done_bytes for one in told if one.path == "/many"]
    file = [one.done_bytes for one in told if one.path == "/many/2"]
    assert folder == sorted(folder)
    assert len(folder) > 10
    assert 15_000_000 <= folder[-1] < 15_100_000
    assert file[-1] == told[-1].total_bytes == 5_000_000
    got = {event.path: event.content for event in events if isinstance(event, Got)}
    assert got["/many/2"] == bytes(5_000_000)
    assert set(got["/many"]) == {"1", "2", "3"}  # type: ignore[arg-type]  # a dict
    seen = [view.text for one in told[-1:] if isinstance(view := present.carried(one), Note)]
    assert seen == ["Copied 5 MB from /many/2."]


def test_a_folder_goes_in_and_comes_out_whole(
    engine: Engine, container: str, tmp_path: Path
) -> None:
    source = made_here(tmp_path)
    copied = result(copy_in(engine, source, container, "/srv"))
    assert copied.place == f"{container}:/srv/source"
    assert result(copy_out(engine, container, "/srv/source", tmp_path / "back")).left_out == ()
    back = tree(tmp_path / "back")
    (source / "pipe").unlink()  # no data, so it stays where it is
    assert back == tree(source)
    assert (tmp_path / "back" / "sub" / "run").stat().st_mode & 0o777 == 0o751
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_second_copy_goes_over_the_first(engine: Engine, container: str, tmp_path: Path) -> None:
    result(copy_in(engine, made_here(tmp_path), container, "/srv"))
    first = result(copy_out(engine, container, "/srv/source", tmp_path))
    assert first.place == str(tmp_path / "source")
    (tmp_path / "source" / "a.txt").write_text("changed here")
    (tmp_path / "source" / "own").write_text("of the reader")
    result(copy_out(engine, container, "/srv/source", tmp_path))
    assert (tmp_path / "source" / "a.txt").read_text() == "a\n"
    assert (tmp_path / "source" / "own").read_text() == "of the reader"


def test_what_stands_in_the_way_is_named(engine: Engine, container: str, tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file")
    with pytest.raises(UsageError, match="is a file"):
        result(copy_out(engine, container, "/etc", tmp_path))
    (tmp_path / "passwd").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        result(copy_out(engine, container, "/etc/passwd", tmp_path))
    assert tree(tmp_path) == {"etc": "a file", "passwd": "/"}
    with pytest.raises(NotFound):
        result(copy_in(engine, tmp_path, container, "/no/such/folder/x"))


def test_links_that_lead_out_are_left_out_and_told(
    engine: Engine, container: str, tmp_path: Path
) -> None:
    copied = result(copy_out(engine, container, "/etc/alternatives", tmp_path))
    assert "alternatives/awk" in copied.left_out
    assert not any(path.is_symlink() for path in (tmp_path / "alternatives").iterdir())


Entry = tuple[str, bytes, str]


def archive(*entries: Entry) -> Iterator[bytes]:
    """An archive of (name, type, link's end or content), in small pieces."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o4755
            if kind == tarfile.REGTYPE:
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
            else:
                entry.linkname = text
                tar.addfile(entry)
    data = buffer.getvalue()
    return (data[start : start + 700] for start in range(0, len(data), 700))


FILE, LINK, SECOND = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    "entries",
    [
        [("../evil", FILE, "x")],
        [("top/../../evil", FILE, "x")],
        [("/evil", FILE, "x")],
        [("top/a", FILE, "x"), ("top/a", FILE, "y")],
        [("top/a", FILE, "x"), ("top/a/b", FILE, "y")],
        [("top/a", LINK, "/tmp"), ("top/a/evil", FILE, "y")],
        [("top/a", LINK, ".."), ("top/a/evil", LINK, "x")],
        [("top/a", SECOND, "../outside")],
        [("top/a", SECOND, "/etc/passwd")],
        [("top/l", LINK, "/etc"), ("top/a", SECOND, "top/l/passwd")],
    ],
    ids=lambda entries: " ".join(f"{name}{'>' * bool(end)}{end}" for name, _, end in entries),
)
def test_a_hostile_archive_writes_nothing_outside(tmp_path: Path, entries: list[Entry]) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    target = tmp_path / "in"
    target.mkdir()
    with pytest.raises(BadArchive):
        list(folders.unpack(archive(*entries), target))
    assert not [path for path in tree(tmp_path) if path.split("/")[0] not in ("in", "outside")]
    assert outside.read_text() == "untouched"
    assert not Path("/tmp/evil").exists()
    assert not Path("/evil").exists()


def test_links_out_by_any_way_are_left_out(tmp_path: Path) -> None:
    target = tmp_path / "in"
    target.mkdir()
    entries = [
        ("top/a/b/up", LINK, "../.."),
        ("top/a/b/out", LINK, "up/.."),  # in by its text, and out by its way
        ("top/abs", LINK, "/etc/passwd"),
        ("top/far", LINK, "../../outside"),
        ("top/loop", LINK, "loop"),
        ("top/good", LINK, "a/file"),
        ("top/a/file", FILE, "x"),
        ("top/a/second", SECOND, "top/a/file"),
        ("top/device", tarfile.CHRTYPE, ""),
        ("top/pipe", tarfile.FIFOTYPE, ""),
    ]
    *_, last = folders.unpack(archive(*entries), target)
    assert sorted(last.left_out) == ["top/a/b/out", "top/abs", "top/device", "top/far", "top/pipe"]
    assert (target / "top" / "good").read_text() == "x"
    assert (target / "top" / "a" / "second").read_text() == "x"
    assert (target / "top" / "a" / "file").stat().st_mode & 0o7777 == 0o755  # no setuid


def test_an_archive_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    pieces = list(archive(("top/a", FILE, "x" * 5000)))[:3]
    with pytest.raises(BadArchive), folders.beside(tmp_path / "top") as folder:
        list(folders.unpack(iter(pieces), folder))
    assert tree(tmp_path) == {}
    with pytest.raises(BadArchive):
        list(folders.unpack(iter([b"no archive at all" * 100]), tmp_path))


def test_a_copy_that_is_stopped_leaves_nothing(
    engine: Engine, container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container_magics.session.copying.TOLD_S", 0.0)
    story = copy_out(engine, container, "/usr/share", tmp_path / "share")
    with closing(story):
        assert next(story).done_bytes > 0
        assert all(path.name.startswith(folders.TEMPORARY) for path in tmp_path.iterdir())
    assert tree(tmp_path) == {}


def test_a_long_put_is_told_and_can_be_stopped(engine: Engine, base: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 60_000_000)
    threads = threading.active_count()
    put = Transfer((Put("/big", source=str(tmp_path / "big")),))
    spec = ContainerSpec(base, ("wc", "-c", "/big"))
    events = list(run(engine, spec, owner(), transfer=put))
    assert events[-1] == Exited(0)
    with closing(run(engine, spec, owner(), transfer=put)) as story:
        assert isinstance(next(story), Created)
        with suppress(StopIteration):
            next(story)
    assert eventually(lambda: threading.active_count() <= threads)


def eventually(true: Callable[[], bool]) -> bool:
    """Wait for what is to become true, half a minute at most."""
    end_s = time.monotonic() + 30
    while not true() and time.monotonic() < end_s:
        time.sleep(0.05)
    return true()


def test_a_file_that_shrinks_while_it_is_sent_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 10_000)
    things = packing.listed(tmp_path / "log", "/log")
    (tmp_path / "log").write_text("x")
    with pytest.raises(UsageError, match="shorter"):
        list(packing.packed(things))


def test_what_cannot_be_had_does_not_hide_the_rest(engine: Engine, base: str) -> None:
    spec = ContainerSpec(base, ("sh", "-c", "mkdir d; echo x > d/f; exit 3"), working_dir="/srv")
    events = list(run(engine, spec, owner(), transfer=Transfer(get=("/none", "d", "d/f"))))
    got = {event.path: event.content for event in events if isinstance(event, Got)}
    assert isinstance(got.pop("/none"), NotFound)
    assert got == {"d": {"f": b"x\n"}, "d/f": b"x\n"}
    assert Exited(3) in events
