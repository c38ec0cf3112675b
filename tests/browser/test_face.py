"""JupyterLab's own page with our sidebar, terminals and cell languages, on a real engine."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
import nbformat
import pytest
from labpage import LabPage
from playwright.sync_api import Locator, Page, expect

from container_magics.engine.base import BASE
from container_magics.engine.client import Engine
from container_magics.engine.ownership import owner

OpenLab = Callable[..., LabPage]
DOCKERFILE = '%%image face:1\nFROM debian:bookworm-slim\n# a comment\nRUN echo "hello" > /etc/motd'


@pytest.fixture
def box(engine: Engine, base: str) -> Iterator[str]:
    """The name of a container that a test makes by ``start``; it is gone in the end."""
    name = f"face-{uuid.uuid4().hex[:8]}"
    yield name
    with suppress(docker.errors.NotFound):
        engine.api.remove_container(name, force=True, v=True)


def start(engine: Engine, name: str, script: str = "sleep 600", **labels: str) -> None:
    """A container that no notebook made."""
    engine.api.create_container(BASE, ["sh", "-c", script], name=name, labels=labels)
    engine.api.start(name)


@pytest.fixture
def lab(open_lab: OpenLab, course: Path) -> Callable[..., LabPage]:
    """A function that opens a notebook of these cells, and no kernel."""

    def opened(*sources: str, **words: str) -> LabPage:
        cells = [nbformat.v4.new_code_cell(source) for source in sources or ("1 + 1",)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), course / "face.ipynb")
        notebook = open_lab("face.ipynb", **words)
        notebook.choose_no_kernel()
        return notebook

    return opened


def panel(page: Page) -> Locator:
    """The sidebar, opened."""
    page.locator('.lm-TabBar-tab[data-id="container-magics-panel"]').click()
    shown = page.locator("#container-magics-panel")
    expect(shown).to_be_visible()
    return shown


def test_the_sidebar_is_live(lab: OpenLab, engine: Engine, box: str) -> None:
    notebook = lab()
    side = panel(notebook.page)
    row = side.get_by_role("listitem").filter(has_text=box)
    expect(notebook.page.locator(".container-magics-status")).to_contain_text(
        f"{engine.facts().name} {engine.facts().version}"
    )
    start(engine, box)
    expect(row).to_contain_text("running", timeout=2000)
    engine.api.kill(box)
    expect(row).to_contain_text("exited", timeout=2000)
    engine.api.rename(box, f"{box}-renamed")
    try:
        expect(row).to_contain_text("renamed", timeout=2000)
    finally:
        engine.api.rename(f"{box}-renamed", box)
    engine.api.remove_container(box)
    expect(row).to_have_count(0, timeout=2000)


def test_the_other_lists_are_live(lab: OpenLab, engine: Engine, base: str) -> None:
    """A network, a volume and an image's tag that are made and removed elsewhere."""
    name = f"face-{uuid.uuid4().hex[:8]}"
    side = panel(lab().page)
    for title in ("Images", "Networks", "Volumes"):
        side.get_by_text(title, exact=True).click()
    rows = {title: side.get_by_role("list", name=title) for title in ("Networks", "Volumes")}
    images = side.get_by_role("list", name="Images")
    expect(images).to_contain_text(base)
    counted = side.locator("summary").filter(has_text="Networks").locator(".count")
    before = int(counted.inner_text())
    # nobody has asked yet, and the engine takes seconds to count: so no figure is shown
    disk = side.locator("details").filter(has_text="Disk use")
    expect(disk.locator(".count")).to_be_empty()
    expect(disk.locator("ul")).to_have_text("not measured yet")
    try:
        engine.api.create_network(name)
        expect(rows["Networks"]).to_contain_text(name, timeout=2000)
        expect(counted).to_have_text(str(before + 1))
        engine.api.create_volume(name)
        expect(rows["Volumes"]).to_contain_text(name, timeout=2000)
        engine.api.tag(base, name, "1")
        expect(images).to_contain_text(f"{name}:1", timeout=2000)
        engine.api.remove_network(name)
        engine.api.remove_volume(name)
        engine.api.remove_image(f"{name}:1")
        for each in (*rows.values(), images):
            expect(each).not_to_contain_text(name, timeout=2000)
        expect(counted).to_have_text(str(before))
    finally:
        with suppress(docker.errors.NotFound):
            engine.api.remove_network(name)
        with suppress(docker.errors.NotFound):
            engine.api.remove_volume(name)
        with suppress(docker.errors.NotFound):
            engine.api.remove_image(f"{name}:1")


def test_no_engine_is_said_until_one_answers(lab: OpenLab, engine: Engine, tmp_path: Path) -> None:
    place = tmp_path / "engine.sock"
    page = lab(DOCKER_HOST=f"unix://{place}").page
    status = page.locator(".container-magics-status")
    expect(status).to_have_text("⚠ No engine")
    side = panel(page)
    expect(side.get_by_role("status")).to_contain_text(str(place))
    expect(side.get_by_role("listitem").filter(has_text="running")).to_have_count(0)
    place.symlink_to(engine.endpoint.url.removeprefix("unix://"))
    expect(status).to_contain_text(engine.facts().version)
    expect(side.get_by_role("status")).to_be_empty()


def test_buttons_act_and_removing_asks(lab: OpenLab, engine: Engine, box: str) -> None:
    start(engine, box)
    page = lab().page
    side = panel(page)
    row = side.get_by_role("listitem").filter(has_text=box)
    row.get_by_role("button", name=f"Stop {box}").click()
    expect(row).to_contain_text("exited")
    expect(row.get_by_role("button", name=f"Terminal in {box}")).to_be_disabled()
    row.get_by_role("button", name=f"Start {box}").click()
    expect(row).to_contain_text("running")

    remove = row.get_by_role("button", name=f"Remove {box}")
    remove.click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text(f"Remove the container {box}?")
    expect(question).to_contain_text("No notebook of yours made it.")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    assert engine.api.inspect_container(box)["State"]["Running"]
    remove.click()
    question.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    with pytest.raises(docker.errors.NotFound):
        engine.api.inspect_container(box)


def test_a_log_grows_in_its_tab(lab: OpenLab, engine: Engine, box: str) -> None:
    start(engine, box, "echo he'll'o; while sleep 0.1; do cat /tmp/said 2>/dev/null && break; done")
    page = lab().page
    row = panel(page).get_by_role("listitem").filter(has_text=box)
    row.get_by_role("button", name=f"Log of {box}").click()
    log = page.locator(".container-magics-log")
    expect(log).to_have_text("hello\n")
    inside(engine, box, "seq 2000 > /tmp/new; mv /tmp/new /tmp/said")
    note = page.locator(".container-magics-log-note")
    expect(note).to_have_text("It has ended.")
    expect(log).to_contain_text("2000\n")
    expect(log).not_to_contain_text("hello")  # it keeps its last 1000 lines
    near = "one => one.scrollHeight - one.scrollTop - one.clientHeight < 20"
    assert log.evaluate(near)  # and was followed to its end


def test_an_images_layers_open_in_a_tab(lab: OpenLab, base: str, pictures: Path) -> None:
    page = lab().page
    side = panel(page)
    heading = side.locator("summary").filter(has_text="Images")
    heading.press("Enter")  # by the keyboard alone
    heading.press("ArrowDown")
    layers_of = page.get_by_role("button", name="Layers of")
    # a container's row may name the image, too
    row = side.get_by_role("listitem").filter(has=layers_of).filter(has_text=base).first
    expect(layers_of.first).to_be_focused()
    row.get_by_role("button", name="Layers of").press("Enter")
    shown = page.locator(".container-magics-layers")
    expect(shown).to_contain_text("Layers of ")
    expect(shown).to_contain_text("Layer, newest first")
    shown.locator("td summary").first.click()
    expect(shown.locator("td li").first).to_be_visible()
    pictures.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    page.screenshot(path=pictures / "layers-tab.png")


def test_an_image_cell_runs_and_is_saved_as_a_file(
    open_lab: OpenLab, engine: Engine, base: str, course: Path, pictures: Path
) -> None:
    tag = f"face:{uuid.uuid4().hex[:8]}"
    body = f"FROM {base}\n# a comment\nRUN echo built > /built"
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    cells = [nbformat.v4.new_code_cell(text) for text in (f"%%image {tag}\n{body}", "1 + 1")]
    (course / "deep").mkdir()
    path = course / "deep" / "face.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    notebook = open_lab("deep/face.ipynb")
    notebook.wait_for_kernel()
    page = notebook.page
    expect(page.get_by_role("toolbar", name="Image")).to_have_count(1)
    bar = notebook.drawn.nth(0).get_by_role("toolbar", name="Image")

    notebook.drawn.nth(1).locator(".cm-content").click()  # another cell is the active one
    bar.get_by_role("button", name="Run").click()
    try:
        expect(notebook.drawn.nth(0).locator(".jp-OutputArea")).to_contain_text(tag)
        wait_for(lambda: has_image(engine, tag))
        notebook.save_picture(pictures / "image-cell.png", top=notebook.drawn.nth(0))
    finally:
        with suppress(docker.errors.NotFound):
            engine.api.remove_image(tag, force=True)

    file = course / "deep" / "Dockerfile"
    save = bar.get_by_role("button", name="Save as File…")
    save.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Save").click()
    wait_for(lambda: file.exists() and file.read_text())  # it is made, and then filled
    assert file.read_text() == body + "\n"

    file.write_text("mine\n")
    save.click()
    dialog.get_by_role("textbox").press("Enter")
    expect(dialog).to_contain_text("Overwrite Dockerfile?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert file.read_text() == "mine\n"
    save.click()
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Overwrite").click()
    wait_for(lambda: file.read_text() == body + "\n")

    save.click()
    dialog.get_by_role("textbox").fill("../outside")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_contain_text("This is no name of a file: ../outside")
    dialog.get_by_role("button").last.click()
    assert not (course / "outside").exists()


def has_image(engine: Engine, tag: str) -> bool:
    return bool(engine.api.images(tag))


def test_settings_are_heeded(lab: OpenLab, engine: Engine, box: str, tmp_path: Path) -> None:
    """JupyterLab's own form writes the same file."""
    engine.api.create_container(BASE, ["true"], name=box, labels=owner().labels("cell"))
    settings = tmp_path / "jupyter/config/lab/user-settings/container-magics"
    settings.mkdir(parents=True)
    values = {"askBeforeRemoving": False, "othersToo": False, "imageCellButtons": False}
    (settings / "sidebar.jupyterlab-settings").write_text(json.dumps(values))
    page = lab(DOCKERFILE).page
    side = panel(page)
    row = side.get_by_role("listitem").filter(has_text=box)
    row.get_by_role("button", name=f"Remove {box}").click()
    expect(row).to_have_count(0)  # no question: a notebook of ours made it
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(side.get_by_text("Containers of my other notebooks")).to_be_visible()
    expect(side.get_by_text("Other containers")).to_be_hidden()
    expect(page.get_by_role("toolbar", name="Image")).to_have_count(0)
    assert not engine.api.containers(all=True, filters={"name": box})


def test_a_terminal_types_and_leaves_nothing(
    lab: OpenLab, engine: Engine, box: str, pictures: Path
) -> None:
    start(engine, box)
    page = lab().page
    row = panel(page).get_by_role("listitem").filter(has_text=box)
    row.get_by_role("button", name=f"Terminal in {box}").click()
    screen = page.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_be_visible()
    screen.click()
    page.keyboard.type(
        "stty size > /tmp/size; printf 'gr\\303\\274n %s\\n' $((40 + 2)) | tee /tmp/typed\n"
    )
    wait_for(lambda: inside(engine, box, "cat /tmp/typed") == "grün 42\n")
    rows, columns = inside(engine, box, "cat /tmp/size").split()
    assert (rows, columns) != ("24", "80")  # it was told the tab's size
    page.set_viewport_size({"width": 900, "height": 500})
    page.wait_for_timeout(500)  # the widget tells its size when the window has come to rest
    page.keyboard.type("stty size > /tmp/smaller\n")
    wait_for(lambda: inside(engine, box, "cat /tmp/smaller") != "")
    fewer_rows, fewer_columns = inside(engine, box, "cat /tmp/smaller").split()
    assert int(fewer_rows) < int(rows)
    assert int(fewer_columns) < int(columns)
    page.set_viewport_size({"width": 1180, "height": 900})
    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").filter(has_text=f"Terminal in {box}")
    expect(tab).to_be_visible()
    pictures.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(1000)  # it draws on a canvas, after the text has come
    page.screenshot(path=pictures / "terminal.png")
    assert len(programs(engine, box)) > 2
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    wait_for(lambda: len(programs(engine, box)) <= 2)  # sh and its sleep


def test_a_terminal_under_its_cell(
    open_lab: OpenLab, course: Path, engine: Engine, box: str, pictures: Path
) -> None:
    """%shell opens it when its button is pressed, and not before; its shell ends with it."""
    start(engine, box)
    kernel = {"kernelspec": {"name": "container-magics", "display_name": "Python (containers)"}}
    cells = [nbformat.v4.new_code_cell(f"%shell {box}")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), course / "shell.ipynb")
    notebook = open_lab("shell.ipynb")
    notebook.run_all()
    output = notebook.output("%shell")
    screen = output.locator(".jp-Terminal .xterm-screen")
    expect(screen).to_have_count(0)
    assert len(programs(engine, box)) == 2  # sh and its sleep
    output.get_by_role("button", name=f"Open a terminal in {box}").click()
    expect(screen).to_be_visible()
    screen.click()
    notebook.page.keyboard.type("echo typed > /tmp/typed; stty size > /tmp/size\n")
    wait_for(lambda: inside(engine, box, "cat /tmp/size; cat /tmp/typed").endswith("typed\n"))
    notebook.page.wait_for_timeout(1000)  # it draws on a canvas, after the text has come
    notebook.save_picture(pictures / "shell.png", top=notebook.cell("%shell"))

    output.get_by_role("button", name=f"Close the terminal in {box}").click()
    expect(screen).to_have_count(0)
    wait_for(lambda: len(programs(engine, box)) == 2)

    output.get_by_role("button", name=f"Open a terminal in {box}").click()
    expect(screen).to_be_visible()
    wait_for(lambda: len(programs(engine, box)) > 2)
    notebook.menu("Edit", "Clear Outputs of All Cells")
    wait_for(lambda: len(programs(engine, box)) == 2)


def test_a_terminal_outlives_the_managers_poll(lab: OpenLab, engine: Engine, box: str) -> None:
    """JupyterLab's terminal manager asks every 10 s, and closes what the server does not list."""
    start(engine, box)
    page = lab().page
    row = panel(page).get_by_role("listitem").filter(has_text=box)
    row.get_by_role("button", name=f"Terminal in {box}").click()
    expect(page.locator(".jp-Terminal .xterm-screen")).to_be_visible()
    page.wait_for_timeout(12_000)
    page.locator(".jp-Terminal .xterm-screen").click()
    page.keyboard.type("echo still > /tmp/typed\n")
    wait_for(lambda: inside(engine, box, "cat /tmp/typed") == "still\n")


def inside(engine: Engine, name: str, script: str) -> str:
    made = engine.api.exec_create(name, ["sh", "-c", script], stderr=False)
    return str(engine.api.exec_start(made["Id"]).decode())


def programs(engine: Engine, name: str) -> list[list[str]]:
    found: list[list[str]] = engine.api.top(name, ps_args="-eo pid,args")["Processes"]
    return found


def wait_for(true: Callable[[], object], limit_s: float = 30.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_cells_have_their_languages(
    lab: OpenLab, engine: Engine, box: str, pictures: Path, theme: str
) -> None:
    start(engine, box)
    notebook = lab(
        DOCKERFILE,
        '%%container debian\nfor one in 1 2; do echo "$one"; done',
        "%%compose\nservices:\n  web:\n    image: nginx # the front",
        "%%container python:3.12 --as python\nimport os\nprint('it')",
        "for one in range(3):\n    print(one)",
        theme=f"JupyterLab {theme}",
    )
    page = notebook.page
    plain = colour(notebook.drawn.nth(4).locator(".cm-line").first)  # no kernel, no language
    keyword = token(notebook.drawn.nth(0), "FROM")
    assert keyword != plain
    for at, word in ((0, "RUN"), (1, "for"), (3, "import")):
        assert token(notebook.drawn.nth(at), word) == keyword, word
    comment = token(notebook.drawn.nth(0), "# a comment")
    assert comment not in (plain, keyword)
    assert token(notebook.drawn.nth(2), "# the front") == comment
    panel(page).get_by_text("Images", exact=True).click()
    picture = pictures / f"sidebar-{theme.lower()}.png"
    notebook.save_picture(picture, top=notebook.drawn.nth(0), own=box)

    editor = notebook.drawn.nth(4).locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("%%image face:2\nFROM scratch")
    assert token(notebook.drawn.nth(4), "FROM") == keyword


def token(cell: Locator, word: str) -> str:
    """The colour and weight of a piece of code."""
    piece = cell.locator(".cm-line span").filter(has_text=word).last
    expect(piece).to_be_visible()
    return colour(piece)


def colour(node: Locator) -> str:
    """As the browser has it."""
    return str(node.evaluate("one => getComputedStyle(one).color"))


def test_the_keyboard_goes_from_row_to_row(lab: OpenLab, engine: Engine, box: str) -> None:
    start(engine, box)
    page = lab().page
    row = panel(page).get_by_role("listitem").filter(has_text=box)
    stop = row.get_by_role("button", name=f"Stop {box}")
    stop.focus()
    page.keyboard.press("Enter")
    # the row was drawn anew, and still has the keyboard
    expect(row.get_by_role("button", name=f"Start {box}")).to_be_focused()
    page.keyboard.press("Tab")
    expect(row.get_by_role("button", name=f"Log of {box}")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row.locator(":focus")).to_have_count(0)


def test_commands_are_in_the_palette_and_the_launcher(lab: OpenLab) -> None:
    page = lab().page
    page.keyboard.press("Control+Shift+c")
    page.get_by_role("searchbox").or_(page.locator(".lm-CommandPalette-input")).last.fill(
        "container"
    )
    found = page.locator(".lm-CommandPalette-item")
    for label in ("Show the Containers", "Terminal in a Container", "Remove a Container"):
        expect(found.filter(has_text=label)).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+l")
    expect(page.locator(".jp-LauncherCard").filter(has_text="Show the Containers")).to_be_visible()


def test_a_command_asks_for_which_container(lab: OpenLab, engine: Engine, box: str) -> None:
    start(engine, box)
    page = lab().page
    expect(panel(page).get_by_role("listitem").filter(has_text=box)).to_contain_text("running")
    page.keyboard.press("Control+Shift+c")
    search = page.get_by_role("searchbox").or_(page.locator(".lm-CommandPalette-input")).last
    search.fill("Stop a Container")
    search.press("Enter")
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Which container?")
    question.locator("select").select_option(box)
    question.get_by_role("button").last.click()
    wait_for(lambda: not engine.api.inspect_container(box)["State"]["Running"])
