"""%%image, %image, %images and %layers, as a reader of the notebook sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Notebook
from faultproxy import Fault, FaultProxy

from container_magics.engine.client import Engine
from container_magics.view.bundle import MIME, from_json

BASE = "container-magics/base:bookworm"
TAG = "cm-test/cells:1"
CELL = f"""%%image {TAG}
FROM {BASE}
RUN head -c 3000000 /dev/zero > /big
RUN rm /big && echo hello > /greeting
"""
MIMES = {"text/plain", "text/html", MIME}


@pytest.fixture(scope="module")
def built(notebook: Notebook, engine: Engine) -> Iterator[str]:
    """An image that a cell has built."""
    seen = notebook.run(CELL)
    assert not seen.error, seen.told
    yield TAG
    engine.api.remove_image(TAG, force=True)


def test_a_build_is_shown_live_and_settles_in_one_display(notebook: Notebook, engine) -> None:
    try:
        slow = f"RUN for i in 1 2 3; do echo {time.time()} $i; sleep 0.4; done"
        seen = notebook.run(f"%%image cm-test/live:1\nFROM {BASE}\n{slow}")
        assert not seen.error
        assert len(seen.displays) == 1
        assert seen.updates > 2
        assert "Built cm-test/live:1" in seen.text
        again = notebook.run(f"%%image cm-test/live:1\nFROM {BASE}\n{slow}")
        assert "cached" in again.text
        assert again.took_s < seen.took_s
    finally:
        engine.api.remove_image("cm-test/live:1", force=True)


def test_a_failing_line_is_named(notebook: Notebook) -> None:
    seen = notebook.run(f"%%image cm-test/fails\nFROM {BASE}\nRUN echo why; nosuchcommand --now")
    assert seen.error == "BuildFailed"
    assert "nosuchcommand --now" in seen.sentence
    assert "127" in seen.sentence
    assert "why" in seen.text + seen.told
    assert "Traceback" not in seen.told


def test_a_variable_becomes_a_file(notebook: Notebook, engine: Engine) -> None:
    notebook.run("page = '<h1>of Python</h1>'")
    try:
        build = f"%%image cm-test/add --add index.html=page\nFROM {BASE}\nCOPY index.html /srv/"
        assert not notebook.run(build).error
        seen = notebook.run("%%container cm-test/add\ncat /srv/index.html")
        assert seen.stdout == "<h1>of Python</h1>"
    finally:
        engine.api.remove_image("cm-test/add", force=True)


def test_every_display_has_text_html_and_the_bundle(notebook: Notebook, built: str) -> None:
    for cell in (f"%layers {built}", f"%image history {built}", "%images", "%engine", "%doctor"):
        (bundle,) = notebook.run(cell).displays[-1:]
        assert set(bundle) == MIMES, cell
        assert from_json(bundle[MIME])
        assert "<script" not in bundle["text/html"]


def test_layers_say_what_is_hidden_and_still_shipped(notebook: Notebook, built: str) -> None:
    seen = notebook.run(f"%layers {built}")
    assert "RUN rm /big" in seen.text
    assert "3 MB are shipped, though a later layer hides them" in seen.text
    assert "above the base image, of which" in seen.text, "as the texts of the course say"
    assert "efficiency" in seen.text
    assert "<details" in seen.html


def test_the_owner_of_a_path(notebook: Notebook, built: str) -> None:
    seen = notebook.run(f"%layers {built} --owner /greeting")
    assert "added" in seen.text
    assert "6 B" in seen.text
    assert "No layer has /nowhere" in notebook.run(f"%layers {built} --owner /nowhere").text


def test_a_container_s_writable_layer_is_on_top(notebook: Notebook, built: str) -> None:
    notebook.run(f"%%container {built} -d --name cm-test-top\necho more > /more; sleep 600")
    try:
        assert not notebook.run("%%container --in cm-test-top\ncat /more").error
        seen = notebook.run("%layers cm-test-top")
        assert "writable layer" in seen.text
        assert "more" in seen.text
    finally:
        notebook.run("%container rm cm-test-top")


def test_questions_about_layers_are_lists_and_data_frames(notebook: Notebook, built: str) -> None:
    found = notebook.run(f"found = %layers {built} --find /big\nprint(len(found.df), found[0])")
    assert not found.error, found.told
    assert "2 {'path': '/big'" in found.stdout
    assert "'size_bytes': 3000000" in found.stdout
    assert "'state': 'hidden'" in found.stdout
    for question, told in (
        ("--wasted", "lowestEfficiency"), ("--hidden", "whiteout"), ("--big 30", "/big "),
        ("--tree", "hidden, still shipped"), (f"{BASE} --content", "/greeting"),
        ("--show /greeting", "hello"), ("--secrets", "secret"), ("--packages", "dpkg"),
    ):  # fmt: skip
        seen = notebook.run(f"%layers {built} {question}")
        assert not seen.error, (question, seen.told)
        assert told in seen.text, (question, seen.text)
    for question, column in (
        ("--owner /big", "did"), ("--wasted", "wasted_bytes"), ("--hidden", "hidden_bytes"),
        ("--big 3", "size_bytes"), (BASE, "change"), ("--packages", "manager"),
        ("--secrets", "secret"),
    ):  # fmt: skip
        seen = notebook.run(f"q = %layers {built} {question}\nprint(len(q), list(q.df))")
        assert not seen.error, (question, seen.told)
        assert f"'{column}'" in seen.stdout, (question, seen.stdout)
    nothing = notebook.run(f"n = %layers {built} --find none\nprint(list(n.df))")
    assert "'hidden_by'" in nothing.stdout


def test_what_is_drawn_has_its_rows_too_and_is_drawn_once(notebook: Notebook, built: str) -> None:
    for question, column, words in (
        ("", "hides_bytes", "RUN rm /big"), ("--tree", "hidden_by", "hidden, still shipped"),
        ("--show /greeting", "content", "hello"),
    ):  # fmt: skip
        seen = notebook.run(f"%layers {built} {question}")
        assert len(seen.displays) == 1, (question, seen.frames)
        kept = notebook.run(f"q = %layers {built} {question}\nprint(len(q), list(q.df))")
        assert f"'{column}'" in kept.stdout, (question, kept.told or kept.stdout)
        assert len(kept.displays) == 1, "as ever, also where it is not the end of the cell"
        again = notebook.run("q")
        assert words in again.text, (question, again.text)
    hidden = notebook.run(f"q = %layers {built}\nprint(q.df.hidden_bytes.sum())")
    assert int(hidden.stdout) >= 3_000_000
    assert "hello" in notebook.run("q = %layers " + f"{built} --show /greeting\nq[0]['content']"
                                   ).text  # fmt: skip


def test_rules_are_checked(notebook: Notebook, built: str) -> None:
    good = notebook.run(f'%layers {built} --assert "efficiency>0.5, wasted_bytes<4MB"')
    assert not good.error
    bad = notebook.run(f'%layers {built} --assert "wasted_bytes<1MB"')
    assert bad.error == "CheckFailed"
    assert "wasted_bytes is 3 MB" in bad.sentence


def test_tag_save_rm_and_load(
    notebook: Notebook, built: str, tmp_path: Path, engine: Engine
) -> None:
    file = tmp_path / "image.tar"
    assert "names the same image" in notebook.run(f"%image tag {built} cm-test/second:2").text
    assert "Wrote" in notebook.run(f"%image save cm-test/second:2 {file}").text
    assert "removed" in notebook.run("%image rm cm-test/second:2").text
    assert "no images" in notebook.run("%images cm-test/second").text
    assert "cm-test/second:2" in notebook.run(f"%image load {file}").text
    assert "cm-test/second:2" in notebook.run("%images cm-test/second").text
    assert "removed" in notebook.run("%image rm cm-test/second:2").text


def test_an_image_carries_no_name_and_no_path(built: str, engine: Engine) -> None:
    labels = engine.api.inspect_image(built)["Config"]["Labels"]
    assert {name for name in labels if name.startswith("container-magics.")} <= {
        "container-magics.purpose",
        "container-magics.recipe",
    }


def test_layers_that_cannot_be_read_leave_no_meter(
    new_notebook: Callable[..., Notebook], built: str, engine: Engine
) -> None:
    fault = Fault("cut", at=3_000_000)
    # an engine that seems far away is asked for its archive; and nothing is known of the image
    with closing(FaultProxy(engine.endpoint.url, fault, tcp=True)) as proxy:
        there = new_notebook(DOCKER_HOST=proxy.url, CONTAINER_MAGICS_CACHE="")
        seen = there.run(f"%layers {built}")
    assert seen.error == "EngineLost"
    assert seen.updates
    assert [display["text/plain"] for display in seen.displays] == [""]


def test_the_view_says_how_the_layers_were_read(
    new_notebook: Callable[..., Notebook], built: str, tmp_path: Path
) -> None:
    def opened(folder: str) -> Notebook:
        where = str(tmp_path / folder)
        found = new_notebook(CONTAINER_MAGICS_STABLE="0", CONTAINER_MAGICS_CACHE=where)
        found.run("%config Workbench.layers_records = False")
        return found

    one, two, three = opened("one"), opened("one"), opened("two")
    assert "from docker save (" in one.run(f"%layers {built}").text
    assert "from this kernel's memory (" in one.run(f"%layers {built}").text
    assert "from cache (" in two.run(f"%layers {built}").text
    assert "from a helper container (" in three.run(f"%layers {built} --helper").text
    stable = new_notebook(CONTAINER_MAGICS_STABLE="1").run(f"%layers {built}").text
    assert "can be seen" in stable
    assert " from " not in stable.split("can be seen")[1].split("\n")[0]


def test_lists_are_lists_and_data_frames(notebook: Notebook, built: str) -> None:
    notebook.run("found = get_ipython().run_line_magic('images', 'cm-test/cells')")
    seen = notebook.run("print(found[0]['tags'], found[0]['size_bytes'] > 1000)")
    assert seen.stdout == f"('{built}',) True\n"
    missing = notebook.run("import sys; sys.modules['pandas'] = None; found.df")
    assert missing.error == "UsageError"
    assert "pip install pandas" in missing.told


def test_stable_mode_says_the_same_twice_and_updates_nothing(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    shown = []
    try:
        for _ in range(2):
            notebook = new_notebook(CONTAINER_MAGICS_STABLE="1")
            tag = "cm-test/stable:1"
            cells = (
                CELL.replace(TAG, tag),
                f"%layers {tag}",
                f"%layers {tag} --packages",
                f"%layers {tag} --wasted",
                f"%image history {tag}",
                f"%image inspect {tag}",
                f"%images {tag}",
            )
            seen = [notebook.run(cell) for cell in cells]
            assert not any(one.updates or one.error for one in seen)
            shown.append([one.displays for one in seen])
            engine.api.remove_image(tag, force=True)
    finally:
        notebook.close()
    assert shown[0] == shown[1]


def test_a_live_list_of_containers(notebook: Notebook) -> None:
    notebook.run(f"%%container {BASE} -d --name cm-test-live\nwhile sleep 0.2; do echo tick; done")
    notebook.run("live = get_ipython().run_line_magic('containers', '-w')")
    press = (
        "def press(word):\n"
        "    row = next(r for r in live._rows.children if r.children[0].value == 'cm-test-live')\n"
        "    next(b for b in row.children[2:] if b.description == word).click()\n"
    )
    notebook.run(press)
    try:
        notebook.run("import time; time.sleep(0.5); press('logs')")
        assert "tick" in notebook.run("print(live._message.value)").stdout
        notebook.run("press('stop')")
        assert "exited" in notebook.run("%container inspect cm-test-live").text
        notebook.run("live._all.value = True; press('start')")
        assert "running" in notebook.run("%container inspect cm-test-live").text
        assert "cm-test-live" in notebook.run("live").text
        notebook.run("press('remove')")
        assert notebook.run("%container inspect cm-test-live").error == "NotFound"
        assert "cm-test-live" not in notebook.run("live").text
    finally:
        notebook.run("live.close()")
        notebook.run("%container rm cm-test-live")


STRAY = """
import threading, ipywidgets, time
def threads():
    return [thread.name for thread in threading.enumerate()].count('container-magics list')
def of(widget):
    parts = (getattr(widget, 'layout', None), getattr(widget, 'style', None))
    own = {part.model_id for part in (widget, *parts) if part and part.comm}
    return own.union(*(of(child) for child in getattr(widget, 'children', ())))
def stray():
    'Open widgets that are no part of the live list.'
    with live._lock:
        return set(ipywidgets.widgets.widget._instances) - of(live) - of(live._none)
def row():
    rows = [r for r in live._by_id.values() if r.children[0].value == 'cm-test-rows']
    return rows[0] if rows else None
def watch():
    return get_ipython().run_line_magic('containers', '-w')
"""


def test_a_live_list_that_is_run_again_takes_the_place_of_the_first(notebook: Notebook) -> None:
    notebook.run(STRAY)
    assert not notebook.run("live = watch(); before = stray()").error
    assert not notebook.run("live = watch(); live = watch(); time.sleep(0.5)").error
    assert notebook.run("print(threads(), stray() - before)").stdout == "1 set()\n"
    notebook.run("live.close(); live.close(); time.sleep(0.5)")
    assert notebook.run("print(threads(), stray() - before)").stdout == "0 set()\n"


def test_a_row_stays_while_its_container_does(notebook: Notebook) -> None:
    notebook.run(f"%%container {BASE} -d --name cm-test-rows\nsleep 600")
    notebook.run(STRAY)
    notebook.run("live = watch(); first, before = row(), stray()")
    try:
        notebook.run("for _ in range(20): live.refresh()")
        assert notebook.run("print(row() is first, stray() - before)").stdout == "True set()\n"
        notebook.run("%container rm cm-test-rows")
        notebook.run("time.sleep(1); live.refresh()")
        gone = notebook.run("print(row(), first.comm, stray() - before)")
        assert gone.stdout == "None None set()\n"
    finally:
        notebook.run("live.close()")
        notebook.run("%container rm cm-test-rows")


def test_layers_of_an_archive_need_no_engine(
    new_notebook: Callable[..., Notebook], engine: Engine, built: str, tmp_path: Path
) -> None:
    path = tmp_path / "saved.tar"
    with path.open("wb") as file:
        file.writelines(engine.api.get_image(built))
    notebook = new_notebook(
        DOCKER_HOST=f"unix://{tmp_path}/nobody.sock", CONTAINER_MAGICS_CACHE=str(tmp_path / "cache")
    )
    for name in (str(path), f"docker-archive:{path}", f"docker-archive:{path}:{built}"):
        seen = notebook.run(f"%layers {name}")
        assert not seen.error, seen.told
        assert "RUN rm /big && echo hello > /greeting" in seen.text
        assert ("an archive" if name == str(path) else "cache") in seen.text
    seen = notebook.run(f"%layers docker-archive:{path}:other")
    assert seen.error == "BadArchive"
    assert built in seen.told
    assert notebook.run(f"%layers oci:{path}").error == "UsageError"
