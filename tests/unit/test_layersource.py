"""Where layers come from, as it is typed."""

from __future__ import annotations

import pytest

from container_magics.core.layersource import FileSource, RegistrySource, parse
from container_magics.core.names import ImageRef
from container_magics.errors import UsageError


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("./x.tar", FileSource("", "./x.tar")),
        ("../x:y.tar", FileSource("", "../x:y.tar")),
        ("/tmp/x", FileSource("", "/tmp/x")),
        ("~/x.tar.gz", FileSource("", "~/x.tar.gz")),
        (".", FileSource("", ".")),
        ("docker-archive:x.tar", FileSource("docker-archive", "x.tar")),
        ("docker-archive:a/x:one:3", FileSource("docker-archive", "a/x", "one:3")),
        ("docker-archive:x.tar:@1", FileSource("docker-archive", "x.tar", "@1")),
        ("oci:folder", FileSource("oci", "folder")),
        ("oci:/a/folder:latest", FileSource("oci", "/a/folder", "latest")),
        ("oci-archive:~/x:", FileSource("oci-archive", "~/x")),
        ("docker://127.0.0.1:5000/x:1", RegistrySource(ImageRef("x", "127.0.0.1:5000", "1"))),
        ("python:3.12", None),
        ("127.0.0.1:5000/x:1", None),
        ("x.tar", None),
        ("sha256:aaaa", None),
        ("oci", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_a_word_names(text: str, source: object) -> None:
    assert parse(text) == source


@pytest.mark.parametrize("text", ["oci:", "docker-archive::x", "docker://", "docker://A B"])
def test_a_word_that_names_nothing(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)
