"""The file that a student is handed: the way to the box in it, or a sentence that says why not."""

from __future__ import annotations

import pytest

from container_magics.classroom.folder import CONFIG
from container_magics.core.classflags import parse_class
from container_magics.core.sshconfig import Stop, parse_ticket
from container_magics.core.sshflags import parse_box
from container_magics.errors import UsageError

HANDED = CONFIG.format(
    name="Łukasz", key="ukasz-c57b4f", host="class.example.org", port=2222, user="student",
    box="unix_ukasz-c57b4f",
)  # fmt: skip


def test_what_is_handed_out_is_read() -> None:
    ticket = parse_ticket(HANDED, "config")
    files = ("id_ed25519", "known_hosts")
    assert ticket.box == Stop("unix_ukasz-c57b4f", 22, "student", "box", *files)
    assert ticket.via == Stop("class.example.org", 2222, "student", "gate", *files)
    assert ticket.student == "ukasz-c57b4f"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (HANDED, "", "it has no Host"),
        ("ProxyJump gate", "ProxyJump elsewhere", "it jumps over 'elsewhere'"),
        ("Port 2222", "Port 99999", "the host, port or user of 'gate' cannot be"),
        ("Port 2222", "Port ²", "the host, port or user of 'gate' cannot be"),
        ("Port 2222", "Port ٢٢", "the host, port or user of 'gate' cannot be"),
        ("Port 2222", f"Port {'9' * 5000}", "the host, port or user of 'gate' cannot be"),
        ("IdentityFile id", "IdentityFile /home/me/.ssh/id", "are no files beside it"),
        ("IdentityFile id", "IdentityFile ../.ssh/id", "are no files beside it"),
        ("IdentityFile id_ed25519", "IdentityFile ..", "are no files beside it"),
        ("UserKnownHostsFile known", "UserKnownHostsFile ~/.ssh/known", "are no files beside it"),
        ("HostName class.example.org", "HostName -oProxyCommand=reboot", "of 'gate' cannot be"),
        ("User student", "User 'a b'", "cannot be"),
        ("IdentityFile id_ed25519", "", "has no IdentityFile"),
        ("Host box", 'Host "box', "open quotation mark"),
        ("Port 22\n", "Port 22 23\n", "is not KEYWORD VALUE"),
    ],
)
def test_what_is_no_way_to_a_box_is_refused(before: str, after: str, why: str) -> None:
    assert before in HANDED
    with pytest.raises(UsageError, match="x is no way to a box") as refused:
        parse_ticket(HANDED.replace(before, after), "x")
    assert why in str(refused.value)


def test_join_takes_a_file_and_a_name() -> None:
    assert (parse_box("join 'a b/config'").file, parse_box("join x").name) == ("a b/config", "box")
    assert parse_box("join x mine").name == "mine"
    with pytest.raises(UsageError):
        parse_box("join")


def test_what_is_said_of_a_class() -> None:
    asked = parse_class("start unix --roster r.csv --node ssh://b --node c --no-files --move")
    assert (asked.verb, asked.name, asked.move) == ("start", "unix", True)
    assert asked.asked == {"roster": "r.csv", "nodes": ["ssh://b", "c"], "files": False}
    assert parse_class("collect unix here ada 'Grace H'").words == ("here", "ada", "Grace H")
    assert parse_class("status unix").asked == {}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("begin unix", "there is no verb 'begin'"),
        ("start", "which class"),
        ("start Unix", "cannot name a class"),
        ("extend unix", "takes other words"),
        ("status unix ada", "takes other words"),
        ("status unix --move", "--move goes with start alone"),
    ],
)
def test_what_cannot_be_asked_of_a_class(line: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_class(line)
