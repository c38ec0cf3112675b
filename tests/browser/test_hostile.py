"""Containers whose labels, logs, files and image are hostile text: no page runs any of it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from hostile import Hook, payloads
from labpage import LabPage
from playwright.sync_api import Browser, Locator, Page, expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine

OpenLab = Callable[..., LabPage]
KERNEL = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
NEEDED_PAYLOADS = 60
LAST = "the last line of all"
FILE = "/payloads"
REMOVAL_S = 30


@pytest.fixture
def hostile(engine: Engine, base: str) -> Iterator[str]:
    """A container that is named ``hostile-…``, and an image of that name made from it; labels,
    log, command, environment, files and the image's comment are payloads."""
    name, texts = f"hostile-{uuid.uuid4().hex[:8]}", payloads()
    labels = {f"{at} {text}": text for at, text in enumerate(texts)}
    made = engine.api.create_container(
        BASE,
        ["sh", "-c", f"cat {FILE}; sleep 600", texts[0]],
        name=name,
        labels=labels,
        environment={f"E{at}": text for at, text in enumerate(texts)},
        hostname="hostile",
    )
    engine.api.put_archive(made["Id"], "/", archive(texts))
    engine.api.start(made["Id"])
    engine.api.commit(name, repository=name, message=texts[1], author=texts[2])
    yield name
    remove(engine.api, name)


def remove(api: docker.APIClient, name: str) -> None:
    """Take the container and the image away. Of the image another may wait for a next cell, or be
    just made: by force the image would lose its name alone, and stay."""
    with suppress(docker.errors.NotFound):
        api.remove_container(name, force=True)
    limit_s = time.monotonic() + REMOVAL_S
    while True:
        for each in api.containers(all=True, filters={"ancestor": name}):
            with suppress(docker.errors.APIError):  # it is gone, or being removed
                api.remove_container(each["Id"], force=True)
        try:
            api.remove_image(name)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:  # a container has it
            assert time.monotonic() < limit_s
            time.sleep(0.1)
        else:
            return


def archive(texts: list[str]) -> bytes:
    """A file with all payloads, and a file named by each (but for what no name can hold)."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        whole = "\n".join([*texts, LAST, ""]).encode()
        for name, data in [(FILE, whole), *((text[:80], b"x") for text in texts)]:
            entry = tarfile.TarInfo("srv/" + name.replace("/", "∕") if name != FILE else FILE[1:])
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def test_the_payloads_run_where_they_are_taken_for_html(browser: Browser) -> None:
    """The control: without it, a hook that counts nothing would prove nothing."""
    texts = payloads()
    assert len(set(texts)) >= NEEDED_PAYLOADS
    struck = 0
    for text in texts:
        # a context for each: some payloads leave the page
        with browser.new_context() as context:
            hook, page = Hook(context), context.new_page()
            page.set_content(f"<!doctype html><body>{text}</body>", wait_until="commit")
            page.wait_for_timeout(50)
            struck += bool(hook.counted)
    assert struck >= NEEDED_PAYLOADS // 2


def test_no_page_runs_any_of_it(
    hostile: str, open_lab: OpenLab, course: Path, pictures: Path
) -> None:
    """``hostile`` comes first, and so goes last: no kernel is left then that makes containers."""
    notebook = open_lab(written(course, hostile))
    page, hook = notebook.page, Hook(notebook.page.context)
    notebook.run_all()
    touch(notebook.drawn.locator(".jp-OutputArea"))
    notebook.menu("File", "Save Notebook")
    until(lambda: len(outputs(notebook.path)) == len(notebook.cells))
    sidebar_log_and_terminal(page, hostile)
    pictures.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=pictures / "hostile.png")
    assert not hook.counted
    hook.counts_on(page)

    page.reload()  # as it was saved: nobody trusts this notebook now
    expect(notebook.drawn).to_have_count(len(notebook.cells), timeout=180_000)
    touch(notebook.drawn.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)

    classic(notebook, hook)
    static_page(notebook, hook)


def written(course: Path, name: str) -> str:
    """The name of a notebook that shows all that is hostile, in each way that we have."""
    sources = (
        "%containers -a",
        "%images",
        f"%container logs {name}",
        f"%container inspect {name}",
        f"%container top {name}",
        f"%container changes {name}",
        f"%layers {name}",
        f"%layers {name} --tree 2",
        f"%layers {name} --find '*strike*'",
        f"%image history {name}",
        f"%image inspect {name}",
        f"%%container {name}\ncat {FILE}; cat {FILE} >&2",
        f"%container cp {name}:/srv srv",
        f"%%container --in {name}\nls /srv",
    )
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in cells:
        cell.metadata["tags"] = ["raises-exception"]
    path = course / "hostile.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), path)
    return path.name


def sidebar_log_and_terminal(page: Page, name: str) -> None:
    """Use each part of the sidebar for this container."""
    page.locator('.lm-TabBar-tab[data-id="container-magics-panel"]').click()
    side = page.locator("#container-magics-panel")
    for title in ("Images", "Networks", "Volumes"):
        side.get_by_text(title, exact=True).click()
    row = side.locator("[data-container]").filter(has=page.get_by_role("group", name=name))
    row.hover()
    expect(row).to_have_attribute("title", re.compile(re.escape(payloads()[0])))
    row.get_by_role("button", name=f"Log of {name}").click()
    log = page.locator(".container-magics-log")
    expect(log).to_contain_text(LAST)
    for text in payloads()[:20]:
        expect(log).to_contain_text(text)
    row.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    side.get_by_role("button", name=f"Layers of {name}").click()
    layers = page.locator(".container-magics-layers")
    expect(layers).to_contain_text(f"Layers of {name}")
    for _ in range(4):  # what is in a folder is drawn when it opens
        touch(layers)
    expect(layers).to_contain_text(payloads()[0])  # the container's command
    row.get_by_role("button", name=f"Terminal in {name}").click()
    screen = page.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_be_visible()
    screen.click()
    page.keyboard.type(f"cat {FILE}; ls /srv; touch /tmp/done\n")
    page.wait_for_timeout(2000)  # it draws on a canvas: nothing says when
    strange = (
        side.or_(page.locator(".container-magics-log"))
        .or_(layers)
        .locator("img, script, iframe, a")
    )
    assert strange.count() == 0


def classic(notebook: LabPage, hook: Hook) -> None:
    """The same in Notebook 7."""
    page, server = notebook.page, notebook.server
    page.goto(f"{server.url}notebooks/{notebook.path.name}?token={server.token}")
    expect(notebook.drawn).to_have_count(len(notebook.cells), timeout=180_000)
    expect(page.locator(".container-magics").first).to_be_visible()  # our renderer is here, too
    touch(notebook.drawn.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)


def static_page(notebook: LabPage, hook: Hook) -> None:
    """The same in the page that nbconvert writes."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook.path)]
    subprocess.run(command, check=True, capture_output=True)
    page = notebook.page
    page.goto(notebook.path.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
    touch(page.locator(".jp-OutputArea"))
    assert not hook.counted
    hook.counts_on(page)


def touch(areas: Locator) -> None:
    """What a reader does: open all that opens, and move over it."""
    areas.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    for area in areas.all():
        area.hover(force=True)
    areas.page.wait_for_timeout(500)  # for what would come late: a script that is loaded


def outputs(path: Path) -> list[object]:
    """Of the saved notebook: of each cell that has any."""
    with suppress(ValueError):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [cell["outputs"] for cell in cells if cell["outputs"]]
    return []


def until(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit_s
        time.sleep(0.1)
