"""Networks and volumes as an engine lists them, and as the sweep takes them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from docker.errors import APIError
from faultproxy import FaultProxy, through

from container_magics.engine import containers, names, networks, volumes
from container_magics.engine import run as verbs
from container_magics.engine.client import Engine
from container_magics.engine.ownership import SESSION, Owner, is_dead, owner
from container_magics.engine.process import place
from container_magics.errors import EngineRefused
from container_magics.session.sweep import end_session, sweep

NEVER_A_PROCESS = 2**22 + 1
"""Above the greatest number that Linux gives to a process (proc(5), pid_max)."""


@pytest.fixture
def mine() -> Owner:
    """A session of its own, so that no other test's things end with it; and a user of its own,
    for in the eyes of other notebooks that session is dead."""
    return Owner(f"{owner().session}-places", "", f"reader-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def dead() -> Owner:
    """A session that has ended, of a user whom nobody else sweeps."""
    session = f"{place()} {NEVER_A_PROCESS} {uuid.uuid4().hex}"
    assert is_dead(session)
    return Owner(session, "", f"reader-{uuid.uuid4().hex[:8]}")


class Made:
    """A network, a volume and a container that has both, with labels."""

    def __init__(self, engine: Engine, base: str, labels: dict[str, str]) -> None:
        self.name = f"cm-test-{uuid.uuid4().hex[:10]}"
        self._engine = engine
        self.network = engine.api.create_network(self.name, labels=labels, internal=True)["Id"]
        engine.api.create_volume(self.name, labels=labels)
        host = engine.api.create_host_config(binds=[f"{self.name}:/data"], network_mode=self.name)
        self.container = engine.api.create_container(
            base, ["sh", "-c", "head -c 100000 /dev/zero > /data/x; exec sleep 600"],
            name=self.name, labels=labels, host_config=host,
        )["Id"]  # fmt: skip
        engine.api.start(self.container)

    def there(self) -> list[str]:
        """What of it is still there."""
        found = {
            "container": verbs.containers(self._engine),
            "network": networks.summaries(self._engine),
            "volume": volumes.summaries(self._engine),
        }
        return [
            kind
            for kind, all_of_it in found.items()
            if any(
                self.name == one.get("Name") or f"/{self.name}" in one.get("Names", ())
                for one in all_of_it
            )
        ]

    def remove(self) -> None:
        """All of it, whatever is there of it."""
        verbs.remove(self._engine, self.container)
        for remove, what in ((networks.remove, self.network), (volumes.remove, self.name)):
            with suppress(EngineRefused, APIError):
                remove(self._engine, what)


@contextmanager
def made(engine: Engine, base: str, labels: dict[str, str]) -> Iterator[Made]:
    """What is removed when the block ends, if it was not before."""
    things = Made(engine, base, labels)
    try:
        yield things
    finally:
        things.remove()


def test_a_network_says_who_is_on_it(engine: Engine, base: str, mine: Owner) -> None:
    with made(engine, base, mine.labels("test")) as things:
        found = {one.name: one for one in networks.listed(engine, mine)}
        facts = found[things.name]
        assert (facts.driver, facts.scope, facts.internal, facts.mine) == (
            "bridge", "local", True, True,
        )  # fmt: skip
        assert facts.network_id == things.network
        assert facts.containers == (things.name,)
        assert len(facts.subnets) == 1
        assert "/" in facts.subnets[0]
        assert facts.labels[SESSION] == mine.session
        assert not found["bridge"].mine
        assert [one.name for one in networks.listed(engine, mine, mine=True)] == [things.name]
        departed = networks.listed(engine, mine, mine=True, without=[things.container])
        assert departed[0].containers == ()
        engine.api.kill(things.container)
        engine.api.wait(things.container)
        assert networks.listed(engine, mine, mine=True)[0].containers == ()


def test_a_volume_says_who_has_it_and_how_much(engine: Engine, base: str, mine: Owner) -> None:
    with made(engine, base, mine.labels("test")) as things:
        (facts,) = volumes.listed(engine, mine, mine=True)
        assert (facts.name, facts.driver, facts.mine) == (things.name, "local", True)
        assert facts.containers == (things.name,)
        assert facts.size_bytes is None, "nobody asked"
        engine.api.kill(things.container)
        engine.api.wait(things.container)
        (measured,) = volumes.listed(engine, mine, mine=True, sizes=True)
        assert measured.containers == (things.name,), "a container that ended has it still"
        assert measured.size_bytes is not None
        assert things.name in [one.name for one in volumes.listed(engine, owner())]


def test_sizes_are_bytes(engine: Engine, base: str, mine: Owner) -> None:
    with made(engine, base, mine.labels("test")):
        limit_s = time.monotonic() + 60
        while time.monotonic() < limit_s:  # until the program has written
            (facts,) = volumes.listed(engine, mine, mine=True, sizes=True)
            if (facts.size_bytes or 0) >= 100_000:
                return
            time.sleep(0.1)
        raise AssertionError(facts)


def paths(proxy: FaultProxy) -> list[str]:
    """The paths that were asked for since the last look, sorted, without the API's version."""
    asked = [re.sub(r"^/v[0-9.]+", "", target.partition("?")[0]) for target in proxy.targets]
    proxy.targets.clear()
    return sorted(asked)


def test_each_list_is_a_call_or_two_however_long_it_is(
    engine: Engine, base: str, mine: Owner
) -> None:
    """A call for each container would make %containers slow where there are many."""
    label = f"container-magics.test-many={uuid.uuid4().hex}"
    key, _, value = label.partition("=")
    try:
        for _ in range(30):
            engine.api.create_container(base, ["true"], labels={key: value})
        with through(engine) as (asked, proxy):
            found = containers.listed(asked, mine, everything=True)
            assert sum(one.labels.get(key) == value for one in found) == 30
            assert paths(proxy) == ["/containers/json"]
            networks.listed(asked, mine)
            assert paths(proxy) == ["/containers/json", "/networks"]
            volumes.listed(asked, mine)
            assert paths(proxy) == ["/containers/json", "/volumes"]
            for kind in names.CALLS:
                names.of_kind(asked, kind)
            assert len(paths(proxy)) == len(names.CALLS), "Tab asks once for each kind"
    finally:
        for one in engine.api.containers(all=True, filters={"label": label}):
            engine.api.remove_container(one["Id"], force=True)


def test_the_sweep_takes_networks_and_volumes_of_the_dead(
    engine: Engine, base: str, dead: Owner
) -> None:
    living = Owner(owner().session, "", dead.user)
    with (
        made(engine, base, dead.labels("test")) as left,
        made(engine, base, living.labels("test")) as alive,
        made(engine, base, {}) as strangers,
    ):
        assert sweep(engine, living) == 3
        assert left.there() == []
        assert alive.there() == ["container", "network", "volume"]
        assert strangers.there() == ["container", "network", "volume"]
        assert sweep(engine, living) == 0


def test_a_session_s_end_takes_its_networks_and_volumes(
    engine: Engine, base: str, mine: Owner, dead: Owner
) -> None:
    with (
        made(engine, base, mine.labels("test")) as left,
        made(engine, base, dead.labels("test")) as others,
    ):
        assert end_session(engine, mine) == 3
        assert left.there() == []
        assert others.there() == ["container", "network", "volume"]


def test_a_network_and_a_volume_that_a_stranger_uses_stay(
    engine: Engine, base: str, mine: Owner
) -> None:
    """The engine keeps them, and the sweep goes on to the next thing."""
    with made(engine, base, mine.labels("test")) as first:
        host = engine.api.create_host_config(binds=[f"{first.name}:/d"], network_mode=first.name)
        stranger = engine.api.create_container(base, ["sleep", "600"], host_config=host)["Id"]
        try:
            engine.api.start(stranger)
            assert end_session(engine, mine) == 1
            assert first.there() == ["network", "volume"]
        finally:
            engine.api.remove_container(stranger, force=True)
        assert end_session(engine, mine) == 2
        assert first.there() == []
