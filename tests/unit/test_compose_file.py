"""A Compose file made ours, its lines found, and a project folded from what was seen."""

from __future__ import annotations

import pytest

from container_magics.core import compose, composefile
from container_magics.core.compose import ServiceFacts, ours
from container_magics.core.composeevents import (
    ComposeRead,
    ComposeSeen,
    ComposeTakenDown,
    ComposeUp,
)
from container_magics.core.composeflags import (
    ComposeRequest,
    parse_compose,
    parse_project,
)
from container_magics.core.composestate import MOST_RESTARTS, ComposeState, failed, standing
from container_magics.core.spec import Port
from container_magics.errors import ComposeFileError, UsageError
from container_magics.view.model import Group, Note, Steps, Table
from container_magics.view.plain import plain
from container_magics.view.present import compose as present


def labels(thing: str) -> dict[str, str]:
    return {"container-magics.session": thing}


def ports_of(*written: object) -> list[str]:
    made = ours({"services": {"web": {"image": "x", "ports": list(written)}}}, labels)
    return list(made["services"]["web"]["ports"])


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ("80", "127.0.0.1::80/tcp"),
        (80, "127.0.0.1::80/tcp"),
        ("8080:80", "127.0.0.1:8080:80/tcp"),
        ("53:53/udp", "127.0.0.1:53:53/udp"),
        ("8000-8010:80", "127.0.0.1:8000-8010:80/tcp"),
        ("0.0.0.0:8080:80", "0.0.0.0:8080:80/tcp"),
        ("127.0.0.1:18080:80/tcp", "127.0.0.1:18080:80/tcp"),
        ("127.0.0.1::80", "127.0.0.1::80/tcp"),
        ("[::1]:8080:80", "[::1]:8080:80/tcp"),
        ({"target": 80, "mode": "ingress", "protocol": "tcp"}, "127.0.0.1::80/tcp"),
        ({"target": 80, "published": "8080"}, "127.0.0.1:8080:80/tcp"),
        ({"target": 81, "published": 18081, "protocol": "udp"}, "127.0.0.1:18081:81/udp"),
        ({"target": 80, "published": "80", "host_ip": "0.0.0.0"}, "0.0.0.0:80:80/tcp"),
        ({"target": 80, "published": "80", "host_ip": "::1"}, "[::1]:80:80/tcp"),
    ],
)
def test_a_port_binds_loopback_unless_an_address_is_written(written: object, given: str) -> None:
    assert ports_of(written) == [given]


def test_everything_of_the_project_is_labelled_and_what_is_another_s_is_not() -> None:
    made = ours(
        {
            "name": "shop",
            "services": {
                "web": {"image": "x", "labels": {"own": "1"}, "networks": {"front": None}},
                "db": {"image": "x", "labels": ["own=1", "empty"]},
            },
            "networks": {"front": None, "theirs": {"external": True, "name": "theirs"}},
            "volumes": {"data": {}, "old": {"external": True}},
        },
        labels,
    )
    ours_is = "container-magics.session"
    assert made["name"] == "shop"
    assert made["services"]["web"]["labels"] == {"own": "1", ours_is: "service web"}
    assert made["services"]["db"]["labels"] == {"own": "1", "empty": "", ours_is: "service db"}
    assert made["networks"]["front"]["labels"] == {ours_is: "network front"}
    assert made["networks"]["default"]["labels"] == {ours_is: "network default"}
    assert made["networks"]["theirs"] == {"external": True, "name": "theirs"}
    assert made["volumes"]["data"]["labels"] == {ours_is: "volume data"}
    assert made["volumes"]["old"] == {"external": True}


def test_no_network_is_added_where_none_is_used() -> None:
    made = ours({"services": {"web": {"image": "x", "network_mode": "none"}}}, labels)
    assert "networks" not in made


def test_a_dollar_sign_in_a_label_is_not_compose_s_variable() -> None:
    made = ours({"services": {"web": {"image": "x"}}}, lambda thing: {"notebook": "a$b.ipynb"})
    assert made["services"]["web"]["labels"] == {"notebook": "a$$b.ipynb"}


def test_the_ports_of_this_machine() -> None:
    config = {"services": {"a": {"ports": ["80", "8080:80", "9000-9001:90"]}, "b": None}}
    assert compose.wanted_ports(config) == (Port(80, "tcp", 8080, "127.0.0.1"),)


FILE = """\
services:
  web:
    image: x
    depends_on:
      - cache
    ports: 80
  db:
    imag: y
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("validating -: services.web.ports must be a array", 6),
        ("services.web.ports contains an invalid type, it should be an array", 6),
        ("validating -: services.db.imag false schema", 8),
        ("validating -: services.db Additional property imag is not allowed", 8),
        ("Unsupported config option for services.db: 'imag'", 8),
        ('service "web" depends on undefined service "cache": invalid compose project', 5),
        ('service "db" has neither an image nor a build context specified', 7),
        ("services.web.ports.0.target is missing", 6),
        ("no space left on device", None),
        ("services.nowhere is wrong", None),
    ],
)
def test_the_line_that_compose_speaks_of(words: str, line: int | None) -> None:
    error = composefile.explain(FILE, words)
    assert error.line == line
    assert words in error.facts
    if line:
        assert str(error) == f"Line {line}: Compose does not accept this."
        assert error.facts[0] == FILE.splitlines()[line - 1].strip()


def test_what_is_no_yaml_has_a_line_before_compose_is_asked() -> None:
    with pytest.raises(ComposeFileError) as refused:
        composefile.check("services:\n  web:\n    image: x\n   command: y\n")
    assert refused.value.line == 4
    assert refused.value.facts[0] == "command: y"


@pytest.mark.parametrize("text", ["echo hello", "- a\n- b", "web:\n  image: x", "'services'"])
def test_what_is_no_compose_file_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="no services"):
        composefile.check(text)


def test_tags_of_compose_and_aliases_that_go_round_are_read() -> None:
    composefile.check("services:\n  web:\n    ports: !reset []\n")
    text = "services: &all\n  web:\n    image: x\n    more: *all\n"
    assert composefile.locate(text, "services.web: 'nothing'") == 2


def test_the_line_of_the_magic() -> None:
    assert parse_compose("shop -e A=1 -e B= --profile test --build --keep --timeout 2m") == (
        ComposeRequest("shop", (("A", "1"), ("B", "")), ("test",), True, True, 120.0)
    )


@pytest.mark.parametrize("line", ["", "Shop", "-shop", "a b", "shop --no-such"])
def test_a_line_that_cannot_be_read(line: str) -> None:
    with pytest.raises(UsageError):
        parse_compose(line)


@pytest.mark.parametrize("line", ["status", "down", "logs", "list shop", "down a b", "up shop"])
def test_a_verb_with_the_wrong_names(line: str) -> None:
    with pytest.raises(UsageError):
        parse_project(line)


def one(service: str = "web", state: str = "running", **more: object) -> ServiceFacts:
    return ServiceFacts(service, 1, f"shop-{service}-1", service, state, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "is_at"),
    [
        (one(state="created"), "waiting"),
        (one(), "ready"),
        (one(health="starting"), "running"),
        (one(health="healthy"), "ready"),
        (one(health="unhealthy"), "failed"),
        (one(state="exited", exit_status=0), "ready"),
        (one(state="exited", exit_status=3), "failed"),
        (one(state="restarting", restarts=1), "waiting"),
        (one(state="restarting", restarts=MOST_RESTARTS), "failed"),
    ],
)
def test_how_far_a_container_is(facts: ServiceFacts, is_at: str) -> None:
    assert standing(facts) == is_at


def test_the_one_that_ended_is_named_before_the_one_that_is_unhealthy() -> None:
    sick, ended = one("a", health="unhealthy"), one("b", "exited", exit_status=1)
    assert failed((sick, ended)) == ended
    assert failed((one(), sick)) == sick
    assert failed((one(),)) is None


def told(*events: object, stable: bool = False) -> object:
    state = ComposeState("shop")
    for event in events:
        state = state.apply(event)  # type: ignore[arg-type]
    return present.compose(state, stable=stable)


READ = ComposeRead(("web", "db"), ("The A variable is not set.",))


def test_a_project_that_comes_up() -> None:
    assert told() is None
    early = told(READ, ComposeSeen(0.1, (), ("Image x Pulling",)))
    assert isinstance(early, Group)
    assert isinstance(early.views[-1], Steps)
    assert [step.state for step in early.views[-1].steps] == ["running", "waiting"]
    assert early.views[-1].steps[0].lines == ("Image x Pulling",)
    later = told(
        READ,
        ComposeSeen(0.1, (one("web"),)),
        ComposeSeen(1.5, (one("web"), one("db", health="starting")), (), False, frozenset({"web"})),
    )
    assert isinstance(later, Group)
    assert isinstance(later.views[-1], Steps)
    assert [(step.state, step.time) for step in later.views[-1].steps] == [
        ("done", "1.5 s"),
        ("running", "1.5 s"),
    ]


def test_a_project_that_is_up_is_a_table_and_the_same_every_time() -> None:
    def last(port: str, at_s: float) -> object:
        containers = (
            one("db", "exited", exit_status=0),
            one("web", health="healthy", ports=(("80/tcp", f"127.0.0.1:{port}"),)),
        )
        seen = ComposeSeen(at_s, containers, (), False, frozenset({"web", "db"}))
        return told(READ, seen, ComposeUp(), stable=True)

    view = last("40001", 1.0)
    assert view == last("40002", 2.0)
    assert isinstance(view, Group)
    assert isinstance(view.views[0], Note)
    assert view.views[0].text == "shop is up: 2 services."
    assert isinstance(view.views[1], Table)
    assert view.views[1].rows == (
        ("db", "exited (0)", "", ""),
        ("web", "running", "healthy", "80/tcp → 127.0.0.1:PORT"),
    )


def test_a_project_that_failed_shows_which_service_did() -> None:
    view = told(
        READ,
        ComposeSeen(1.0, (one("db", "exited", exit_status=3), one("web", "created"))),
        ComposeTakenDown(),
    )
    assert isinstance(view, Group)
    assert isinstance(view.views[-1], Steps)
    assert [step.state for step in view.views[-1].steps] == ["cancelled", "failed"]
    assert "The A variable is not set." in plain(view)
    assert "variable" not in plain(told(READ, ComposeSeen(1.0, ()), stable=True))  # type: ignore[arg-type]


def test_several_containers_of_a_service_are_numbered() -> None:
    pair = tuple(ServiceFacts("web", number, f"w{number}", "", "running") for number in (1, 2))
    assert [row[0] for row in present.services(pair, stable=False).rows] == ["web 1", "web 2"]
