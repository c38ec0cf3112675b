"""The sidebar's server side: a real Jupyter Server, a real engine, real websockets."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import docker
import psutil
import pytest
from labserver import Server, serve
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from container_magics.engine import run
from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner
from container_magics.jupyter.server import handlers
from container_magics.jupyter.serverlog import HELD_BYTES, Held
from container_magics.view.bundle import from_json
from container_magics.view.model import Group, Stack

PLACE = "container-magics/"
PATIENCE_S = 60.0
MANY = 40
LISTS = (
    "state", "containers", "images", "networks", "volumes", "disk", "api/terminals",
    f"images/sha256:{64 * '0'}/layers",
)  # fmt: skip
VERBS = ("start", "stop", "remove")
SOCKETS = ("events", "terminals/websocket/box", "logs/websocket/box")
NO_IMAGE = "sha256:" + 64 * "0"
HOSTILE = (
    "a%2Fb", "..%2F..%2Fimages", "-x", ".hidden", "%00", "a%20b", "a%0Ab", "a%3Fforce=1", "%3Cb%3E",
    "a" * 256, "%E2%82%AC",
)  # fmt: skip

LOOKING = """
from jupyter_server.auth import Authorizer

class Looking(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "containers" or action == "read"

c.ServerApp.authorizer_class = Looking
"""


class Answer(NamedTuple):
    status: int
    content: Any


@pytest.fixture(scope="module")
def server(engine: Engine, base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("jupyter")
    folder = tmp_path_factory.mktemp("notebooks")
    with serve(folder, home) as served:
        yield served


def asked(
    server: Server, method: str, path: str, body: Any = None, *, token: bool = True, **headers: str
) -> Answer:
    """One request, as a page with the server's token would make it."""
    data = None if body is None else json.dumps(body).encode()
    if method == "POST" and data is None:
        data = b""
    request = urllib.request.Request(server.url + PLACE + path, data, headers, method=method)
    if token:
        request.add_header("Authorization", f"token {server.token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stay())
    try:
        with opener.open(request, timeout=PATIENCE_S) as answer:
            return Answer(answer.status, content_of(answer.read()))
    except urllib.error.HTTPError as error:
        return Answer(error.code, content_of(error.read()))


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirection, as to the login page, is an answer."""

    def redirect_request(self, *args: Any) -> None:
        return None


def content_of(data: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(data)
    return data.decode("utf-8", "replace")


def cookies(server: Server) -> str:
    """What a reader's browser has after it opened JupyterLab by its link."""
    jar = urllib.request.HTTPCookieProcessor()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
    opener.open(f"{server.url}lab?token={server.token}", timeout=PATIENCE_S).close()
    return "; ".join(f"{each.name}={each.value}" for each in jar.cookiejar)


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[str]:
    """A stranger's container that runs, and has a session and user of nobody."""
    name = f"face-{uuid.uuid4().hex[:8]}"
    made = engine.api.create_container(
        BASE, ["sh", "-c", "echo hello; sleep 600"], name=name, labels={"note": "<b>"}
    )
    engine.api.start(made["Id"])
    yield name
    with suppress(docker.errors.NotFound):
        engine.api.remove_container(name, force=True, v=True)


def state(engine: Engine, name: str) -> str:
    found: str = run.inspect(engine, name)["State"]["Status"]
    return found


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < limit_s
        time.sleep(0.05)


# --- who may ask


def test_every_handler_is_asked_below() -> None:
    asked_for = [*LISTS, *SOCKETS, *(f"containers/box/{verb}" for verb in VERBS)]
    for pattern, *_ in handlers("/"):
        assert any(re.fullmatch(pattern, f"/{PLACE}{path}") for path in asked_for), pattern


@pytest.mark.parametrize("path", LISTS)
def test_nobody_reads_without_the_token(server: Server, path: str) -> None:
    assert asked(server, "GET", path, token=False).status == 403


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_acts_without_the_token(server: Server, engine: Engine, box: str, verb: str) -> None:
    assert asked(server, "POST", f"containers/{box}/{verb}", token=False).status == 403
    assert state(engine, box) == "running"


@pytest.mark.parametrize("path", SOCKETS)
def test_nobody_listens_without_the_token_or_from_another_site(server: Server, path: str) -> None:
    async def status(headers: dict[str, str]) -> int:
        try:
            socket = await websocket_connect(HTTPRequest(address(server, path), headers=headers))
        except HTTPClientError as error:
            return error.code
        socket.close()
        return 101

    assert asyncio.run(status({})) == 403
    theirs = {"Cookie": cookies(server), "Origin": "http://elsewhere.example"}
    assert asyncio.run(status(theirs)) == 403
    ours = {"Cookie": cookies(server), "Origin": server.url.rstrip("/")}
    assert asyncio.run(status(ours)) == 101


def test_a_page_of_another_site_cannot_act_with_the_readers_cookie(
    server: Server, engine: Engine, box: str
) -> None:
    """The cookie alone, without the XSRF token, which such a page cannot read."""
    path, cookie = f"containers/{box}/stop", cookies(server)
    assert asked(server, "POST", path, token=False, Cookie=cookie).status == 403
    assert state(engine, box) == "running"
    xsrf = cookie.partition("_xsrf=")[2].partition(";")[0]
    headers = {"Cookie": cookie, "X-XSRFToken": xsrf}
    assert asked(server, "POST", path, token=False, **headers).status == 204


def test_an_authorizer_may_leave_a_list_to_look_at(
    engine: Engine, box: str, tmp_path: Path
) -> None:
    """docs/admins.md promises it: `write` is what verbs need, `execute` what terminals need."""
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "jupyter_server_config.py").write_text(LOOKING)

    async def status(served: Server, path: str) -> int:
        headers = {"Authorization": f"token {served.token}"}
        try:
            socket = await websocket_connect(HTTPRequest(address(served, path), headers=headers))
        except HTTPClientError as error:
            return error.code
        socket.close()
        return 101

    with serve(tmp_path, home) as served:
        assert asked(served, "GET", "containers").status == 200
        for verb in VERBS:
            assert asked(served, "POST", f"containers/{box}/{verb}").status == 403
        assert asyncio.run(status(served, f"terminals/websocket/{box}")) == 403
        assert asyncio.run(status(served, f"logs/websocket/{box}")) == 101
    assert state(engine, box) == "running"
    assert len(programs(engine, box)) == 2  # sh and its sleep


# --- what is listed


def test_the_state_names_the_engine(server: Server, engine: Engine) -> None:
    answer = asked(server, "GET", "state")
    facts = engine.facts()
    told = answer.content
    assert (told["ok"], told["name"], told["version"]) == (True, facts.name, facts.version)
    assert told["root"] == str(server.folder)


def test_lists_have_what_the_engine_has(server: Server, box: str) -> None:
    found = {one["name"]: one for one in asked(server, "GET", "containers").content}
    assert found[box]["state"] == "running"
    assert found[box]["labels"]["note"] == "<b>"
    assert not found[box]["mine"]
    tags = [tag for one in asked(server, "GET", "images").content for tag in one["tags"]]
    assert BASE in tags
    assert any(one["driver"] for one in asked(server, "GET", "networks").content)
    assert isinstance(asked(server, "GET", "volumes").content, list)
    running = [one["name"] for one in asked(server, "GET", "api/terminals").content]
    assert found[box]["container_id"] in running


def test_the_disk_is_measured(server: Server) -> None:
    found = {one["kind"]: one for one in asked(server, "GET", "disk").content}
    assert list(found) == ["images", "containers", "volumes", "build cache"]
    assert found["images"]["size_bytes"] > 1_000_000
    assert all(one["reclaimable_bytes"] <= one["size_bytes"] for one in found.values())


def test_a_notebooks_own_container_is_marked(server: Server, engine: Engine, base: str) -> None:
    name = f"face-{uuid.uuid4().hex[:8]}"
    engine.api.create_container(BASE, ["true"], name=name, labels=owner().labels("cell"))
    try:
        found = {one["name"]: one for one in asked(server, "GET", "containers").content}
        assert found[name]["mine"]
        assert asked(server, "POST", f"containers/{name}/remove").status == 204  # no force needed
        with pytest.raises(docker.errors.NotFound):
            engine.api.inspect_container(name)
    finally:
        with suppress(docker.errors.NotFound):
            engine.api.remove_container(name, force=True)


# --- what is done


def test_verbs_act_on_the_container(server: Server, engine: Engine, box: str) -> None:
    assert asked(server, "POST", f"containers/{box}/stop").status == 204
    assert state(engine, box) == "exited"
    assert asked(server, "POST", f"containers/{box}/start").status == 204
    assert state(engine, box) == "running"
    refused = asked(server, "POST", f"containers/{box}/remove")
    assert refused.status == 409
    assert "not made in a notebook of yours" in refused.content["message"]
    assert state(engine, box) == "running"
    assert asked(server, "POST", f"containers/{box}/remove", {"force": True}).status == 204
    assert asked(server, "POST", f"containers/{box}/start").status == 404


def test_layers_are_the_view_that_the_magic_shows(server: Server, engine: Engine) -> None:
    image_id = engine.api.inspect_image(BASE)["Id"]
    answer = asked(server, "GET", f"images/{image_id}/layers")
    assert answer.status == 200
    view = from_json(answer.content)
    assert isinstance(view, Group)
    assert BASE in view.title
    assert isinstance(view.views[0], Stack)
    assert view.views[0].rows[0].nodes  # a tree to open
    missing = asked(server, "GET", f"images/{NO_IMAGE}/layers")
    assert missing.status == 404
    assert set(missing.content) == {"message", "reason", "hint", "facts"}


@pytest.mark.parametrize("image", ["debian", "registry:x.invalid/a", NO_IMAGE[:-1], "a%2Fb"])
def test_layers_of_a_name_are_not_looked_for(server: Server, image: str) -> None:
    """A name could lead to a registry or a file of the server's."""
    assert asked(server, "GET", f"images/{image}/layers").status in (400, 404)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_none_reaches_no_engine(server: Server, name: str) -> None:
    for verb in VERBS:
        assert asked(server, "POST", f"containers/{name}/{verb}", {}).status in (400, 404)


@pytest.mark.parametrize("body", [["force"], {"force": "yes"}, "force", 1])
def test_a_body_that_is_not_ours_is_refused(
    server: Server, engine: Engine, box: str, body: Any
) -> None:
    assert asked(server, "POST", f"containers/{box}/remove", body).status == 400
    assert state(engine, box) == "running"


def test_other_verbs_and_methods_do_not_exist(server: Server, box: str) -> None:
    assert asked(server, "POST", f"containers/{box}/exec").status == 404
    assert asked(server, "GET", f"containers/{box}/stop").status == 405
    assert asked(server, "POST", "containers").status == 405


# --- the feed


def address(server: Server, path: str) -> str:
    return server.url.replace("http", "ws", 1) + PLACE + path


async def opened(server: Server, path: str) -> WebSocketClientConnection:
    headers = {"Authorization": f"token {server.token}"}
    return await websocket_connect(HTTPRequest(address(server, path), headers=headers))


async def message(socket: WebSocketClientConnection) -> Any:
    said = await asyncio.wait_for(socket.read_message(), PATIENCE_S)
    assert said is not None, "the server has closed the websocket"
    return json.loads(said)


def test_the_feed_tells_within_200_ms(server: Server, engine: Engine, box: str) -> None:
    async def hear() -> list[tuple[str, float]]:
        socket = await opened(server, "events")
        first = await message(socket)
        assert first["type"] == "state"
        assert first["state"]["ok"]
        heard: list[tuple[str, float]] = []
        for act, wanted in (("kill", "exited"), ("start", "running"), ("remove", "")):
            began: list[float] = []
            thread = threading.Thread(target=do, args=(act, began))
            thread.start()
            while True:
                said = await message(socket)
                now = (said.get("container") or {}).get("state", "")
                if said["type"] == "container" and said["id"] == whole_id and now == wanted:
                    heard.append((act, time.monotonic()))
                    break
            thread.join()
            heard[-1] = (act, heard[-1][1] - began[-1])
        socket.close()
        return heard

    def do(act: str, began: list[float]) -> None:
        if act == "kill":
            engine.api.kill(box)
        elif act == "start":
            engine.api.start(box)
        else:
            engine.api.remove_container(box, force=True)
        began.append(time.monotonic())  # the engine has answered: the event is out

    whole_id = run.inspect(engine, box)["Id"]
    heard = asyncio.run(hear())
    assert [act for act, _ in heard] == ["kill", "start", "remove"]
    # the middle one of three: on a busy machine one may be late
    assert sorted(late_s for _, late_s in heard)[1] < 0.2, heard


def test_the_feed_ends_its_thread_with_its_last_page(server: Server, engine: Engine) -> None:
    """And tells the next page as well as the first."""

    async def twice() -> None:
        for _ in range(2):
            socket = await opened(server, "events")
            assert (await message(socket))["type"] == "state"
            socket.close()
            await asyncio.sleep(0.3)

    asyncio.run(twice())


# --- logs


def test_a_log_grows_and_ends(server: Server, engine: Engine, base: str) -> None:
    script = "echo first; printf '\\033[31mgr\\303\\274n\\033[0m\\n'; read x; echo second $x"
    name = f"face-{uuid.uuid4().hex[:8]}"
    engine.api.create_container(BASE, ["sh", "-c", script], name=name, stdin_open=True)
    engine.api.start(name)

    async def use() -> None:
        socket = await opened(server, f"logs/websocket/{name}?tail=5")
        assert await written(socket, "grün\n") == "first\ngrün\n"
        # what is typed into the container: a program that waits goes on
        entry = engine.api.attach_socket(name, {"stdin": 1, "stream": 1})
        entry._sock.sendall(b"line\n")
        assert await written(socket, "\n") == "second line\n"
        assert await message(socket) == {"over": True}
        entry.close()

    try:
        asyncio.run(use())
    finally:
        engine.api.remove_container(name, force=True)


async def written(socket: WebSocketClientConnection, last: str) -> str:
    text = ""
    while not text.endswith(last):
        said = await message(socket)
        assert not said["lost"]
        text += said["text"]
    return text


def test_a_long_log_is_its_last_lines(server: Server, engine: Engine, base: str) -> None:
    name = f"face-{uuid.uuid4().hex[:8]}"
    script = "yes 'a line, as programs write them' | head -n 30000; echo the end"
    engine.api.create_container(BASE, ["sh", "-c", script], name=name)
    engine.api.start(name)

    async def use() -> str:
        socket = await opened(server, f"logs/websocket/{name}?tail=10000")
        text = ""
        while "over" not in (said := await message(socket)):
            text += said["text"]
        return text

    try:
        until(lambda: state(engine, name) == "exited")
        lines = asyncio.run(use()).splitlines()
        assert (len(lines), lines[-1]) == (10_000, "the end")
    finally:
        engine.api.remove_container(name, force=True)


def test_a_page_that_is_slower_than_a_program_loses_the_oldest_lines() -> None:
    held = Held()
    held.add(b"a line\n" * HELD_BYTES)
    data, lost = held.take()
    assert lost
    assert HELD_BYTES - 8 < len(data) <= HELD_BYTES
    assert data.startswith(b"a line\n")
    held.add(b"more")
    assert held.take() == (b"more", False)


def test_a_log_that_cannot_be_says_why(server: Server, box: str) -> None:
    async def first(path: str) -> Any:
        socket = await opened(server, f"logs/websocket/{path}")
        return await message(socket)

    assert "no name" in asyncio.run(first("-x"))["error"]
    assert "No such container" in asyncio.run(first("there-is-none"))["error"]
    for tail in ("0", "-1", "x", "99999", "1e3"):
        assert "tail is a number" in asyncio.run(first(f"{box}?tail={tail}"))["error"]


def test_a_log_is_no_longer_read_when_its_page_is_gone(
    server: Server, engine: Engine, box: str
) -> None:
    process = psutil.Process(server.pid)

    # more of them than an event loop has threads: the server still answers
    async def use() -> None:
        sockets = [await opened(server, f"logs/websocket/{box}") for _ in range(MANY)]
        for socket in sockets:
            assert "hello" in (await message(socket))["text"]
        for socket in sockets:
            socket.close()

    asyncio.run(use())
    open_files = process.num_fds()
    for _ in range(3):
        asyncio.run(use())
    # to the engine a few connections stay open, and more of them where more was asked at once
    until(lambda: process.num_fds() < open_files + MANY)


# --- terminals


class Typist:
    """A terminal as JupyterLab's widget has it."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.seen = ""

    async def type(self, text: str) -> None:
        await self.socket.write_message(json.dumps(["stdin", text]))

    async def until(self, words: str) -> str:
        while words not in self.seen:
            kind, *rest = await message(self.socket)
            assert kind == "stdout", self.seen
            self.seen += rest[0]
        seen, self.seen = self.seen, ""
        return seen


async def at_terminal(server: Server, name: str) -> Typist:
    socket = await opened(server, f"terminals/websocket/{name}")
    assert await message(socket) == ["setup", {}]
    return Typist(socket)


def programs(engine: Engine, name: str) -> list[str]:
    return [" ".join(row) for row in engine.api.top(name, ps_args="-eo pid,args")["Processes"]]


def test_a_terminal_types_and_resizes(server: Server, box: str) -> None:
    async def use() -> None:
        typist = await at_terminal(server, box)
        await typist.socket.write_message(json.dumps(["set_size", 33, 111, 400, 900]))
        await typist.type("stty size; printf '%s\\n' grü\N{GRINNING FACE}$((40 + 2))\n")
        seen = await typist.until("\N{GRINNING FACE}42")
        assert "33 111" in seen
        await typist.type("exit\n")
        while (said := await message(typist.socket))[0] != "disconnect":
            assert said[0] == "stdout"

    asyncio.run(use())


def test_characters_are_whole_wherever_the_pieces_end(server: Server, box: str) -> None:
    async def use() -> str:
        typist = await at_terminal(server, box)
        loop = "i=0; while [ $i -lt 3000 ]; do printf 'aé€\N{GRINNING FACE}'; i=$((i+1)); done"
        await typist.type(f"stty -echo; {loop}; echo; echo E''ND\n")
        return await typist.until("END")

    seen = asyncio.run(use())
    assert seen.count("aé€\N{GRINNING FACE}") >= 3000
    assert "\ufffd" not in seen


def test_nothing_of_a_terminal_runs_when_its_tab_is_closed(
    server: Server, engine: Engine, box: str
) -> None:
    """Neither the shell, nor a job, nor what ignores HUP or has a session of its own."""
    before = len(programs(engine, box))

    async def use() -> None:
        typist = await at_terminal(server, box)
        await typist.type("sleep 1111 & nohup sleep 1112 & setsid sleep 1113 &\n")
        await typist.type("(trap '' HUP TERM; sleep 1114) & echo STAR''TED\n")
        await typist.until("STARTED")
        running = "\n".join(programs(engine, box))
        assert all(f"sleep 111{each}" in running for each in (1, 2, 3, 4)), running
        typist.socket.close()

    asyncio.run(use())
    until(lambda: len(programs(engine, box)) == before)
    assert not [line for line in programs(engine, box) if "sleep 111" in line]


def test_a_terminal_that_cannot_be_says_why(server: Server) -> None:
    async def use(name: str) -> str:
        typist = await at_terminal(server, name)
        kind, text = await message(typist.socket)
        assert kind == "stdout"
        assert (await message(typist.socket))[0] == "disconnect"
        return str(text)

    assert "No such container" in asyncio.run(use("there-is-none"))
    assert "no name" in asyncio.run(use("-x"))


def test_what_is_no_message_is_ignored(server: Server, box: str) -> None:
    async def use() -> None:
        typist = await at_terminal(server, box)
        for wrong in (
            "", "{", "[]", "1", '["stdin"]', '["stdin", 5]', '["set_size", "a", 2]',
            '["set_size", -1, 100000]', '["set_size", true, 2]', '["nothing", 1]', '{"a": 1}',
        ):  # fmt: skip
            await typist.socket.write_message(wrong)
        await typist.type("echo $((6 * 7))\n")
        await typist.until("42")

    asyncio.run(use())


def test_no_shell_is_left_when_the_server_ends(engine: Engine, box: str, tmp_path: Path) -> None:
    before = len(programs(engine, box))

    async def use(served: Server) -> WebSocketClientConnection:
        typist = await at_terminal(served, box)
        await typist.type("sleep 1115 & echo STAR''TED\n")
        await typist.until("STARTED")
        return typist.socket

    home = tmp_path / "home"
    home.mkdir()
    loop = asyncio.new_event_loop()
    with serve(tmp_path, home) as served:
        loop.run_until_complete(use(served))
        assert len(programs(engine, box)) > before
    until(lambda: len(programs(engine, box)) == before)
    loop.close()


def test_a_container_without_a_shell_says_so(server: Server, engine: Engine, base: str) -> None:
    name = f"face-{uuid.uuid4().hex[:8]}"
    program = ["sh", "-c", "rm -f /bin/sh /usr/bin/sh && exec sleep 600"]
    engine.api.create_container(BASE, program, name=name)
    engine.api.start(name)

    async def use() -> str:
        typist = await at_terminal(server, name)
        return str((await message(typist.socket))[1])

    try:
        until(lambda: "sleep 600" in programs(engine, name)[0])
        assert "no program sh" in asyncio.run(use())
    finally:
        engine.api.remove_container(name, force=True)
