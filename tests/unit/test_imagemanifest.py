"""Archives of several images, of several platforms, with parts that are not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from container_magics.core.imagemanifest import ImageParts, chosen
from container_magics.errors import BadArchive


class Parts:
    """Documents as values; None stands for a blob that is no document."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = parts

    def has(self, name: str) -> bool:
        return name in self.parts

    def document(self, name: str) -> Any:
        return self.parts[name]


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def blob(letter: str) -> str:
    return "blobs/sha256/" + letter * 64


def described(letter: str, name: str = "", **more: Any) -> dict[str, Any]:
    names = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
    return {"digest": digest(letter), **names, **more}


def manifest(config: str, *layers: str) -> dict[str, Any]:
    return {"config": described(config), "layers": [described(each) for each in layers]}


def index(*items: dict[str, Any]) -> dict[str, Any]:
    return {"manifests": list(items)}


def platform(architecture: str, variant: str = "") -> dict[str, Any]:
    return {"platform": {"os": "linux", "architecture": architecture, "variant": variant}}


TWO = Parts(
    {
        "manifest.json": [
            {"Config": "a.json", "RepoTags": ["one:1", "local/one:latest"], "Layers": ["x.tar"]},
            {"Config": "b.json", "RepoTags": ["two:latest"], "Layers": []},
        ],
        "a.json": {},
        "b.json": {},
        "x.tar": None,
    }
)
ATTESTATION = {
    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
    "platform": {"os": "unknown", "architecture": "unknown"},
}
CONTAINERD = {
    "manifest.json": [{"Config": blob("9"), "RepoTags": None, "Layers": [blob("8")]}],
    "index.json": index(
        {
            "digest": digest("a"),
            "annotations": {
                "io.containerd.image.name": "docker.io/library/many:latest",
                "org.opencontainers.image.ref.name": "latest",
            },
        }
    ),
    blob("a"): index(
        described("b", **platform("amd64")), described("c", **platform("arm64", "v8")),
        described("d", **ATTESTATION),
    ),
    blob("b"): manifest("1", "2"),
    blob("d"): manifest("5", "6"),
    blob("1"): {}, blob("2"): None, blob("5"): {}, blob("6"): None,
}  # fmt: skip
MANY = {
    **CONTAINERD, blob("c"): manifest("3", "2"), blob("3"): {},
}  # fmt: skip


def test_several_images_are_listed() -> None:
    with pytest.raises(BadArchive, match="2 images; one is wanted") as told:
        chosen(TWO)
    assert [fact.partition(" (")[0] for fact in told.value.facts] == [
        "one:1 = local/one:latest",
        "two:latest",
    ]
    assert "docker-archive:PATH:NAME" in told.value.hint


@pytest.mark.parametrize(
    ("choice", "config"),
    [("one:1", "a.json"), ("one", "a.json"), ("two", "b.json"), ("two:latest", "b.json"),
     ("@0", "a.json"), ("@1", "b.json"), ("local/one", "a.json")],
)  # fmt: skip
def test_one_of_them_is_chosen_by_name(choice: str, config: str) -> None:
    assert chosen(TWO, choice).config == config


@pytest.mark.parametrize("choice", ["three", "one:2", "wo", "@2", "@-1", "sha256:", "\n<b>"])
def test_a_choice_that_names_none(choice: str) -> None:
    with pytest.raises(BadArchive, match="no image, or several") as told:
        chosen(TWO, choice)
    assert len(told.value.facts) == 2
    assert "\n" not in str(told.value)


def test_what_containerd_did_not_export_is_not_asked_for() -> None:
    """A manifest.json of another image, a platform that is not here, an attestation."""
    found = chosen(Parts(CONTAINERD))
    assert found == ImageParts(
        blob("1"), (blob("2"),), ("docker.io/library/many:latest",), "linux/amd64", digest("b")
    )
    assert found.image_id == digest("1")


def test_two_platforms_are_told_apart() -> None:
    with pytest.raises(BadArchive, match="2 images") as told:
        chosen(Parts(MANY))
    assert "linux/amd64" in told.value.facts[0]
    assert chosen(Parts(MANY), "linux/arm64/v8").config == blob("3")
    assert chosen(Parts(MANY), "sha256:3333333").config == blob("3")
    assert chosen(Parts(MANY), digest("b")).config == blob("1")


def test_one_image_of_two_names_is_one() -> None:
    parts = {**CONTAINERD, "index.json": index(described("b", "x:1"), described("b", "x:2"))}
    assert chosen(Parts(parts)).refs == ("x:1", "x:2")


@pytest.mark.parametrize("lacking", ["1", "2"])
def test_a_part_that_is_not_there_is_named(lacking: str) -> None:
    parts = {**CONTAINERD, "index.json": index(described("b"))}
    del parts[blob(lacking)], parts["manifest.json"]
    with pytest.raises(BadArchive, match="lacks") as told:
        chosen(Parts(parts))
    assert told.value.facts == (f"not there: {blob(lacking)}",)


@pytest.mark.parametrize(
    "bad",
    ["sha256:../../../etc/passwd", "../x", "sha256:a/b", "", 5, None, "sha256:\n", {"a": 1}],
)
def test_a_digest_never_leads_elsewhere(bad: object) -> None:
    class Watched(Parts):
        def has(self, name: str) -> bool:
            assert ".." not in name
            assert name.count("/") in (0, 2)
            return name in self.parts

    parts = {"index.json": index({"digest": bad}), **CONTAINERD}
    parts["index.json"] = index({"digest": bad}, described("b"))
    parts[blob("b")] = {"config": {"digest": bad}, "layers": [{"digest": bad}]}
    del parts["manifest.json"]
    with pytest.raises(BadArchive):
        chosen(Watched(parts))


def test_an_index_that_names_itself_and_one_that_is_endless() -> None:
    ring = {"index.json": index(described("a")), blob("a"): index(*[described("a")] * 50)}
    with pytest.raises(BadArchive, match="over 10,000 manifests"):
        chosen(Parts(ring))
    single = {"index.json": index(described("a")), blob("a"): index(described("a"))}
    with pytest.raises(BadArchive, match="names no image"):
        chosen(Parts(single))


def test_the_title_has_no_controls() -> None:
    hostile = ImageParts("c.json", (), ("a\x1b[31m\nb",))
    assert "\x1b" not in hostile.title
    assert "\n" not in hostile.title
    assert json.dumps(hostile.title)
