"""The practice keys: each box its own, and one pair alone however many make it at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import asyncssh
import pytest

from container_magics.engine.keys import KeyFolder, public_key
from container_magics.errors import UsageError

MAKE = """
import sys
from pathlib import Path
from container_magics.engine.keys import KeyFolder
sys.stdin.readline()
ring = KeyFolder(Path(sys.argv[1]))
print(ring.user_key.read_text() + ring.host_key("box").read_text())
"""


@pytest.mark.parametrize(("one", "two"), [("web.1", "web.2"), ("x", "x.pub"), ("x", "x.y")])
def test_boxes_of_similar_names_have_keys_of_their_own(tmp_path: Path, one: str, two: str) -> None:
    ring = KeyFolder(tmp_path)
    first = ring.host_key(one).read_bytes()
    second = ring.host_key(two).read_bytes()
    assert first != second
    assert ring.host_key(one).read_bytes() == first
    for box, private in ((one, first), (two, second)):
        public = asyncssh.import_private_key(private).export_public_key()
        assert public_key(ring.host_key(box)) == public
        known = ring.address(box, "127.0.0.1", 22).known_hosts.read_text().split()
        assert known == [box, *public.decode().split()[:2]]


def test_a_public_key_that_does_not_fit_is_mended(tmp_path: Path) -> None:
    key = KeyFolder(tmp_path).user_key
    beside = key.with_name(key.name + ".pub")
    beside.write_bytes(public_key(KeyFolder(tmp_path).host_key("other")))
    assert KeyFolder(tmp_path).user_key == key
    assert beside.read_bytes() == public_key(key)


def test_of_those_who_make_a_key_at_once_the_first_wins(tmp_path: Path) -> None:
    words = [sys.executable, "-c", MAKE, str(tmp_path)]
    running = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in running}
    assert len(said) == 1
    assert "PRIVATE KEY" in said.pop()
    key = tmp_path / "id_ed25519"
    assert key.with_name("id_ed25519.pub").read_bytes() == public_key(key)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hostkeys", "id_ed25519", "id_ed25519.pub",
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["config", "config.d/box", "config.d/../deep/er/box"])
def test_nothing_is_written_below_the_user_s_own_ssh_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    home = tmp_path / "home"
    (home / ".ssh" / "config.d").mkdir(parents=True)
    (home / ".ssh" / "deep" / "er").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    ring = KeyFolder(tmp_path / "keys")
    address = ring.address("box", "127.0.0.1", 22)
    (home / "link").symlink_to(home / ".ssh")
    for path in (home / ".ssh" / where, home / "link" / where):
        with pytest.raises(UsageError, match=r"as all of ~/\.ssh is"):
            ring.own_config(address, path)
    assert not [each for each in (home / ".ssh").rglob("*") if each.is_file()]
    beside = ring.own_config(address, home / ".ssh-mine")
    assert "Host box\n" in beside.read_text()
