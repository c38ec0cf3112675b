"""The text after %%image, and what is said of text that cannot be read."""

from __future__ import annotations

import pytest

from container_magics.core.buildflags import build_parser, parse_build
from container_magics.core.buildflagslacking import LACKING
from container_magics.core.buildspec import SecretRef
from container_magics.errors import UsageError


def test_every_flag_reaches_the_spec():
    request = parse_build(
        "demo:1 --context . --add app/./main.py=source --add x=y=z --build-arg A=b=c --target one "
        "--label k=v --label bare --no-cache --pull --network none --expand --debug -q"
    )
    spec = request.spec_for("FROM a\n", (("app/main.py", b"1"),), (("session", "s"),))
    assert (spec.tag, spec.context_dir, spec.target, spec.network) == ("demo:1", ".", "one", "none")
    assert request.added == (("app/main.py", "source"), ("x=y", "z"))
    assert spec.build_args == (("A", "b=c"),)
    assert spec.labels == (("k", "v"), ("bare", ""), ("session", "s"))
    assert (spec.no_cache, spec.pull, spec.dockerfile) == (True, True, "FROM a\n")
    assert (request.expand, request.debug, request.quiet) == (True, True, True)


def test_only_what_the_api_cannot_do_is_for_buildx():
    spec = parse_build(
        "demo --platform linux/amd64,linux/arm64/v8 --cache-from a:1 --cache-to type=inline"
    ).spec
    assert spec.platforms == ("linux/amd64", "linux/arm64/v8")
    assert (spec.cache_from, spec.cache_to) == (("a:1",), ("type=inline",))
    assert spec.buildx_flag == "--platform linux/amd64,linux/arm64/v8"
    assert parse_build("demo --platform linux/amd64 --cache-from a:1").spec.buildx_flag == ""
    flag = "--cache-from type=local,src=d"
    assert parse_build(f"demo {flag}").spec.buildx_flag == flag
    with pytest.raises(UsageError, match="OS/ARCHITECTURE"):
        parse_build("demo --platform linux/amd64,arm64")


def test_the_tag_may_be_written_as_docker_writes_it():
    assert parse_build("-t demo").spec.tag == parse_build("demo").spec.tag == "demo:latest"


def test_nothing_is_in_the_context_unless_it_is_asked_for():
    assert not parse_build("demo").spec.has_context
    assert parse_build("demo --context .").spec.has_context


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "needs one tag"),
        ("one -t two", "needs one tag"),
        ("Demo", "not the name of an image"),
        (f"demo@sha256:{'0' * 64}", "digest"),
        ("demo --add x", "PATH=VAR"),
        ("demo --add x=1y", "PATH=VAR"),
        ("demo --add /etc/x=v", "inside the build context"),
        ("demo --add a/../../x=v", "inside the build context"),
        ("demo --add =v", "inside the build context"),
        ("demo --add x=v --add ./x=w", "twice"),
        ("demo --build-arg HOME", "NAME=VALUE"),
        ("demo --label =v", "NAME=VALUE"),
        ("demo two", "one word too many"),
        ("demo --label 'x", "quotation mark"),
        ("demo --target", "expected one argument"),
    ],
)
def test_text_that_cannot_be_read_is_a_usage_error(line: str, says: str):
    with pytest.raises(UsageError, match=says):
        parse_build(line)


@pytest.mark.parametrize(
    ("typed", "meant"), [("--no-cahce", "--no-cache"), ("--buildarg=A=1", "--build-arg")]
)
def test_an_unknown_flag_gets_its_nearest(typed: str, meant: str):
    with pytest.raises(UsageError) as caught:
        parse_build(f"demo {typed}")
    assert caught.value.hint == f"Did you mean {meant}?"


def test_a_flag_is_never_guessed_from_its_beginning():
    with pytest.raises(UsageError, match="no flag --no"):
        parse_build("demo --no")


def test_help_names_every_flag_and_is_the_same_in_every_terminal(monkeypatch: pytest.MonkeyPatch):
    wide = build_parser().help_text()
    monkeypatch.setenv("COLUMNS", "40")
    assert build_parser().help_text() == wide
    for flag in ("--context", "--add", "--build-arg", "--target", "--label", "--no-cache"):
        assert flag in wide


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("id=pw", SecretRef("pw", "env", "pw")),
        ("id=pw,env=WORD", SecretRef("pw", "env", "WORD")),
        ("id=pw,type=env,src=WORD", SecretRef("pw", "env", "WORD")),
        ("id=pw,src=~/pw.txt", SecretRef("pw", "file", "~/pw.txt")),
        ("type=file,id=pw,source=pw.txt", SecretRef("pw", "file", "pw.txt")),
    ],
)
def test_a_secret_is_given_by_reference_as_docker_writes_it(typed: str, meant: SecretRef) -> None:
    assert parse_build(f"demo --secret {typed}").spec.secrets == (meant,)


@pytest.mark.parametrize(
    "typed", ["pw", "src=pw.txt", "id=pw,what=x", "id=", "id=a,type=tar,src=b"]
)
def test_a_secret_that_says_nothing_clear_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="--secret"):
        parse_build(f"demo --secret {typed}")


def test_two_secrets_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_build("demo --secret id=a --secret id=a,src=b")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("conf/app.ini", ("app.ini", "conf/app.ini")),
        ("etc/app.ini=~/conf/app.ini", ("etc/app.ini", "~/conf/app.ini")),
        ("x=./a=b", ("x", "./a=b")),
        ("./app", ("app", "./app")),
    ],
)
def test_a_file_is_in_the_context_by_its_name_or_another(typed: str, meant: tuple[str, str]):
    assert parse_build(f"demo --file {typed}").spec.files == (meant,)
    assert parse_build(f"demo --file {typed}").spec.has_context


@pytest.mark.parametrize("typed", ["", "x=", "/x=a", "../x=a", "..", "/"])
def test_a_file_without_a_place_is_refused(typed: str):
    with pytest.raises(UsageError, match="--file"):
        parse_build(f"demo --file '{typed}'")


@pytest.mark.parametrize(
    "line",
    ["--add a=x --add a=y", "--add a=x --file a", "--add a/b=x --file a", "--file x/a --file y/a"],
)
def test_two_things_cannot_have_one_place(line: str):
    with pytest.raises(UsageError, match=r"^a "):
        parse_build(f"demo {line}")


@pytest.mark.parametrize("flag", LACKING)
def test_a_flag_of_docker_s_that_is_not_here_is_refused_with_the_reason(flag: str):
    for line in (f"demo {flag}=x", f"{flag} x demo"):
        with pytest.raises(UsageError, match=f"there is no flag {flag}") as caught:
            parse_build(line)
        assert caught.value.hint == LACKING[flag]
