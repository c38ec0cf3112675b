"""%sshbox join: what is kept of a ticket, and whose keys are never touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sshhere import SshHere, ssh_here

from container_magics.engine import process
from container_magics.engine.keys import made
from container_magics.engine.sshclient import login
from container_magics.engine.ticketkeys import marks_of_here
from container_magics.errors import SshFailed, UsageError
from container_magics.practice.joined import Joined, join, kept

CONFIG = """\
Host box
    HostName 127.0.0.1
    Port {port}
    User student
    IdentityFile id_ed25519
    UserKnownHostsFile known_hosts
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHere]:
    monkeypatch.setenv("CONTAINER_MAGICS_STATE", str(tmp_path / "state"))
    with ssh_here(tmp_path) as made_here:
        yield made_here


def ticket(here: SshHere, folder: Path) -> Path:
    """What a student is handed."""
    folder.mkdir()
    shutil.copy(here.address.key, folder / "id_ed25519")
    shutil.copy(here.address.known_hosts, folder / "known_hosts")
    (folder / "config").write_text(CONFIG.format(port=here.address.port))
    return folder


def answers(joined: Joined) -> bool:
    """Whether a login still comes in with what was kept."""
    with login(joined.box.address) as made_login:
        return made_login.lives


def folders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state" / "ssh" / "joined").iterdir())


def test_a_join_that_fails_leaves_the_one_that_is_there(here: SshHere, tmp_path: Path) -> None:
    good = join(ticket(here, tmp_path / "good"), "box")
    stranger = ticket(here, tmp_path / "stranger")
    (stranger / "id_ed25519").unlink()
    made(stranger / "id_ed25519", "stranger")
    before = folders(tmp_path)
    with pytest.raises(SshFailed, match="does not accept your key"):
        join(stranger, "box")
    assert folders(tmp_path) == before
    assert answers(good)


def test_two_notebooks_join_two_boxes_under_one_name(here: SshHere, tmp_path: Path) -> None:
    first = join(ticket(here, tmp_path / "first"), "box")
    (tmp_path / "elsewhere").mkdir()
    with ssh_here(tmp_path / "elsewhere") as other:
        second = join(ticket(other, tmp_path / "second"), "box")
        assert answers(first)
        assert answers(second)
    kept().forget(second.box.address)
    assert folders(tmp_path) == [first.box.address.config.parent]


def test_a_box_that_another_notebook_has_joined_too_stays_its(
    here: SshHere, tmp_path: Path
) -> None:
    joined = join(ticket(here, tmp_path / "given"), "box")
    folder = joined.box.address.config.parent
    with subprocess.Popen(["sleep", "600"]) as other:
        mark = folder / f"{marks_of_here()}{other.pid}"
        mark.write_text(process.began(other.pid))
        kept().forget(joined.box.address)
        assert answers(joined)
        other.kill()
    # it has ended without a word, and nobody else uses the keys
    kept().forget(join(tmp_path / "given", "box").box.address)
    assert not folder.exists()


def test_whose_number_another_process_has_now_uses_nothing(here: SshHere, tmp_path: Path) -> None:
    joined = join(ticket(here, tmp_path / "given"), "box")
    folder = joined.box.address.config.parent
    (folder / f"{marks_of_here()}{os.getppid()}").write_text("another boot/1")
    kept().forget(joined.box.address)
    assert not folder.exists()


def test_a_key_of_the_reader_s_own_is_not_used(here: SshHere, tmp_path: Path) -> None:
    """The folder is from somebody, and so are the links in it."""
    folder = ticket(here, tmp_path / "given")
    own = tmp_path / "own_key"
    (folder / "id_ed25519").rename(own)
    (folder / "id_ed25519").symlink_to(own)
    with pytest.raises(UsageError, match="is a link"):
        join(folder, "box")
    (folder / "config").write_text(
        CONFIG.format(port=here.address.port).replace("id_ed25519", str(own))
    )
    with pytest.raises(UsageError, match="are no files beside it"):
        join(folder, "box")
    assert not (tmp_path / "state" / "ssh" / "joined").exists()
