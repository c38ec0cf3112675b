"""The lists of a notebook: tables to read, lists of dicts to work with, data frames with pandas."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Notebook

from container_magics.engine.client import Engine

LISTS = ("%containers -a", "%images", "%networks", "%volumes", "%volumes --size", "%sshbox list")
NEEDED = {
    "%containers -a": {"name", "image", "state", "ports", "labels", "mine"},
    "%images": {"tags", "image_id", "size_bytes"},
    "%networks": {"name", "driver", "scope", "internal", "subnets", "containers", "mine"},
    "%volumes": {"name", "driver", "containers", "mine"},
    "%volumes --size": {"name", "size_bytes"},
    "%sshbox list": {"name", "image", "state"},
}


@pytest.fixture(scope="module")
def word(engine: Engine, base: str) -> Iterator[str]:
    """What the names of a network, a volume and a container on both have in common."""
    word = f"cm-lists-{uuid.uuid4().hex[:8]}"
    api = engine.api
    network = api.create_network(word, internal=True)["Id"]
    api.create_volume(word)
    host = api.create_host_config(binds=[f"{word}:/data"], network_mode=word)
    try:
        api.create_container(base, ["sleep", "600"], name=word, host_config=host)
        api.start(word)
        yield word
    finally:
        api.remove_container(word, force=True)
        api.remove_volume(word)
        api.remove_network(network)


def row(text: str, name: str) -> str:
    """The line of a table that begins with a name."""
    return next(line for line in text.splitlines() if line.startswith(name))


def test_networks_and_who_is_on_them(notebook: Notebook, word: str) -> None:
    seen = notebook.run("%networks")
    line = row(seen.text, word)
    assert line.split()[:2] == [word, "bridge"]
    assert "local, internal" in line
    assert "/" in line
    assert line.rstrip().endswith(word), "its container has the same name"
    assert word in seen.html
    assert "✓" not in line
    assert word not in notebook.run("%networks --mine").text


def test_volumes_and_who_has_them(notebook: Notebook, word: str) -> None:
    assert row(notebook.run("%volumes").text, word).split() == [word, "local", word]
    measured = row(notebook.run("%volumes --size").text, word)
    assert measured.split() == [word, "local", word, "0", "B"]
    assert notebook.run("%volumes --mine").text == "no volumes"


def test_in_stable_mode_no_list_shows_what_varies(
    new_notebook: Callable[..., Notebook], word: str
) -> None:
    stable = new_notebook(CONTAINER_MAGICS_STABLE="1")
    assert "SUBNET" in row(stable.run("%networks").text, word)
    assert "SIZE" in row(stable.run("%volumes --size").text, word)


@pytest.mark.parametrize("magic", LISTS)
def test_a_list_is_a_list_of_dicts_and_a_data_frame(
    notebook: Notebook, word: str, magic: str
) -> None:
    """The frame has its columns also where the list is empty."""
    notebook.run(f"found = {magic}")
    seen = notebook.run(
        "import json\n"
        "assert isinstance(found, list) and all(type(row) is dict for row in found)\n"
        "print(json.dumps([sorted(found.df.columns), len(found), len(found.df)]))"
    )
    assert not seen.error, seen.told
    columns, rows, framed = json.loads(seen.stdout)
    assert set(columns) >= NEEDED[magic]
    assert rows == framed
    assert rows > 0 or magic == "%sshbox list"


@pytest.mark.parametrize("magic", LISTS)
def test_without_pandas_a_list_is_still_a_list(plain_notebook: Notebook, magic: str) -> None:
    plain_notebook.run(f"found = {magic}")
    assert plain_notebook.run("print(isinstance(found, list))").stdout == "True\n"
    seen = plain_notebook.run("found.df")
    assert seen.error == "UsageError"
    assert "pip install pandas" in seen.told
    assert "Traceback" not in seen.told


@pytest.fixture(scope="module")
def plain_notebook(engine: Engine, base: str) -> Iterator[Any]:
    """A notebook whose Python has no pandas."""
    opened = Notebook()
    opened.run("import sys; sys.modules['pandas'] = None")
    yield opened
    opened.close()


def test_a_network_of_many_containers_is_one_line(
    notebook: Notebook, engine: Engine, base: str, word: str
) -> None:
    others = [f"{word}-{number}" for number in range(4)]
    try:
        for name in others:
            host = engine.api.create_host_config(network_mode=word)
            engine.api.create_container(base, ["sleep", "600"], name=name, host_config=host)
            engine.api.start(name)
        line = row(notebook.run("%networks").text, word)
        assert f"5 containers: {word[:8]}" in line
        notebook.run("found = %networks")
        seen = notebook.run(
            f"print([one['containers'] for one in found if one['name'] == {word!r}])"
        )
        assert seen.stdout == f"[{(word, *others)!r}]\n"
    finally:
        for name in others:
            engine.api.remove_container(name, force=True)


def test_a_wrong_flag_is_one_sentence(notebook: Notebook) -> None:
    for magic in ("%networks", "%volumes"):
        seen = notebook.run(f"{magic} --nine")
        assert seen.error == "UsageError"
        assert "--mine" in seen.told
