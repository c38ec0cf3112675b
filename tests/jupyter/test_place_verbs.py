"""%network and %volume: made, used, shown, and gone with the notebook; a stranger's stay."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine
from container_magics.engine.networks import summaries as networks
from container_magics.engine.volumes import summaries as volumes

BASE = "container-magics/base:bookworm"


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    """A name for what a test makes; whatever bears it in the end is removed."""
    name = f"cm-place-{uuid.uuid4().hex[:8]}"
    yield name
    for one in engine.api.containers(all=True, filters={"name": name}):
        engine.api.remove_container(one["Id"], force=True)
    for network in networks(engine):
        if network["Name"] == name:
            engine.api.remove_network(network["Id"])
    for volume in volumes(engine):
        if volume["Name"] == name:
            engine.api.remove_volume(name)


def subnet_of(name: str) -> str:
    """Addresses that hardly another test takes at the same time."""
    number = int(name.rpartition("-")[2], 16)
    return f"10.{200 + number % 50}.{number // 50 % 256}.0/28"


def there(engine: Engine, name: str) -> list[str]:
    """What bears the name: network, volume."""
    found = {"network": networks(engine), "volume": volumes(engine)}
    return [kind for kind, every in found.items() if name in [one["Name"] for one in every]]


def test_containers_find_each_other_on_a_network(notebook: Notebook, name: str) -> None:
    made = notebook.run(f"%network create {name} --internal")
    assert made.text == f"✓ {name} is a network now: %%container --network {name}"
    notebook.run(f"%%container {BASE} -d --name {name}-web --network {name}\nsleep 600")
    seen = notebook.run(f"%%container {BASE} --network {name}\ngetent hosts {name}-web")
    assert f"{name}-web" in seen.stdout
    shown = notebook.run(f"%network inspect {name}").text
    address = seen.stdout.split()[0]
    assert f"{name}-web" in shown
    assert address in shown
    assert "none: it is internal" in shown
    assert "✓" in notebook.run("%networks --mine").text
    refused = notebook.run(f"%network rm {name}")
    assert refused.error == "Conflict"
    assert f"%network disconnect {name} {name}-web" in refused.told
    assert not notebook.run(f"%network disconnect {name} {name}-web").error
    assert notebook.run(f"%network rm {name}").text == f"✓ The network {name} is removed."
    assert notebook.run(f"%network inspect {name}").error == "NotFound"


def test_a_container_can_join_later_under_another_name(notebook: Notebook, name: str) -> None:
    notebook.run(f"%network create {name}")
    notebook.run(f"%%container {BASE} -d --name {name}-db\nsleep 600")
    assert not notebook.run(f"%network connect {name} {name}-db --alias store").error
    seen = notebook.run(f"%%container {BASE} --network {name}\ngetent hosts store && echo found")
    assert "found" in seen.stdout
    assert notebook.run(f"%network connect {name} {name}-db").error == "EngineRefused"
    assert notebook.run(f"%network connect {name}").error == "UsageError"


def test_a_network_cell_can_be_run_twice(notebook: Notebook, engine: Engine, name: str) -> None:
    subnet = subnet_of(name)
    assert "is a network now" in notebook.run(f"%network create {name}").text
    (first,) = [one["Id"] for one in networks(engine) if one["Name"] == name]
    assert "already" in notebook.run(f"%network create {name}").text
    assert "is a network now" in notebook.run(f"%network create {name} --subnet {subnet}").text
    (second,) = [one["Id"] for one in networks(engine) if one["Name"] == name]
    assert second != first, "other settings, another network"
    assert subnet in notebook.run("%networks --mine").text
    assert "already" in notebook.run(f"%network create {name} --subnet {subnet}").text


def test_a_volume_keeps_what_is_in_it(notebook: Notebook, name: str) -> None:
    made = notebook.run(f"%volume create {name}")
    assert made.text == f"✓ {name} is an empty volume now: %%container -v {name}:/path"
    notebook.run(f"%%container {BASE} -v {name}:/data\necho kept > /data/note")
    assert "keeps what is in it" in notebook.run(f"%volume create {name}").text
    assert notebook.run(f"%%container {BASE} -v {name}:/data\ncat /data/note").stdout == "kept\n"
    notebook.run(f"%%container {BASE} -d --name {name}-user -v {name}:/data\nsleep 600")
    assert f"{name}-user" in notebook.run(f"%volume inspect {name}").text
    refused = notebook.run(f"%volume rm {name}")
    assert refused.error == "Conflict"
    assert f"%container rm {name}-user" in refused.told
    notebook.run(f"%container rm {name}-user")
    assert "removed" in notebook.run(f"%volume rm {name}").text
    assert notebook.run(f"%volume inspect {name}").error == "NotFound"


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_a_stranger_s_is_refused_by_name(
    notebook: Notebook, engine: Engine, name: str, kind: str
) -> None:
    make = engine.api.create_network if kind == "network" else engine.api.create_volume
    make(name)
    for verb in ("rm", "create"):
        seen = notebook.run(f"%{kind} {verb} {name}")
        assert seen.error == "NameTaken"
        assert name in seen.sentence
    assert there(engine, name) == [kind]


def test_they_go_when_the_notebook_ends(
    new_notebook: Callable[..., Notebook], engine: Engine, name: str
) -> None:
    notebook = new_notebook()
    notebook.run(f"%network create {name}")
    notebook.run(f"%volume create {name}")
    notebook.run(f"%%container {BASE} -d --name {name} --network {name} -v {name}:/data\nsleep 600")
    assert there(engine, name) == ["network", "volume"]
    notebook.close()
    assert wait_until_gone(engine, name)


def test_what_a_killed_kernel_left_is_swept_by_the_next(
    new_notebook: Callable[..., Notebook], engine: Engine, name: str
) -> None:
    killed = new_notebook()
    killed.run(f"%network create {name}")
    killed.run(f"%volume create {name}")
    assert there(engine, name) == ["network", "volume"]
    killed.pull_the_plug()
    next_one = new_notebook()
    seen = next_one.run("%container sweep")
    assert "that nobody uses any more" in seen.text
    assert wait_until_gone(engine, name)


def wait_until_gone(engine: Engine, name: str) -> bool:
    """Whether nothing bears the name within a minute."""
    limit_s = time.monotonic() + 60
    while there(engine, name) and time.monotonic() < limit_s:
        time.sleep(0.2)
    return not there(engine, name)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%network create a b", "one name"),
        ("%network create ../x", "cannot name a network"),
        ("%network create a --subnet 10.0.0.1/8", "--subnet"),
        ("%network rm a --internal", "--internal goes with create alone"),
        ("%network rm a --alias b", "--alias goes with connect alone"),
        ("%volume create a b", "one name"),
        ("%volume rm a -d local", "-d goes with create alone"),
        ("%volume prune", "VERB"),
    ],
)
def test_what_is_typed_wrongly_is_said(notebook: Notebook, line: str, said: str) -> None:
    seen = notebook.run(line)
    assert seen.error == "UsageError"
    assert said in seen.told


def test_in_stable_mode_nothing_that_varies_is_shown(
    new_notebook: Callable[..., Notebook], engine: Engine, name: str
) -> None:
    stable = new_notebook(CONTAINER_MAGICS_STABLE="1")
    stable.run(f"%network create {name} --subnet {subnet_of(name)}")
    stable.run(f"%volume create {name}")
    shown = stable.run(f"%network inspect {name}").text
    assert subnet_of(name).rpartition(".")[0] not in shown
    assert "SUBNET" in shown
    assert "FOLDER" in stable.run(f"%volume inspect {name}").text
