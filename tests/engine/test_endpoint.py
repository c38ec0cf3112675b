"""Where an engine is looked for, and what a user is told who has none."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import pwd
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_magics.engine.client import Engine, connect
from container_magics.engine.endpoint import candidates
from container_magics.engine.probe import negotiated, probe
from container_magics.engine.statedir import Places
from container_magics.errors import NoEngine

NOBODY = pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def elsewhere(home: Path) -> dict[str, str]:
    """An environment in which no engine is named, and no state folder of the user's is used."""
    return {"CONTAINER_MAGICS_STATE": str(home / "state"), "XDG_RUNTIME_DIR": str(home / "runtime")}


def write_context(home: Path, name: str, url: str, *, current: bool) -> None:
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker" / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": url, "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": endpoints}))
    config = {"currentContext": name} if current else {}
    (home / ".docker" / "config.json").write_text(json.dumps(config))


def test_docker_host_is_the_only_place_when_it_is_set(
    home: Path, elsewhere: dict[str, str]
) -> None:
    found = candidates({**elsewhere, "DOCKER_HOST": "tcp://127.0.0.1:2375"}, home)
    assert [(place.url, place.found_by) for place in found] == [
        ("tcp://127.0.0.1:2375", "DOCKER_HOST")
    ]


def test_the_order_is_context_then_our_own_then_the_wellknown_sockets(
    home: Path, elsewhere: dict[str, str]
) -> None:
    write_context(home, "work", "tcp://127.0.0.1:2375", current=True)
    found = [place.url for place in candidates(elsewhere, home)]
    assert found[0] == "tcp://127.0.0.1:2375"
    assert found[1].endswith("docker.sock")
    assert found[2] == "unix:///var/run/docker.sock"
    assert found[3] == f"unix://{home}/runtime/docker.sock"
    assert found[-1] == "unix:///run/podman/podman.sock"
    assert f"unix://{home}/.colima/default/docker.sock" in found
    assert f"unix://{home}/.orbstack/run/docker.sock" in found


def test_a_context_brings_its_tls_files(home: Path, elsewhere: dict[str, str]) -> None:
    write_context(home, "far", "tcp://127.0.0.1:2376", current=False)
    identity = hashlib.sha256(b"far").hexdigest()
    tls = home / ".docker" / "contexts" / "tls" / identity / "docker"
    tls.mkdir(parents=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tls / name).touch()
    (place,) = candidates({**elsewhere, "DOCKER_CONTEXT": "far"}, home)
    assert place.tls is not None
    assert (place.tls.ca, place.tls.verify) == (tls / "ca.pem", True)
    assert place.binding


def test_docker_tls_variables_are_read(home: Path, elsewhere: dict[str, str]) -> None:
    (home / "ca.pem").touch()
    named = {"DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_TLS_VERIFY": "1"}
    (place,) = candidates({**elsewhere, **named, "DOCKER_CERT_PATH": str(home)}, home)
    assert place.tls is not None
    assert place.tls.ca == home / "ca.pem"


@pytest.mark.parametrize("text", ["{not json", "[]", '{"currentContext": 7}'])
def test_a_broken_docker_configuration_does_not_stop_the_search(
    home: Path, elsewhere: dict[str, str], text: str
) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(text)
    assert "unix:///var/run/docker.sock" in [p.url for p in candidates(elsewhere, home)]


def test_connect_gives_an_engine_whose_facts_say_where_it_was_found(engine: Engine) -> None:
    named = {"DOCKER_HOST": engine.endpoint.url}
    found = connect(named)
    facts = found.facts()
    found.close()
    assert facts.found_by == "DOCKER_HOST"
    assert facts.url == engine.endpoint.url
    assert facts.version == engine.api.version()["Version"]
    assert facts.cpus >= 1
    assert facts.memory_bytes > 1_000_000
    assert [attempt.outcome for attempt in facts.tried] == ["answers"]


def test_a_context_that_is_silent_is_told_and_the_search_goes_on(
    engine: Engine, home: Path, elsewhere: dict[str, str]
) -> None:
    write_context(home, "gone", f"unix://{home}/gone.sock", current=True)
    link = home / "runtime" / "docker.sock"
    link.parent.mkdir()
    link.symlink_to(engine.endpoint.url.removeprefix("unix://"))
    found = connect(elsewhere, home)
    tried = found.facts().tried
    found.close()
    assert (tried[0].found_by, tried[0].outcome) == ("Docker context 'gone'", "missing")
    assert tried[-1].outcome == "answers"


def test_docker_host_that_does_not_answer_is_not_replaced_by_another_engine(home: Path) -> None:
    with pytest.raises(NoEngine) as caught:
        connect({"DOCKER_HOST": f"unix://{home}/none.sock"}, home)
    assert "DOCKER_HOST" in str(caught.value)
    assert caught.value.facts == (f"DOCKER_HOST, unix://{home}/none.sock: no socket there",)


@pytest.mark.usefixtures("as_root")
def test_no_engine_anywhere_lists_every_place_and_one_thing_to_do(tmp_path: Path) -> None:
    said = told_to_a_user_without_engine(tmp_path, os.geteuid())
    assert said[0] == "NoEngine: No container engine answers."
    assert "container-magics engine start" in said[1]
    assert sum(": no socket there" in line for line in said) >= 8


@pytest.mark.parametrize("whose", ["a stranger's", "open to all", "a link", "ours"])
def test_our_own_engine_is_looked_for_only_in_a_folder_that_is_ours_alone(
    engine: Engine, home: Path, whose: str, request: pytest.FixtureRequest
) -> None:
    """Another user can make a folder in /tmp before us, and put a socket of his into it."""
    if whose == "a stranger's":
        request.getfixturevalue("as_root")
    with tempfile.TemporaryDirectory(prefix="cm-") as state:  # short: then the run folder is in it
        run = Places(Path(state)).run
        real = home / "real" if whose == "a link" else run
        real.mkdir(mode=0o700, parents=True)
        (real / "docker.sock").symlink_to(str(engine.endpoint.socket))
        if whose == "a stranger's":
            os.chown(run, NOBODY, -1)
        elif whose == "open to all":
            run.chmod(0o755)
        elif whose == "a link":
            run.symlink_to(real)
        attempt, api = probe(candidates({"CONTAINER_MAGICS_STATE": state}, home)[0])
    if whose == "ours":
        assert attempt.outcome == "answers"
        assert api is not None
        api.close()
    else:
        assert attempt.line().endswith(": its folder is not yours alone, so it was not asked")
        assert api is None


def told_to_a_user_without_engine(folder: Path, uid: int) -> list[str]:
    """What connect() says in a mount namespace where the machine's sockets are hidden."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from container_magics.engine.client import connect\n"
        "from container_magics.errors import EngineError\n"
        f"os.setuid({uid})\n"
        "try: connect({'CONTAINER_MAGICS_STATE': sys.argv[1]}, Path(sys.argv[1]))\n"
        "except EngineError as error: print('\\n'.join(error.told()))\n"
    )
    hide = "mount -t tmpfs none /run && exec " + sys.executable + ' -c "$0" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hide, program, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("group", "mode", "todo"),
    [
        ("root", 0o600, "Only root may use it"),
        ("root", 0o660, "Only root may use it"),
        ("games", 0o660, "Join its group, then log in anew: `sudo usermod -aG games nobody`"),
    ],
)
def test_a_socket_that_this_user_may_not_use_is_denied_with_the_group(
    open_path: Path, group: str, mode: int, todo: str
) -> None:
    path = open_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        shutil.chown(path, group=group)
        path.chmod(mode)
        said = told_to_nobody(f"unix://{path}")
    assert said[0].startswith("EngineDenied: DOCKER_HOST is there, but you may not use it.")
    assert todo in said[1]


def told_to_nobody(url: str) -> list[str]:
    """What connect() says to a user without rights; modules are loaded before they are dropped."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from container_magics.engine.client import connect\n"
        "from container_magics.errors import EngineError\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "try: connect({'DOCKER_HOST': sys.argv[1]}, Path('/nonexistent'))\n"
        "except EngineError as error: print('\\n'.join([type(error).__name__ + ': ' + str(error),"
        " error.hint, *error.facts]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_socket_that_hangs_is_given_up_within_seconds(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hangs.sock"))
        listener.listen()
        started = time.monotonic()
        with pytest.raises(NoEngine) as caught:
            connect({"DOCKER_HOST": f"unix://{tmp_path}/hangs.sock"})
    assert time.monotonic() - started < 8
    assert "no answer in time" in caught.value.facts[0]


@pytest.fixture
def web_server() -> Iterator[str]:
    """Something that speaks HTTP and is no engine."""
    handler = http.server.BaseHTTPRequestHandler
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_what_is_no_engine_is_not_taken_for_one(web_server: str) -> None:
    with pytest.raises(NoEngine) as caught:
        connect({"DOCKER_HOST": web_server})
    assert "not a container engine" in caught.value.facts[0]


@pytest.mark.usefixtures("as_root")
def test_a_context_that_does_not_exist_is_not_replaced_by_dockers_own_socket(
    engine: Engine, tmp_path: Path
) -> None:
    """In a mount namespace where an engine answers at Docker's own socket."""
    program = (
        "import sys; from pathlib import Path\n"
        "from container_magics.engine.client import connect\n"
        "from container_magics.errors import NoEngine\n"
        "connect({'CONTAINER_MAGICS_STATE': sys.argv[1]}, Path(sys.argv[1]))\n"
        "try: connect({'DOCKER_CONTEXT': 'none'}, Path(sys.argv[1]))\n"
        "except NoEngine as error: print('\\n'.join(error.told()))\n"
    )
    own = tmp_path / "engine.sock"
    own.touch()
    script = (
        'mount --bind "$2" "$3" && mount -t tmpfs none /run && ln -s "$3" /run/docker.sock'
        ' && exec "$1" -c "$0" "$4"'
    )
    words = [program, sys.executable, str(engine.endpoint.socket), str(own), str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, *words], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "NoEngine: No engine answers at that address, named by Docker context 'none'.",
        "Start that engine, or unset DOCKER_CONTEXT to look elsewhere.",
        "  Docker context 'none', : no socket there (there is no such context)",
    ], done.stderr


@pytest.mark.parametrize("name", ["DOCKER_HOST", "DOCKER_CONTEXT"])
def test_a_machine_that_ssh_does_not_reach_is_told(name: str, home: Path) -> None:
    url = "ssh://me@127.0.0.1:1"
    write_context(home, "far", url, current=False)
    with pytest.raises(NoEngine, match=r"ssh cannot log in to 127\.0\.0\.1") as caught:
        connect({name: url if name == "DOCKER_HOST" else "far"}, home)
    assert "`ssh -p 1 me@127.0.0.1 true` has to succeed" in caught.value.hint
    assert any("Connection refused" in fact for fact in caught.value.facts)


@pytest.mark.parametrize("url", ["", "nonsense://x", "tcp://", "unix://", "tcp://127.0.0.1:1"])
def test_an_address_that_is_nonsense_is_told_in_a_sentence(url: str, tmp_path: Path) -> None:
    write_context(tmp_path, "bad", url, current=False)
    with pytest.raises(NoEngine):
        connect({"DOCKER_CONTEXT": "bad"}, tmp_path)


def test_the_api_version_is_the_newest_that_both_sides_speak() -> None:
    assert negotiated("1.41") == "1.41"
    assert float(negotiated("9.99")) < 9
