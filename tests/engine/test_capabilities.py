"""What each place can do: the engine's own answers, and the same done in earnest."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import docker
import pytest

from container_magics.core.buildspec import BuildSpec
from container_magics.core.capabilities import FEATURES, Capabilities
from container_magics.core.events import Built
from container_magics.core.spec import ContainerSpec, Limits
from container_magics.engine import images, limits, volumes
from container_magics.engine.client import Engine, connect
from container_magics.engine.containers import changes
from container_magics.engine.inside import run_quietly
from container_magics.engine.ownership import owner
from container_magics.engine.shells import Shell
from container_magics.engine.stats import stats
from container_magics.engine.swarm import expect_manager
from container_magics.errors import EngineError, EngineRefused, NotSupported
from container_magics.session.build import build
from container_magics.session.detached import run_detached
from container_magics.session.run import run

LABEL = {"cm-test-capabilities": "1"}
KEPT_BACK = {
    "/containers/create": {"run"},
    "/build": {"build"},
    "/history": {"layers"},
    "/changes": {"diff"},
    "/resize": {"terminal"},
    "/exec": {"exec", "terminal"},
    "/stats": {"stats"},
    "/volumes": {"volumes"},
}
"""How the path ends that a proxy keeps back -> the features that are missing then."""
VERBS: dict[str, Callable[[Engine, str, str], object]] = {
    "run": lambda engine, _, base: list(run(engine, ContainerSpec(base, ("true",)), owner())),
    "build": lambda engine, _, base: list(build(engine, BuildSpec(f"FROM {base}\n", "cm-not:1"))),
    "layers": lambda engine, _, base: images.history(engine, base),
    "diff": lambda engine, box, _: changes(engine, box),
    "exec": lambda engine, box, _: run_quietly(engine, box, "true"),
    "stats": lambda engine, box, _: stats(engine, [box]),
    "volumes": lambda engine, _, base: volumes.summaries(engine),
}
"""Each feature in earnest, of an engine, a container that runs, and an image."""


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[str]:
    """A container that sleeps; its ID."""
    made = engine.api.create_container(base, ["sleep", "600"], labels=LABEL)["Id"]
    try:
        engine.api.start(made)
        yield made
    finally:
        engine.api.remove_container(made, force=True, v=True)


@pytest.fixture
def running(builder: Engine, base: str) -> Iterator[str]:
    """A container that sleeps, on each engine."""
    api = builder.api
    made = api.create_container(base, ["sleep", "600"], labels=LABEL, tty=False)["Id"]
    try:
        api.start(made)
        yield made
    finally:
        api.remove_container(made, force=True, v=True)


def test_what_a_place_says_of_itself_is_what_it_does(
    builder: Engine, base: str, running: str
) -> None:
    """Each cell of the table in docs/places.md."""
    api, found = builder.api, builder.capabilities()
    assert [each.feature for each in found] == list(FEATURES)
    assert found.can("run")
    assert found.can("build")
    assert ("BuildKit" in found["build"].words) == (builder.facts().name == "Docker")
    assert found.can("layers") == bool(api.history(base))
    program = api.exec_create(running, ["sh", "-c", "touch /made; echo in"])
    assert found.can("exec") == (api.exec_start(program) == b"in\n")
    assert found.can("diff") == ("/made" in [each["Path"] for each in api.diff(running)])
    terminal = api.exec_create(running, ["tty"], tty=True)
    assert found.can("terminal") == (b"/dev/" in api.exec_start(terminal, tty=True))
    assert found.can("stats") == has_figures(api, running)
    assert found.can("volumes") == keeps_volumes(api)
    assert found.can("limits") == takes_limits(api, base)
    assert not found.can("class")
    assert builds(builder) == found.can("build")


def builds(engine: Engine) -> bool:
    spec = BuildSpec("FROM scratch\nCOPY file /\n", "cm-test-can:1", added=(("file", b""),))
    try:
        return any(isinstance(event, Built) for event in build(engine, spec))
    finally:
        engine.api.remove_image(spec.tag, force=True)


def has_figures(api: docker.APIClient, container: str) -> bool:
    try:
        seen = api.stats(container, stream=False)
    except docker.errors.APIError:
        return False
    return bool(seen["memory_stats"].get("usage"))


def keeps_volumes(api: docker.APIClient) -> bool:
    made = api.create_volume("cm-test-capabilities", labels=LABEL)["Name"]
    api.remove_volume(made)
    return True


def takes_limits(api: docker.APIClient, base: str) -> bool:
    limits = api.create_host_config(mem_limit=256 * 1024 * 1024, pids_limit=64)
    made = api.create_container(base, ["true"], host_config=limits, labels=LABEL)["Id"]
    try:
        api.start(made)
        return api.wait(made)["StatusCode"] == 0
    except docker.errors.APIError:
        return False
    finally:
        api.remove_container(made, force=True)


def test_a_manager_of_a_swarm_may_have_a_class(
    newer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer.api.init_swarm("127.0.0.1:0", "127.0.0.1:0")
    try:
        with closing(connect({"DOCKER_HOST": newer.endpoint.url})) as again:
            assert again.capabilities()["class"].words == "1 node"
        monkeypatch.setenv("DOCKER_HOST", newer.endpoint.url)
        with closing(connect("swarm")) as found:
            assert found.endpoint.url == newer.endpoint.url
    finally:
        newer.api.leave_swarm(force=True)
        newer.api.remove_network("docker_gwbridge")  # a bridge of this machine, which stays else


def test_what_is_missing_is_refused_by_name(engine: Engine) -> None:
    with pytest.raises(NotSupported, match="class: it needs an engine that manages") as caught:
        expect_manager(engine)
    refused = caught.value
    assert (refused.engine, refused.feature) == (engine.endpoint.url, "class")
    assert "docker swarm init" in refused.hint
    assert isinstance(refused, EngineError)


def test_an_unknown_feature_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        Capabilities(()).can("fly")


@pytest.mark.parametrize(
    ("ending", "features"), [("/build", {"build"}), ("/info", {"limits", "class"})]
)
def test_what_is_said_of_an_engine_counts_only_where_it_may_be_done(
    engine: Engine, ending: str, features: set[str]
) -> None:
    """A builder is named in a header that a proxy lets through; and without /info there is still
    a table."""
    with (
        keeping_back(engine, ending) as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
    ):
        found = behind.capabilities()
    missing = {each.feature for each in found if "lets this through to nobody" in each.words}
    assert missing == features


@pytest.mark.parametrize("ending", KEPT_BACK)
def test_what_a_proxy_keeps_back_is_missing(engine: Engine, ending: str) -> None:
    """A proxy of the socket that lets all through but one verb, as those in docs/policy.md do."""
    with (
        keeping_back(engine, ending) as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
    ):
        found = behind.capabilities()
    missing = {each.feature for each in found if "lets this through to nobody" in each.words}
    assert missing == KEPT_BACK[ending]


@pytest.mark.parametrize("feature", VERBS)
def test_what_is_kept_back_is_refused_by_its_feature_s_name(
    engine: Engine, box: str, base: str, nothing_left: object, feature: str
) -> None:
    ending = next(ending for ending, missing in KEPT_BACK.items() if feature in missing)
    with (
        keeping_back(engine, ending, "/session") as url,  # which our proxy could not pass on
        closing(connect({"DOCKER_HOST": url})) as behind,
        pytest.raises(NotSupported, match=f"^{feature}: what stands before the engine") as caught,
    ):
        VERBS[feature](behind, box, base)
    assert (caught.value.engine, caught.value.feature) == (url, feature)
    assert "%engine use" in caught.value.hint


def test_a_terminal_is_refused_by_its_own_name(engine: Engine, box: str) -> None:
    with (
        keeping_back(engine, "/exec") as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
        pytest.raises(NotSupported) as caught,
    ):
        Shell(behind, box)
    assert caught.value.feature == "terminal"


def test_by_a_socket_of_this_machine_it_is_refused_so_too(
    engine: Engine, box: str, tmp_path: Path
) -> None:
    with (
        keeping_back(engine, "/exec", socket=tmp_path / "s") as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
        pytest.raises(NotSupported, match=r"^exec: ") as caught,
    ):
        run_quietly(behind, box, "true")
    assert caught.value.engine == url


def test_what_the_engine_itself_forbids_of_one_container_keeps_its_words(
    engine: Engine, box: str
) -> None:
    """Others are let through: so it is no feature that is missing."""
    with (
        keeping_back(engine, f"/{box}/changes") as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
        pytest.raises(EngineRefused) as caught,
    ):
        changes(behind, box)
    assert not isinstance(caught.value, NotSupported)


def test_to_ask_makes_nothing(engine: Engine, nothing_left: object) -> None:
    before = engine.api.containers(all=True, quiet=True)
    images = engine.api.images(all=True, quiet=True)
    with closing(connect({"DOCKER_HOST": engine.endpoint.url})) as again:
        again.capabilities()
    assert engine.api.containers(all=True, quiet=True) == before
    assert engine.api.images(all=True, quiet=True) == images


@pytest.mark.parametrize(
    ("fact", "asked", "flag"),
    [
        ("MemoryLimit", Limits(memory_bytes=64 * 1024**2, pids=50), "--memory"),
        ("CpuCfsQuota", Limits(nano_cpus=500_000_000), "--cpus"),
        ("PidsLimit", Limits(pids=50), "--pids-limit"),
    ],
)
def test_a_limit_that_the_engine_does_not_set_is_refused_before_anything_is_made(
    engine: Engine, base: str, nothing_left: object, fact: str, asked: Limits, flag: str
) -> None:
    """The engine itself would say a warning, and run it without."""
    with (
        keeping_back(engine, says={fact: False}) as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
    ):
        spec = ContainerSpec(base, ("true",), name="cm-test-limits", limits=asked)
        for story in (run(behind, spec, owner()), run_detached(behind, spec, owner())):
            with pytest.raises(NotSupported, match=r"^limits: this engine sets no") as caught:
                list(story)
            assert (caught.value.engine, caught.value.feature) == (url, "limits")
            assert f"Leave {flag} out" in caught.value.hint
        limits.expect(behind, Limits())
        limits.expect(behind, Limits(pids=-1))  # docker's word for none
    assert not engine.api.containers(all=True, filters={"name": "cm-test-limits"})


def test_a_limit_is_refused_only_on_the_engine_s_own_word(engine: Engine) -> None:
    every = Limits(memory_bytes=64 * 1024**2, nano_cpus=500_000_000, pids=50)
    limits.expect(engine, every)
    with (
        keeping_back(engine, "/info") as url,
        closing(connect({"DOCKER_HOST": url})) as behind,
    ):
        limits.expect(behind, every)


@contextmanager
def keeping_back(
    engine: Engine,
    *endings: str,
    socket: Path | None = None,
    says: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[str]:
    """An HTTP server before the engine that answers 403 to paths that end so; its address. It
    listens on that socket, or on a port where there is none. What it ``says`` stands in place of
    the engine's own facts (/info)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            if path.endswith(endings):
                self.send_response(403)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            got = engine.api.request(
                self.command,
                f"{engine.api.base_url}{self.path}",
                data=body,
                headers={"Content-Type": "application/json"},
                hooks={"response": []},
            )
            content = got.content
            if path.endswith("/info"):
                content = json.dumps({**got.json(), **says}).encode()
            self.send_response(got.status_code)
            for name, value in got.headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    server: Any = UnixServer(str(socket), Handler) if socket else Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"unix://{socket}" if socket else f"tcp://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
