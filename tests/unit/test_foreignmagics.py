"""IPython's own magics in a container kernel: which may run, and what is said of the others."""

from __future__ import annotations

import pytest

from container_magics.core.foreignmagics import HARMLESS, refusal


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_harms_nothing_is_let_through(name: str) -> None:
    assert refusal("%", name, "", "bash") is None


@pytest.mark.parametrize(
    ("mark", "name", "language", "hint"),
    [
        ("%%", "bash", "", "Leave that line out: a cell runs in the container's shell."),
        ("%%", "writefile", "sh", "In the container: cat > FILE <<'END'"),
        ("%", "cd", "bash", "Leave the % out"),
        ("%", "pip", "", "Leave the % out"),
        ("%", "timeit", "bash", "time COMMAND"),
        ("%", "env", "bash", "export NAME=VALUE"),
        ("%", "pip", "python", "%image IMAGE"),
        ("%", "cd", "python", "os.chdir(FOLDER)"),
        ("%%", "sh", "python", "subprocess.run(...)"),
        ("%", "cd", "node", "the language of the cells"),
        ("%%", "timeit", "psql", "Python (containers)"),
        ("%", "store", "bash", "Python (containers)"),
        ("%", "store", "python", "Python (containers)"),
    ],
)
def test_the_others_are_one_sentence_with_what_to_write(
    mark: str, name: str, language: str, hint: str
) -> None:
    refused = refusal(mark, name, "", language)
    assert refused is not None
    assert str(refused) == (
        f"{mark}{name} would act on the notebook's machine, and the cells are in a container."
    )
    assert hint in refused.hint


@pytest.mark.parametrize("words", [" -f log.txt", " -g -f log", " -nf log 1-3"])
def test_history_that_writes_a_file_is_refused(words: str) -> None:
    for name in ("history", "hist"):
        refused = refusal("%", name, words, "bash")
        assert refused is not None
        assert "leave -f out" in refused.hint


@pytest.mark.parametrize("words", ["", " 1-3", " -n -l 5", " -g file"])
def test_history_that_only_shows_is_let_through(words: str) -> None:
    assert refusal("%", "history", words, "bash") is None
