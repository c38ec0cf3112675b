"""Questions about layers: names, waste, two images, rules, packages, secrets, JSON."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from container_magics.core import layersecrets
from container_magics.core.layerdiff import diff
from container_magics.core.layerfind import Links, Sight, big, find
from container_magics.core.layerrows import (
    diff_rows,
    file_rows,
    hidden_rows,
    layer_rows,
    secret_rows,
    tree_rows,
    waste_rows,
)
from container_magics.core.layerrules import verdicts
from container_magics.core.layers import Entry, ImageLayers, Kind, Layer, Make, T, Wanted
from container_magics.core.layersecrets import in_file, masked, secrets
from container_magics.core.layersjson import document
from container_magics.core.layertree import LayerTree, merge
from container_magics.core.layerwaste import dive, wasted_paths
from container_magics.core.packages import package_changes, packages_of, unread
from container_magics.errors import BadArchive, UsageError
from container_magics.view.html import html
from container_magics.view.plain import plain
from container_magics.view.present import layeranswers as present


def e(
    path: str, kind: Kind = "file", size: int = 0, link: str = "", mode: int = 0o644,
    mtime: float = 0, crc: int | None = None,
) -> Entry:  # fmt: skip
    return Entry(path.encode(), size, mode, kind, link.encode(), 0, 0, mtime, crc)


def tree(*layers: Iterable[Entry], lines: tuple[str, ...] = ()) -> LayerTree:
    stacked = []
    for number, entries in enumerate(layers):
        held = tuple(entries)
        line = lines[number] if lines else f"RUN step {number}"
        size = sum(entry.size_bytes for entry in held)
        key = f"sha256:{hashlib.sha256(repr(held).encode()).hexdigest()}"
        stacked.append(Layer(key, "", line, None, size, held))
    return merge(ImageLayers("sha256:image", tuple(stacked)))


class Given:
    """Contents that are held in memory."""

    def __init__(self, held: dict[Wanted, bytes]) -> None:
        self.held = held

    def read(self, wanted: Collection[Wanted], max_bytes: int) -> Iterator[tuple[Wanted, bytes]]:
        for one in wanted:
            if one in self.held:
                yield one, self.held[one][:max_bytes]

    def read_as(
        self, wanted: Collection[Wanted], max_bytes: int, make: Make[T]
    ) -> Iterator[tuple[Wanted, T]]:
        for one, body in self.read(wanted, max_bytes):
            yield one, make(one[1], body)


def filled(*layers: dict[str, bytes], lines: tuple[str, ...] = ()) -> tuple[LayerTree, Given]:
    """Layers of files; None... a path with b"-" as its content is removed there."""
    held = {(n, p.encode()): b for n, layer in enumerate(layers) for p, b in layer.items()}
    entries = [
        [e(p, "whiteout") if b == b"-" else e(p, size=len(b)) for p, b in layer.items()]
        for layer in layers
    ]
    return tree(*entries, lines=lines), Given({k: b for k, b in held.items() if b != b"-"})


def test_a_glob_finds_every_version_seen_or_hidden() -> None:
    found = tree(
        [e("etc", "dir"), e("etc/a.pem", size=3), e("b.pem", size=1), e("etc/deep/c.pem")],
        [e("etc", "dir"), e("etc/a.pem", "whiteout")],
    )
    rows = [(r.path, r.layer, r.state, r.hidden_by) for r in file_rows(find(found, "*.pem"))]
    assert rows == [
        ("/b.pem", 1, "seen", None), ("/etc/a.pem", 1, "hidden", 2),
        ("/etc/a.pem", 2, "mark", None), ("/etc/deep/c.pem", 1, "seen", None),
    ]  # fmt: skip
    assert {f.entry.path for f in find(found, "/etc/*.pem")} == {b"etc/a.pem"}
    assert {f.entry.path for f in find(found, "etc/**/*.pem")} == {b"etc/a.pem", b"etc/deep/c.pem"}
    assert {f.entry.path for f in find(found, "[!a].pem")} == {b"b.pem", b"etc/deep/c.pem"}
    assert [f.state for f in find(found, "/etc")] == ["hidden", "seen"]


def test_a_folder_named_twice_and_removed_is_seen_nowhere() -> None:
    found = tree([e("a", "dir")], [e("a", "dir")], [e("a", "whiteout")])
    assert [f.state for f in find(found, "a")] == ["hidden", "hidden", "mark"]
    assert Sight(found).seen() == {}


def test_the_largest_files_are_of_all_layers() -> None:
    found = tree([e("a", size=5), e("b", size=9)], [e("b", "whiteout"), e("c", size=7)])
    assert [(r.path, r.state) for r in file_rows(big(found, 2))] == [
        ("/b", "hidden"),
        ("/c", "seen"),
    ]


NAMES = st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e"])
KINDS: list[Kind] = ["file", "dir", "symlink", "whiteout", "opaque", "hardlink"]
LAYERS = st.lists(
    st.lists(
        st.builds(lambda p, k, s: e(p, k, s if k == "file" else 0, "d" if k == "hardlink" else ""),
                  NAMES, st.sampled_from(KINDS), st.integers(0, 9)),
        unique_by=lambda one: one.path, max_size=5,
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(LAYERS)
def test_what_is_hidden_adds_up_and_what_is_seen_is_what_the_merge_shows(
    layers: list[list[Entry]],
) -> None:
    found = tree(*layers)
    lost = found.total_bytes - found.visible_bytes
    assert sum(row.hidden_bytes for row in hidden_rows(found.hidden)) == lost
    assert sum(row.wasted_bytes for row in waste_rows(wasted_paths(found))) == lost
    merged = {v.entry.path: (v.layer, v.entry) for v in found.after(len(layers))}
    assert Sight(found).seen() == merged


def test_waste_is_by_path_with_how_often_it_was_written() -> None:
    found = tree([e("a", size=5), e("b", size=4)], [e("a", size=5)], [e("a", size=6)])
    assert [(w.path, w.times_written, w.size_bytes) for w in wasted_paths(found)] == [(b"a", 3, 10)]


def test_two_images_are_compared_by_what_differs() -> None:
    one = tree([e("mode"), e("gone", size=1), e("size", size=1), e("type"), e("time"), e("same"),
                e("link", "symlink", link="a"), e("crc", size=2, crc=1),
                e("user")._replace(uid=7), e("group")])  # fmt: skip
    other = tree([e("mode", mode=0o600), e("new"), e("size", size=2), e("type", "dir"), e("same"),
                  e("time", mtime=9), e("link", "symlink", link="b"),
                  e("crc", size=2, crc=2), e("user"), e("group")._replace(gid=8)])  # fmt: skip
    found = {d.path.decode(): (d.fate, d.what) for d in diff(one, other)}
    assert found == {
        "mode": ("changed", ("mode",)), "gone": ("removed", ()), "new": ("added", ()),
        "size": ("changed", ("size",)), "type": ("changed", ("type",)),
        "time": ("changed", ("time",)), "link": ("changed", ("link",)),
        "crc": ("changed", ("content",)), "user": ("changed", ("owner",)),
        "group": ("changed", ("owner",)),
    }  # fmt: skip


def test_the_own_layers_of_two_containers_are_not_taken_for_one() -> None:
    """They have no ID, and both lie on the same image."""
    ground = Layer("sha256:1", "", "", None, 0, (e("both"),))
    one, other = (
        merge(ImageLayers("", (ground, Layer("", "", "", None, 0, (e(name),), writable=True))))
        for name in ("mine", "yours")
    )
    assert [(d.path, d.fate) for d in diff(one, other)] == [
        (b"mine", "removed"), (b"yours", "added"),
    ]  # fmt: skip


def test_contents_are_compared_when_asked() -> None:
    one, first = filled({"a": b"one", "b": b"same"})
    other, second = filled({"a": b"two", "b": b"same", "c": b"1"})
    assert [d.path for d in diff(one, other)] == [b"c"]
    assert {d.path: d.what for d in diff(one, other, (first, second))} == {
        b"a": ("content",), b"c": (),
    }  # fmt: skip


def test_what_could_not_be_compared_is_told() -> None:
    """A file that one or both cannot read, or that is longer than what is compared."""
    names = ("neither", "first", "second", "long", "longer")
    both = dict.fromkeys(names, b"same as there")
    one, first = filled(both)
    other, second = filled({**both, "new": b""})
    for held, missing in ((first.held, ("neither", "second")), (second.held, ("neither", "first"))):
        for name in missing:
            del held[0, name.encode()]
    second.held[0, b"longer"] = b"others there."
    found = diff(one, other, (first, second), max_bytes=8)
    assert {d.path.decode(): (d.fate, d.what) for d in found} == {
        **{name: ("unknown", ("content unknown",)) for name in names if name != "longer"},
        "longer": ("changed", ("content",)), "new": ("added", ()),
    }  # fmt: skip
    view = plain(present.diff(diff_rows(found), "a", "b", content=True))
    assert "1 added, 0 removed, 1 changed, 4 unknown" in view
    assert "The bytes of 4 files were not compared" in view
    told = diff(one, other, (first, first), max_bytes=99)
    assert {d.path for d in told if d.fate == "unknown"} == {b"neither", b"second"}
    assert [d.path for d in diff(one, other)] == [b"new"]


def test_a_file_that_cannot_be_read_and_has_another_mode_is_changed() -> None:
    one, other = tree([e("a", size=3)]), tree([e("a", size=3, mode=0o600)])
    (found,) = diff(one, other, (Given({}), Given({})))
    assert (found.fate, found.what) == ("changed", ("mode", "content unknown"))


def test_a_hard_link_leads_to_its_file_through_a_ring_and_layers() -> None:
    layers = tree(
        [e("f", size=3)],
        [e("h", "hardlink", link="f"), e("x", "hardlink", link="y"), e("y", "hardlink", link="x")],
    ).layers
    links = Links(layers)
    assert links.file(1, layers[1].entries[0]) == (0, layers[0].entries[0])
    assert links.file(1, layers[1].entries[1])[1].kind == "hardlink"


def test_dives_rules_hold_at_their_limits() -> None:
    found = tree([e("a", size=50)], [e("a", size=50)])
    assert dive(found).score == 0.5
    rules = "lowestEfficiency=0.5, highestWastedBytes=100B, highestUserWastedPercent=2.0"
    assert [v.holds for v in verdicts(found, rules)] == [True, True, True]
    rules = "lowestEfficiency=0.51, highestWastedBytes=99B, highestUserWastedPercent=1.99"
    assert [v.holds for v in verdicts(found, rules)] == [False, False, False]


@pytest.mark.parametrize("rule", ["lowestEfficiency>0.5", "efficiency=1", "none<1", ""])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(UsageError):
        verdicts(tree([]), rule)


# Pieces, so that no scanner takes this file for a leak.
GITHUB = "ghp" + "_" + "a1B2" * 9
AWS = "AKIA" + "QWERTYUIOPASDFGH"
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n"


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        ("root/.ssh/id_ed25519", KEY, "private key"),
        ("app/settings.py", f"TOKEN = '{GITHUB}'", "GitHub token"),
        ("root/.aws/credentials", f"aws_access_key_id = {AWS}", "AWS access key"),
        ("root/.netrc", "machine h login me password s3cretword", "password in .netrc"),
        ("root/.npmrc", "//r/:_authToken=abcdef123", "npm login"),
        ("root/.pypirc", "[pypi]\npassword = hunter22", "password in .pypirc"),
        ("root/.docker/config.json", '{"auths":{"r":{"auth":"bWU6c2VjcmV0"}}}', "registry login"),
        ("root/.git-credentials", "https://me:hunter22@host", "git login"),
        ("root/.kube/config", "users:\n- user:\n    token: abcdef", "cluster login"),
        ("app/.env", "A=1\nDB_PASSWORD=hunter22", "secret in .env"),
    ],
)
def test_a_secret_is_found(path: str, body: str, rule: str) -> None:
    assert [found[0] for found in in_file(path.encode(), body.encode())] == [rule]


PIECES = st.sampled_from(
    [b"/", b".", b"_", b"-", b"a", b"etc", b"netrc", b".npmrc", b".pypirc", b"pip", b"pip.conf",
     b".docker", b"config", b".json", b"kaniko", b".dockercfg", b"containers", b"auth",
     b".git-credentials", b".kube", b"kubeconfig", b"kubernetes", b".conf", b".aws",
     b"credentials", b".env", b"shadow", b"\n", b"\xff"]
)  # fmt: skip


@settings(max_examples=2000, deadline=None)
@given(st.lists(PIECES, max_size=7).map(b"".join))
@example(b"etc/kubernetes/admin.conf")
@example(b"x/containers/auth.json")
def test_the_quick_look_at_a_name_misses_no_file_made_for_secrets(path: bytes) -> None:
    said = [rule for rule, _ in layersecrets._rules(path)]
    assert said == [rule for pattern, rule, _ in layersecrets._FILES if pattern.fullmatch(path)]


def test_a_hundred_thousand_names_are_looked_through_in_a_moment() -> None:
    found = tree([e(f"usr/lib/python3/p{n // 9}/module{n}.py", size=9) for n in range(99_999)])
    took_s = []
    for _ in range(3):
        begin_s = time.process_time()
        assert secrets(found, Given({})) == ()
        took_s.append(time.process_time() - begin_s)
    assert min(took_s) < 0.2  # by ten patterns for each it was more


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("root/.ssh/id_ed25519.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me"),
        ("etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE\n"),
        ("key.pub", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0B\n"),
        ("doc.txt", "A file that begins with -----BEGIN PRIVATE KEY----- is one."),
        ("root/.npmrc", "//r/:_authToken=${NPM_TOKEN}"),
        ("app/.env.example", "DB_PASSWORD=changeme"),
        ("app/.env", "DB_PASSWORD=\nOTHER_TOKEN=$FROM_ELSEWHERE"),
    ],
)
def test_what_is_no_secret_is_not_found(path: str, body: str) -> None:
    assert list(in_file(path.encode(), body.encode())) == []


def test_secrets_tell_layers_and_never_values() -> None:
    found, contents = filled(
        {"app/key.pem": KEY.encode(), "usr/lib/test.py": KEY.encode()},
        {"app/key.pem": b"-", "ok": b"x"},
        {"a.txt": GITHUB.encode()},
        lines=("COPY key.pem /app/", "RUN rm key.pem", f"ENV API_TOKEN={GITHUB}"),
    )
    rows = secret_rows(secrets(found, contents))
    assert [(r.path, r.layer, r.hidden_by, r.secret) for r in rows] == [
        ("/app/key.pem", 1, 2, "private key"),
        ("", 3, None, "GitHub token"),
        ("/a.txt", 3, None, "GitHub token"),
    ]
    view = present.secrets(rows, "image")
    for text in (plain(view), html(view), json.dumps(document("i", found))):
        assert GITHUB not in text
        assert "b3BlbnNzaC1r" not in text
    assert masked("RUN curl https://me:hunter22@host") == "RUN curl https://me:****@host"
    assert masked("ENV DB_PASSWORD=hunter22 A=b") == "ENV DB_PASSWORD=**** A=b"
    assert masked("RUN echo ä TOKEN=$X") == "RUN echo ä TOKEN=$X"


def test_the_tree_of_one_layer_has_its_own_files_and_what_it_hid() -> None:
    found = tree(
        [e("etc", "dir"), e("etc/old", size=5), e("etc/kept", size=7), e("etc/new", size=1)],
        [e("etc", "dir"), e("etc/old", "whiteout"), e("etc/new", size=3)],
        [e("etc/later", size=9)],
    )
    whole, alone = (plain(present.tree_view(found, 2, alone=flag)) for flag in (False, True))
    assert "kept" in whole
    assert "later" not in whole
    assert "kept" not in alone
    assert "later" not in alone
    assert "old" in alone
    assert "hidden, still shipped" in alone
    assert "new" in alone
    assert "The files of layer 2" in alone
    assert "kept" in plain(present.tree_view(found, 1, alone=True))


def test_the_tree_marks_what_was_added_changed_and_hidden() -> None:
    found = tree(
        [e("etc", "dir"), e("etc/old", size=5), e("etc/kept", size=7), e("etc/new", size=1)],
        [e("etc", "dir"), e("etc/old", "whiteout"), e("etc/new", size=3), e("etc/more", size=2)],
    )
    after = plain(present.tree_view(found, 2))
    assert marks(after) == {"more": "+", "new": "~", "old": "-"}
    assert "etc/  12 B, 5 entries, and 5 B hidden" in after
    assert marks(plain(present.tree_view(found, 1))) == {"kept": "+", "new": "+", "old": "+"}


def test_the_rows_of_a_tree_are_what_it_draws() -> None:
    found = tree(
        [e("etc", "dir"), e("etc/old", size=5), e("etc/kept", size=7), e("etc/new", size=1)],
        [e("etc", "dir"), e("etc/old", "whiteout"), e("etc/new", size=3)],
        [e("etc/later", size=9)],
    )

    def told(step: int, *, alone: bool = False) -> list[tuple[str, int, str]]:
        return [(one.path, one.layer, one.state) for one in tree_rows(found, step, alone=alone)]

    kept, old, new = ("/etc/kept", 1, "seen"), ("/etc/old", 1, "hidden"), ("/etc/new", 2, "seen")
    assert told(2) == [("/etc", 2, "seen"), kept, new, old]
    assert told(2, alone=True) == [("/etc", 2, "seen"), new, old]
    assert told(0) == [("/etc", 2, "seen"), kept, ("/etc/later", 3, "seen"), new]
    assert next(one for one in tree_rows(found, 2) if one.state == "hidden").hidden_by == 2
    with pytest.raises(UsageError):
        len(tree_rows(found, 4))
    assert list(tree_rows(tree([]), 0)) == []


def test_the_rows_of_a_stack_add_up_to_the_image() -> None:
    lines = ("ADD a", "RUN curl https://me:hunter22@host")
    found = tree([e("a", size=5), e("b", size=7)], [e("a", size=2), e("b", "whiteout")],
                 lines=lines)  # fmt: skip
    first, second = layer_rows(found)
    assert (first.layer, first.added, first.size_bytes, first.hidden_bytes) == (1, 2, 12, 12)
    assert (second.changed, second.hid, second.hides_bytes, second.hidden_bytes) == (1, 1, 12, 0)
    assert second.instruction == "RUN curl https://me:****@host"
    assert sum(row.hidden_bytes for row in (first, second)) == found.hidden_bytes


def marks(text: str) -> dict[str, str]:
    """The mark before each name that has one."""
    return {name: mark for mark, name in re.findall(r"([-+~]) (\w+)", text)}


def dpkg(**packages: str) -> bytes:
    return "\n".join(
        f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
        "Description: x\n Package: no field\n"
        for name, version in packages.items()
    ).encode()


def test_packages_are_told_by_layer() -> None:
    status, info = "var/lib/dpkg/status", "usr/lib/python3/dist-packages/My_Pkg-1.0.dist-info"
    found, contents = filled(
        {status: dpkg(a="1", b="2"), "lib/apk/db/installed": b"C:x\nP:musl\nV:1.2\n\nP:z\nV:3\n"},
        {
            status: dpkg(a="1.1", c="3"),
            info + "/METADATA": b"Name: My_Pkg\nVersion: 1.0\n\nName: n",
        },
        {info: b"-", "var/lib/rpm/Packages": b"bdb"},
    )
    changes = [(c.layer, c.manager, c.name, c.act, c.before, c.version)
               for c in package_changes(found, contents)]  # fmt: skip
    assert changes == [
        (0, "apk", "musl", "added", "", "1.2"), (0, "apk", "z", "added", "", "3"),
        (0, "dpkg", "a", "added", "", "1"), (0, "dpkg", "b", "added", "", "2"),
        (1, "dpkg", "a", "changed", "1", "1.1"), (1, "dpkg", "b", "removed", "2", ""),
        (1, "dpkg", "c", "added", "", "3"), (1, "pip", "my-pkg", "added", "", "1.0"),
        (2, "pip", "my-pkg", "removed", "1.0", ""),
    ]  # fmt: skip
    assert unread(found) == (b"var/lib/rpm/Packages",)


def test_packages_of_rpm_are_told_by_layer_and_a_damaged_database_is_named() -> None:
    path = "usr/lib/sysimage/rpm/Packages.db"
    packed = Path(__file__).parent / "rpmdb" / "Packages.db.gz"
    whole = gzip.decompress(packed.read_bytes())
    found, contents = filled({path: whole}, {path: b"-"})
    assert [tuple(change) for change in package_changes(found, contents)] == [
        (0, "rpm", "tiny-lib", "added", "", "2:1.4-3, 2:1.5-3"),
        (0, "rpm", "tiny-tool", "added", "", "2:1.4-3"),
        (1, "rpm", "tiny-lib", "removed", "2:1.4-3, 2:1.5-3", ""),
        (1, "rpm", "tiny-tool", "removed", "2:1.4-3", ""),
    ]
    assert unread(found) == ()
    found, contents = filled({path: whole[:-2000]})
    with pytest.raises(BadArchive, match="rpm database") as refused:
        package_changes(found, contents)
    assert refused.value.facts == ("/usr/lib/sysimage/rpm/Packages.db of layer 1",)


def test_what_pip_installed_here_is_read_as_python_itself_reads_it() -> None:
    here = [one for one in distributions() if one.read_text("METADATA")]
    files = {
        f"usr/lib/python3/site-packages/x{number}.dist-info/METADATA": text.encode()
        for number, one in enumerate(here)
        if (text := one.read_text("METADATA"))
    }
    found, contents = filled(files)
    told = {(one.manager, one.name, one.version) for one in package_changes(found, contents)}
    named = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in here}
    assert len(named) > 20
    assert told == {("pip", name, version) for name, version in named.items()}


def test_a_package_that_is_only_configured_is_not_installed() -> None:
    body = b"Package: a\nStatus: deinstall ok config-files\nVersion: 1\n"
    assert packages_of("dpkg", body) == {}


def test_a_file_is_shown_with_its_controls_escaped_and_a_binary_as_hex() -> None:
    text = plain(present.file(b"a\x1b[31mred<b>\nlast", "/f", 1, 16, 2))
    assert "\x1b" not in text
    assert "\\x1b[31mred<b>" in text
    assert "hidden by layer 2 and still shipped" in text
    assert "<b>" not in html(present.file(b"<b>", "/f", 1, 3, None))
    assert "00 01 41" in plain(present.file(b"\0\1A", "/f", 1, 3, None))
    assert "the first 3 B of 4.1 kB" in plain(present.file(b"abc", "/f", 1, 4100, None))


def test_the_json_is_as_its_schema_says() -> None:
    schema = json.loads(Path("docs/layers-schema.json").read_text())
    found = tree([e("a", size=5)], [e("a", size=5)])
    made = document("i", found, verdicts(found, "efficiency>0.9"),
                    {"find": file_rows(find(found, "a"))})  # fmt: skip
    jsonschema.validate(made, schema)
    assert made["schema"] == 1
    assert made["assertions"][0]["holds"] is False
    assert made["answers"]["find"][0]["hidden_by"] == 2
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**made, "total_bytes": "5"}, schema)


def test_each_question_takes_a_moment() -> None:
    """The bench has the figures; this finds what is slower by far, on a busy machine too."""
    entries = [e(f"d{n // 100}/f{n}", size=n) for n in range(50_000)]
    found = tree(entries, [one._replace(size_bytes=1) for one in entries])
    questions = {
        "owner": lambda: found.owner(b"d1/f150"), "find": lambda: find(found, "f15*"),
        "big": lambda: big(found, 10), "wasted": lambda: wasted_paths(found),
        "diff": lambda: diff(found, found), "tree": lambda: present.tree_view(found, 0),
        "stack rows": lambda: layer_rows(found), "tree rows": lambda: len(tree_rows(found, 0)),
    }  # fmt: skip
    slow = {}
    for name, ask in questions.items():
        took_s = []
        for _ in range(3):
            begin_s = time.process_time()
            ask()
            took_s.append(time.process_time() - begin_s)
        slow[name] = min(took_s)
    print(slow)
    assert {name: s for name, s in slow.items() if s > 0.5} == {}
