"""What stands after --for, the flags of %container, and the lines of a log."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from container_magics.core.events import Output
from container_magics.core.loglines import SECOND_NS, LogLine, Matcher, Seen, stamped
from container_magics.core.pauses import pauses
from container_magics.core.template import filled
from container_magics.core.verbs import container_parser
from container_magics.core.waits import Condition, condition, listening, moment
from container_magics.errors import UsageError


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("healthy", Condition("healthy")),
        ("running", Condition("running")),
        ("exit", Condition("exit")),
        ("port:22", Condition("port", 22)),
        ("log:listening on .*:80", Condition("log", pattern="listening on .*:80")),
        ("http:/ready?x=1", Condition("http", None, "/ready?x=1")),
        ("http:8000/path", Condition("http", 8000, "/path")),
    ],
)
def test_a_condition_is_read_and_written_alike(text: str, read: Condition) -> None:
    assert condition(text) == read
    assert str(read) == text


def test_a_port_alone_means_the_first_page() -> None:
    assert condition("http:8000") == Condition("http", 8000, "/")


@pytest.mark.parametrize(
    "text",
    [
        *("", "well", "healthy:yes", "port", "port:", "port:0", "port:65536", "port:ssh"),
        *("log", "log:", "log:(", "http", "http:", "http:x/", "http:99999/", "port:²"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        condition(text)


def test_listening_sockets_are_read_from_the_kernel_s_tables() -> None:
    # as a container with sshd on IPv4 and IPv6, and one open connection, has them
    tables = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 020011AC:D431 010011AC:0050 01 00000000:00000000 00:00000000 00000000     0
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0
"""
    assert listening(tables) == {22, 8000}
    assert listening("") == frozenset()


def test_a_moment_is_read_as_docker_has_it() -> None:
    now_s = 1_800_000_000.0
    assert moment("10m", now_s) == now_s - 600
    assert moment("1h30m", now_s) == now_s - 5400
    assert moment("1.5s", now_s) == now_s - 1.5
    assert moment("1700000000.25", now_s) == 1700000000.25
    assert moment("1970-01-02", now_s) == 86400
    assert moment("1970-01-01T01:00:00+01:00", now_s) == 0
    for text in ("yesterday", "", "10x", "2026-13-01"):
        with pytest.raises(UsageError):
            moment(text, now_s)


@pytest.mark.parametrize("line", ["logs --tail 5 -f web", "logs web -f --tail 5"])
def test_flags_and_names_come_in_any_order(line: str) -> None:
    words = container_parser().parse(line)
    assert (words.verb, words.names, words.tail, words.follow) == ("logs", ["web"], 5, True)
    assert not words.force


def test_one_letter_means_two_things() -> None:
    words = container_parser().parse("rm -f web shop")
    assert (words.force, words.follow, words.names) == (True, False, ["web", "shop"])


def test_until_and_timeout_mean_to_follow() -> None:
    words = container_parser().parse("logs web --until 'is ready'")
    assert words.follow
    assert words.until.pattern == "is ready"
    assert container_parser().parse("logs web --timeout 5s").follow
    assert not container_parser().parse("wait web --timeout 5s").follow


def test_several_conditions_keep_their_order() -> None:
    words = container_parser().parse("wait web --for running --for port:80 --timeout 1m")
    assert [str(each) for each in words.conditions] == ["running", "port:80"]
    assert words.timeout == 60


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("stop -f web", "-f goes with rm and logs alone"),
        ("rm web --tail 3", "--tail goes with logs alone"),
        ("logs web --for healthy", "--for goes with wait alone"),
        ("start web --timeout 3s", "--timeout goes with logs and wait alone"),
        ("logs web --tail -1", "--tail"),
        ("logs web --until (", "regular expression"),
        ("logs web --untill x", "--untill"),
    ],
)
def test_a_flag_of_another_verb_is_refused(line: str, named: str) -> None:
    with pytest.raises(UsageError, match=re.escape(named)):
        container_parser().parse(line)


def line(stamp_ns: int, text: str) -> LogLine:
    return LogLine(stamp_ns, Output("stdout", text.encode()))


def test_a_stamp_is_read_to_the_nanosecond() -> None:
    read = stamped(Output("stderr", b"1970-01-01T00:00:01.000000002Z hello  world\n"))
    assert read == LogLine(SECOND_NS + 2, Output("stderr", b"hello  world\n"))
    east = stamped(Output("stdout", b"1970-01-01T01:00:01.5+01:00 \n"))
    assert east == LogLine(SECOND_NS * 3 // 2, Output("stdout", b"\n"))
    assert stamped(Output("stdout", b"no stamp\n")).stamp_ns == 0


def test_a_log_that_is_read_again_repeats_no_line_and_loses_none() -> None:
    log = [line(SECOND_NS * 5 + n // 3, f"{n % 2}\n") for n in range(20)]  # many alike
    late = line(SECOND_NS * 5 - 1, "written late, for the moment before\n")
    seen = Seen()
    first = [each for each in log[:13] if seen.is_new(each)]
    seen.again()
    second = [each for each in [*log[:13], late, *log[13:]] if seen.is_new(each)]
    assert [*first, *second] == [*log[:13], late, *log[13:]]


def test_it_is_read_again_from_a_little_before_its_newest_line() -> None:
    seen = Seen()
    assert seen.since_ns == 0
    seen.is_new(line(SECOND_NS * 100, "a"))
    assert seen.since_ns == SECOND_NS * 100, "what came before the first line was not asked for"
    seen.is_new(line(SECOND_NS * 200, "b"))
    assert seen.since_ns == SECOND_NS * 199


def test_a_pattern_is_found_in_a_line_that_came_in_pieces() -> None:
    matcher = Matcher(re.compile("is ready$"))
    assert matcher.found(Output("stdout", b"it is re")) is None
    assert matcher.found(Output("stderr", b"ady\n")) is None
    assert matcher.found(Output("stdout", b"ady\r\nnext")) == "it is ready"
    assert matcher.found(Output("stdout", b" is ready")) is None
    assert matcher.left() == "next is ready"
    assert matcher.left() is None


FACTS = {"Name": "/box", "State": {"Running": True, "Pid": 7}, "Args": ["a", "b"], "None": None}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.Name}}", "/box"),
        ("{{ .State.Running }} {{.State.Pid}}%", "true 7%"),
        ("{{json .Name}} {{.Args}} {{.None}}", '"/box" ["a", "b"] null'),
        ("{.Name} {json .Name}", '/box "/box"'),
        ("no fact", "no fact"),
    ],
)
def test_a_template_names_facts(template: str, text: str) -> None:
    assert filled(template, FACTS) == text


@pytest.mark.parametrize(
    "template", ["{{.Nobody}}", "{{.Name.First}}", "{{range .Args}}", "{{}}", "{{Name}}"]
)
def test_a_template_that_asks_for_more_is_refused(template: str) -> None:
    with pytest.raises(UsageError):
        filled(template, FACTS)


def test_tries_come_fast_at_first_and_then_patiently() -> None:
    """A box that starts alone is asked often; one in a crowd gives way to those that start."""
    first = list(islice(pauses(), 12))
    assert sum(first[:8]) < 0.2
    assert first == sorted(first)
    assert first[-1] == 0.1
