"""The usual cause of a failed instruction, as it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from container_magics.core.buildcauses import Scene, hint, near, programs_in
from container_magics.core.buildfailure import explain
from container_magics.core.buildspec import BuildSpec
from container_magics.core.buildstate import BuildState
from container_magics.core.dockerfile import parse
from container_magics.core.events import BuildRefused, BuildStep

CONTEXT = Scene(paths=("app.py", "conf", "conf/app.ini", "src", "src/main.py"))

LARGE = replace(CONTEXT, free_bytes=10**9, sent_bytes=2 * 10**9)


def said(text: str, status: int | None = None, scene: Scene = CONTEXT, **asked: object) -> str:
    one = parse(f"FROM base\n{text}\n").instructions[1]
    given: dict[str, object] = {"context_dir": "/somewhere", **asked}
    return hint(one, status, BuildSpec("", "t", **given), scene)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("COPY ap.py /", "The build context has no ap.py. Did you mean app.py?"),
        ("COPY main.py /", "The build context has no main.py. Did you mean src/main.py?"),
        ("COPY app.py zzz /", "The build context has no zzz. It has app.py, conf, src. "),
        ("COPY /home/me/app.py /", "Did you mean app.py?"),
        ("COPY app.py $X /", "Paths begin at the top of the build context"),
        ("COPY --from=build /x /", "The path is looked for in build, from its root on."),
        ("ADD https://example.org/x /", "Paths begin at the top"),
    ],
)
def test_a_file_that_is_missing_is_named_with_what_is_like_it(text: str, told: str):
    assert told in said(text)


def test_a_file_that_is_ignored_is_told_from_one_that_is_missing():
    scene = Scene(paths=("app.py",), ignored=("secret.key",))
    assert said("COPY secret.key /", scene=scene) == (
        ".dockerignore leaves secret.key out of the build context."
    )
    assert "It has no file at all." in said("COPY x /", scene=Scene(paths=()))


def test_a_link_that_leads_out_is_named_with_where_it_leads():
    scene = replace(LARGE, paths=("out",), astray=(("out", "/etc/passwd"),))
    assert said("COPY out /", scene=scene) == (
        "out is a link to /etc/passwd. Links are followed within the build context alone, and "
        "there it leads to nothing. Give the file itself, by --file or --context."
    )


def test_an_empty_context_says_how_to_fill_it():
    assert "--add" in said("COPY x /", context_dir=None)


def test_near_names_are_few_and_the_same_name_elsewhere_comes_first():
    paths = [f"d{n}/app.py" for n in range(9)] + ["apq.py"]
    assert near("app.py", paths) == ["d0/app.py", "d1/app.py", "d2/app.py"]
    assert near("zzz", paths) == []


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("RUN x", 127, "no such command in the image"),
        ("RUN x", 126, "chmod +x"),
        ("RUN x", 137, "memory"),
        ("RUN x", 3, ""),
        ("RUN curl https://example.org", 6, "curl ends with 6 when it finds no address"),
        ("RUN cd /tmp && curl -o x y", 7, "curl ends with 7 when a host does not answer"),
        ("RUN wget x", 4, "wget ends with 4"),
        ("RUN apt-get install -y x", 100, "`apt-get update`"),
        ("RUN git clone https://example.org/x", 128, "If git ended with 128, its own words"),
        ("RUN cd /x && pip3 install x", 1, "If pip3 ended with 1, its own words"),
        ("RUN apk add curl", 3, "If apk ended with 3, its own words"),
        ("RUN pip install x", 3, ""),
        ("RUN ./curl-like", 6, ""),
        ("RUN echo curl-6", 6, ""),
        ("RUN curl x", 22, ""),
    ],
)
def test_an_exit_code_has_its_usual_cause(text: str, status: int, told: str):
    found = said(text, status)
    assert told in found
    assert bool(told) is bool(found)


def test_no_network_that_was_asked_for_is_the_cause():
    assert "--network none" in said("RUN apt-get update", 100, network="none")
    assert "--network none" not in said("RUN false", 1, network="none")


def test_a_full_disk_comes_before_all_else():
    scene = Scene(free_bytes=4096)
    for text, status in (("RUN x", 1), ("COPY x /", None)):
        assert said(text, status, scene) == (
            "The engine's disk is full: it has 4.1 kB left. "
            "Remove images and build cache that nobody needs."
        )
    assert said("RUN x", 1, Scene(free_bytes=10**9)) == ""
    assert said("COPY app.py /", scene=LARGE) == (
        "The engine's disk is full: it has 1 GB left, and 2 GB of the build context were "
        "sent. Remove images and build cache that nobody needs."
    )


def test_a_large_context_is_not_blamed_for_what_has_a_cause_of_its_own():
    assert "no such command" in said("RUN nosuch", 127, LARGE)
    assert "Did you mean app.py?" in said("COPY ap.py /", scene=LARGE)


def test_a_full_disk_is_told_where_no_instruction_failed():
    state = BuildState("t").apply(BuildRefused("no room for the context"))
    error = explain(state, BuildSpec("FROM base\n", "t"), Scene(free_bytes=4096))
    assert str(error) == "The build failed."
    assert "disk is full" in error.hint
    assert error.facts == ("no room for the context",)


def test_a_platform_that_the_engine_does_not_run_is_named():
    scene = Scene(engine_platform="linux/amd64", base_platform="linux/arm64")
    assert "is for linux/arm64 and the engine runs linux/amd64" in said("RUN x", 126, scene)
    assert "linux/arm64" not in said("RUN x", 2, scene), "it ran, emulated, and failed by itself"
    one = parse("FROM --platform=linux/arm64 base\n").instructions[0]
    here = Scene(engine_platform="linux/amd64", base_platform="linux/amd64")
    assert "no registry gave one for linux/arm64" in hint(one, None, BuildSpec("", "t"), here)


def test_programs_are_found_where_a_command_may_begin():
    assert programs_in('/bin/sh -c "apt-get update&&curl x;(pip install)"') == [
        "apt-get", "curl", "pip",
    ]  # fmt: skip


def test_a_long_instruction_is_quoted_as_the_cell_has_it():
    text = "FROM base\nRUN <<E\n" + "".join(f"echo {n}\n" for n in range(20)) + "E\n"
    state = BuildState("t", parse(text))
    step = BuildStep("r", "[2/2] RUN <<E", (), False, 1, 2, "exit code: 1")
    for event in (step, BuildRefused("exit code: 1")):
        state = state.apply(event)
    facts = explain(state, BuildSpec(text, "t")).facts
    assert facts[:2] == ("   2 │ RUN <<E", "   3 │ echo 0")
    assert facts[-1] == "     │ …"
    assert len(facts) == 9
