""".dockerignore, compared with docker's own command: the same files reach the image."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from buildbench import Bench
from conftest import STATE
from contexttree import Oracle, in_image, make_tree

from container_magics.core.buildspec import BuildSpec
from container_magics.errors import UsageError
from container_magics.session.build import build

IGNORES = {
    "a name, only at the top": "foo\n",
    "a name, everywhere": "**/foo\n",
    "a wildcard, only at the top": "*.go\n",
    "a wildcard, one folder down": "*/*.go\n",
    "a wildcard, everywhere": "**/*.go\n",
    "one character": "temp?\n",
    "a class": "z[1-8]\n",
    "a class that is turned round": "z[^1-8]\n",
    "a folder": "node_modules\n",
    "a folder, with slashes at both ends": "/node_modules/\n",
    "all in a folder": "a/*\n",
    "all in a folder, but not the folder": "a/**\n",
    "everything": "*\n",
    "everything, twice starred": "**\n",
    "everything but": "*\n!a/b\n!README.md\n",
    "everything but one deep file": "*\n!a/b/c/keep.txt\n",
    "everything but a wildcard": "**\n!**/*.md\n",
    "a folder but a file in it": "a\n!a/b/c/keep.txt\n",
    "all but, and of these not": "*.md\n!README*.md\nREADME-secret.md\n",
    "the other order": "*.md\nREADME-secret.md\n!README*.md\n",
    "taken back and left out again": "a\n!a/b\na/b/c\n",
    "in the middle": "src/**/foo\n",
    "in the middle, none": "a/**/a.go\n",
    "stars at both ends": "**/b/**\n",
    "stars before a part of a name": "**.tmp\n",
    "comments and blank lines": "# foo\n\n   \nfoo\n#bar\n",
    "a comment that is indented is none": "  #x\n bar\n",
    "spaces at the ends": "  foo  \n\tbar\t\n!  foo \n",
    "a space inside": "sp ace\n",
    "dots": "./foo\na/../bar\n../foo\na/./x.tmp\n",
    "the top itself": ".\n/\n",
    "the files of the build": "Dockerfile\n.dockerignore\n",
    "all that begins with a dot": ".*\n",
    "lines of Windows": "foo\r\nbar\r\n",
    "a byte order mark": "\ufefffoo\nbar\n",
    "letters beyond ASCII": "uml/ä\n",
    "what has a meaning, taken literally": "\\[a\\].txt\nstar\\*name\n",
    "a link": "link\n",
    "what a link leads to": "a/b\n",
    "a folder by the beginning of its name": "foob*\n",
    "an empty folder": "empty/\n",
    "maps but not scripts": "**/*.js\n!dist/**\n**/*.map\n",
    "nothing": "",
}
BAD = {"an open bracket": "[a\n", "nothing to take back": "foo\n!\n", "a backslash": "a\\\n"}


# The matcher of 20.10 knew no more of a folder above a file than the pattern has parts, and took
# "**.tmp" for "**/.tmp"; both were mended in Docker 23.
MENDED = ("everything but a wildcard", "stars before a part of a name")


@pytest.fixture(params=["20.10", "newer"])
def oracle(request: pytest.FixtureRequest) -> Oracle:
    """Each docker command that there is."""
    if request.param == "newer":
        return Oracle.newer(request.getfixturevalue("newer"), STATE)
    return Oracle.debian(request.getfixturevalue("engine"))


@pytest.mark.parametrize("name", IGNORES)
def test_what_is_ignored_is_what_docker_ignores(oracle: Oracle, tmp_path: Path, name: str):
    folder, dockerfile = tmp_path / "c", tmp_path / "df"
    make_tree(folder)
    (folder / ".dockerignore").write_text(IGNORES[name], newline="")
    dockerfile.write_text("FROM scratch\nCOPY . /c/\n")
    theirs = oracle.copied(dockerfile, folder)
    tag = f"cm-test-dockerignore-{uuid.uuid4().hex}:1"
    try:
        list(build(oracle.engine, BuildSpec(dockerfile.read_text(), tag, context_dir=str(folder))))
        ours = in_image(oracle.engine, tag)
    finally:
        oracle.engine.api.remove_image(tag, force=True)
    if name in MENDED and "buildx" not in oracle.program[0]:
        assert ours != theirs
    else:
        assert ours == theirs


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_pattern_that_is_none_is_refused_with_its_text(bench: Bench, tmp_path: Path, text: str):
    (tmp_path / ".dockerignore").write_text(text)
    with pytest.raises(UsageError, match="is no pattern") as caught:
        bench.run_lines("COPY . /c", context_dir=str(tmp_path))
    assert text.splitlines()[-1] in str(caught.value).replace("\\\\", "\\")


def test_a_dockerignore_of_the_cell_counts(bench: Bench, tmp_path: Path):
    make_tree(tmp_path)
    (tmp_path / ".dockerignore").write_text("nothing\n")
    result = bench.run_lines(
        "COPY . /c", "RUN ls /c; echo NONCE", context_dir=str(tmp_path),
        added=((".dockerignore", b"*\n!bar\n"), ("mine", b"")),
    )  # fmt: skip
    assert result.error is None
    # what the cell adds is never left out: it was asked for by name. Podman looks once more itself
    mine = "" if bench.podman else "mine\n"
    assert result.printed == f"bar\n{mine}{bench.nonce}\n"
