"""%%image run again, and %%image that fails, as a reader of the notebook sees them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from conftest import Notebook, wait_until

from container_magics.engine import images
from container_magics.engine.client import Engine
from container_magics.engine.ownership import DEBUG

BASE = "container-magics/base:bookworm"
APP = "%%image {tag} --context {folder}\nFROM {base}\nCOPY app.py /\nRUN cat /app.py\n"


def test_a_notebook_that_changes_a_file_says_so_the_same_in_every_run(
    new_notebook: Callable[..., Notebook], engine: Engine, tmp_path: Path
) -> None:
    """In stable mode, on an engine that knows both forms from the first run."""
    tag, shown = "cm-test/again:1", []
    build = APP.format(tag=tag, folder=tmp_path, base=BASE)
    cells = (
        f"from pathlib import Path; app = Path({str(tmp_path / 'app.py')!r})",
        "_ = app.write_text('one')",
        build,
        "_ = app.write_text('two')",
        build,
        build.replace("RUN cat /app.py", "RUN cat /app.py /app.py"),
        build.replace("%%image", "%%image --no-cache"),
    )
    try:
        for _ in range(2):
            notebook = new_notebook(CONTAINER_MAGICS_STABLE="1")
            seen = [notebook.run(cell) for cell in cells]
            assert not any(one.error for one in seen), [one.told for one in seen]
            shown.append([one.displays for one in seen])
            notebook.close()
    finally:
        engine.api.remove_image(tag, force=True)
    assert shown[0] == shown[1]
    first, second, third, fourth = (one.text for one in seen if one.displays)
    assert "since" not in first
    assert "since the last build: app.py changed" in second
    assert "since the last build: line 2 changed" in second
    assert "since the last build: changed, it was RUN cat /app.py" in third
    assert "since the last build: changed, it was RUN cat /app.py /app.py" in fourth
    assert "since the last build: --no-cache" in fourth
    assert "cached" not in second
    assert "◆" not in second


def test_another_kernel_knows_the_last_build(
    new_notebook: Callable[..., Notebook], engine: Engine, tmp_path: Path
) -> None:
    tag, made = "cm-test/kept:1", list[str]()
    build = APP.format(tag=tag, folder=tmp_path, base=BASE)
    try:
        for content in ("one", "two"):
            (tmp_path / "app.py").write_text(f"{content} {time.time()}")
            notebook = new_notebook(CONTAINER_MAGICS_STATE=str(tmp_path / "state"))
            seen = notebook.run(build)
            made.append(images.inspect(engine, tag)["Id"])
            notebook.close()
    finally:
        for image in made:  # the first has lost its name to the second, in another session
            engine.api.remove_image(image, force=True)
    assert "runs again: app.py changed" in seen.text
    assert len(list((tmp_path / "state" / "builds").iterdir())) == 1


def test_the_layers_are_shown_with_their_instructions(notebook: Notebook, engine: Engine) -> None:
    tag = "cm-test/tied:1"
    try:
        seen = notebook.run(f"%%image {tag}\nFROM {BASE}\nRUN echo 1234 > /x\nENV A=1")
        assert "5 B" in seen.text
        assert "RUN echo 1234 > /x" in seen.text.split("layers")[1]
        assert "ENV A=1" not in seen.text
    finally:
        engine.api.remove_image(tag, force=True)


def test_a_failed_build_can_be_gone_into(
    new_notebook: Callable[..., Notebook], engine: Engine, nothing_left: object
) -> None:
    notebook = new_notebook()
    none = notebook.run("%image debug")
    assert none.error == "UsageError"
    assert "failed in this session" in none.sentence
    seen = notebook.run(
        f"%%image cm-test/broken:1\nFROM {BASE}\nENV WHO=me\nWORKDIR /w\n"
        "RUN echo so far > file\nRUN cat file; exit 3"
    )
    assert seen.error == "BuildFailed"
    assert "`%image debug`" in seen.told
    went = notebook.run("%image debug")
    assert not went.error
    assert "cm-test-broken-debug runs as line 5 of the Dockerfile found it." in went.text
    inside = notebook.run("%%container --in cm-test-broken-debug\npwd; cat file; echo $WHO")
    assert inside.stdout == "/w\nso far\nme\n"
    again = notebook.run("%image debug cm-test/broken:1")
    assert again.text == went.text
    assert images.labelled(engine, DEBUG)
    notebook.close()
    assert wait_until(lambda: not images.labelled(engine, DEBUG))


def test_a_build_that_was_mended_is_not_gone_into(notebook: Notebook, engine: Engine) -> None:
    tag = "cm-test/mended:1"
    try:
        assert notebook.run(f"%%image {tag}\nFROM {BASE}\nRUN false").error == "BuildFailed"
        assert not notebook.run(f"%%image {tag}\nFROM {BASE}\nRUN true").error
        assert notebook.run(f"%image debug {tag}").error == "UsageError"
    finally:
        engine.api.remove_image(tag, force=True)


def test_verbs_still_ask_for_their_names(notebook: Notebook) -> None:
    for verb in ("history", "rm", "tag"):
        assert notebook.run(f"%image {verb}").error == "UsageError"
    assert notebook.run("%image debug one two").error == "UsageError"


def test_a_cell_that_is_run_again_leaves_no_image_without_a_name(
    new_notebook: Callable[..., Notebook], engine: Engine
) -> None:
    tag, other = f"cm-test-nameless-{time.time_ns()}", f"cm-test-named-{time.time_ns()}"
    notebook = new_notebook()

    def built(word: str) -> str:
        assert not notebook.run(f"%%image {tag}\nFROM {BASE}\nRUN echo {tag} {word}\n").error
        return str(images.inspect(engine, tag)["Id"])

    try:
        first, second = built("one"), built("two")
        assert first not in engine.api.images(quiet=True)
        notebook.run(f"%image tag {tag} {other}")
        third = built("three")
        assert images.inspect(engine, other)["Id"] == second, "it has another name, so it stays"
        assert third in engine.api.images(quiet=True)
    finally:
        for name in (tag, other):
            engine.api.remove_image(name, force=True)
