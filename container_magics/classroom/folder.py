"""A class's folder: who it is, when it ends, every key, and what each student is handed.

    class.json            its identity, its end, the gateway's port
    keys/                 host keys, the teacher's own key
    students/KEY/         for one student: id_ed25519, known_hosts, config
    checks.json           what the last grading found

Whoever has the folder is the class's teacher. What is made here is readable by its owner alone.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from container_magics.core.boxes import BOX_USER
from container_magics.core.classplan import object_name
from container_magics.core.roster import Student
from container_magics.engine.jsonfile import read_object
from container_magics.engine.keys import Address, made, public_key, written
from container_magics.engine.statedir import state_dir

GATE, BOX = "gate", "box"
"""What a student calls the gateway and their own box."""
SSH_PORT = 22
RECORD = "class.json"
CONFIG = """\
# The practice box of {name}. In this folder:  ssh -F config box
# In a notebook:  %sshbox join {key}/config
# container-magics student {key}
Host gate
    HostName {host}
    Port {port}
    User {user}
    HostKeyAlias gate
    IdentityFile id_ed25519
    UserKnownHostsFile known_hosts
    IdentitiesOnly yes
    StrictHostKeyChecking yes

Host box
    HostName {box}
    Port 22
    User {user}
    HostKeyAlias box
    IdentityFile id_ed25519
    UserKnownHostsFile known_hosts
    IdentitiesOnly yes
    StrictHostKeyChecking yes
    ProxyJump gate
"""


def class_root(name: str, folder: str | Path | None) -> Path:
    """Where a class's folder is. None: among this user's own things, under the class's name."""
    own = state_dir(os.environ) / "classes" / name
    return (Path(folder).expanduser() if folder else own).resolve()


def said_of(root: Path) -> dict[str, Any]:
    """What was last said of the class in that folder: the arguments of classroom(), as JSON has
    them. Empty when there is no such folder, and none is made."""
    found = read_object(root / RECORD).get("asked")
    return found if isinstance(found, dict) else {}


class ClassFolder:
    """The folder of one class; made when first needed."""

    def __init__(self, name: str, root: Path) -> None:
        """``root`` is what ``class_root`` says."""
        self.name, self.root = name, root
        for folder in (self.root, self.root / "keys", self.root / "students"):
            if not folder.exists():  # one that is there is as its owner wants it
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
        self._record = self.root / RECORD
        self._checks = self.root / "checks.json"
        self.identity = str(read_object(self._record).get("id") or self._keep(id=uuid.uuid4().hex))

    def _keep(self, **facts: Any) -> Any:
        """Write more into the record; returns the last value."""
        whole = read_object(self._record) | facts
        written(self._record, json.dumps(whole).encode(), 0o600)
        return list(facts.values())[-1]

    @property
    def asked(self) -> dict[str, Any]:
        """As ``said_of`` has it."""
        return said_of(self.root)

    def ask(self, asked: Mapping[str, Any]) -> None:
        """Keep what was said of it."""
        if asked != self.asked:
            self._keep(asked=dict(asked))

    @property
    def ends_s(self) -> float | None:
        """When the door closes, in seconds since 1970; None before the first start."""
        found = read_object(self._record).get("ends_s")
        return float(found) if found else None

    def end_at(self, ends_s: float | None) -> None:
        """Set it; None after the class."""
        self._keep(ends_s=ends_s)

    @property
    def homes(self) -> dict[str, str]:
        """Student's short name -> "ID HOST" of the node that has their volume, also of those who
        have no box now."""
        found = read_object(self._record).get("homes")
        return {str(key): str(home) for key, home in found.items()} if found else {}

    @property
    def every_home(self) -> set[str]:
        """Wherever a volume of the class may be, as "ID HOST": also on nodes from which a student
        was moved."""
        return {*map(str, read_object(self._record).get("every_home") or ()), *self.homes.values()}

    def keep_homes(self, homes: Mapping[str, str]) -> None:
        """Keep them; {} when the volumes are gone, and then there is no home any more."""
        if homes != self.homes:
            every = self.every_home.union(homes.values()) if homes else set[str]()
            self._keep(homes=dict(homes), every_home=sorted(every - {""}))

    @property
    def port(self) -> int | None:
        """The gateway's published port, the same as long as the class lives; None before."""
        found = read_object(self._record).get("port")
        return int(found) if found else None

    def listen_at(self, port: int | None) -> None:
        """Keep the port."""
        self._keep(port=port)

    def host_key(self, key: str) -> Path:
        """The private host key of a student's box, or of the gateway."""
        return made(self.root / "keys" / f"host-{key}", key)

    @property
    def gate_key(self) -> Path:
        """The gateway's private host key; no student's key has a "_"."""
        return self.host_key("_gate")

    @property
    def teacher_key(self) -> Path:
        """The private key with which the teacher logs in to every box."""
        return made(self.root / "keys" / "teacher", f"teacher@{self.name}")

    def student_folder(self, student: Student) -> Path:
        """What one student is handed."""
        folder = self.root / "students" / student.key
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        return folder

    def student_key(self, student: Student) -> Path:
        """The private key of a student."""
        return made(self.student_folder(student) / "id_ed25519", f"{student.key}@{self.name}")

    def revoke(self, student: Student) -> None:
        """Drop a student's key: the next is another."""
        (self.student_folder(student) / "id_ed25519").unlink(missing_ok=True)

    def hand_out(self, student: Student, door: tuple[str, int]) -> Path:
        """Write a student's folder whole; returns it."""
        folder = self.student_folder(student)
        self.student_key(student)
        known = self._known(GATE, self.gate_key) + self._known(BOX, self.host_key(student.key))
        written(folder / "known_hosts", known, 0o600)
        box = object_name(self.name, student.key)
        text = CONFIG.format(
            # of a hostile name no line of its own: a roster's names can be printed
            name=student.name, key=student.key, host=door[0], port=door[1], user=BOX_USER, box=box,
        )  # fmt: skip
        written(folder / "config", text.encode(), 0o600)
        return folder

    @staticmethod
    def _known(alias: str, key: Path) -> bytes:
        return " ".join([alias, *public_key(key).decode().split()[:2]]).encode() + b"\n"

    def address(self, student: Student, door: tuple[str, int]) -> Address:
        """How the teacher logs in to a student's box."""
        folder = self.root / "keys"
        known = folder / f"known-{student.key}"
        lines = self._known(GATE, self.gate_key) + self._known(BOX, self.host_key(student.key))
        if not known.exists() or known.read_bytes() != lines:
            written(known, lines, 0o600)
        gate = Address(GATE, *door, BOX_USER, self.teacher_key, known, folder / "none")
        box = object_name(self.name, student.key)
        return Address(
            BOX, box, SSH_PORT, BOX_USER, self.teacher_key, known, folder / "none", via=gate
        )

    @property
    def checks(self) -> dict[str, str]:
        """What the last grading found, in words, by student's key."""
        return {str(key): str(text) for key, text in read_object(self._checks).items()}

    def keep_checks(self, found: Mapping[str, str]) -> None:
        """Keep what a grading found, beside what is known of others."""
        written(self._checks, json.dumps(self.checks | dict(found)).encode(), 0o600)

    def remove(self) -> None:
        """Remove it with every key."""
        shutil.rmtree(self.root)
