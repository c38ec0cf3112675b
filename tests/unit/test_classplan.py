"""What a swarm is told of a class, and what a spreadsheet is told of its grades."""

from __future__ import annotations

import csv
import io

from container_magics.core import classplan
from container_magics.core.classplan import ClassSettings, Placed
from container_magics.core.grades import Grade, as_csv
from container_magics.core.roster import students

(ADA,) = students(["Ada"])


USUAL = ClassSettings()


def body(settings: ClassSettings = USUAL, node: str = "n1") -> dict[str, object]:
    placed = Placed(("s", "sn"), ("c", "cn"), node)
    return classplan.service("unix", "id", ADA, settings, placed, "true")


def test_a_service_s_label_tells_what_it_was_made_from() -> None:
    again, other = body(), body(ClassSettings(idle_s=1))
    spec = classplan.SPEC
    assert body()["Labels"][spec] == again["Labels"][spec] != other["Labels"][spec]  # type: ignore[index]


def test_boxes_are_spread_over_the_nodes_with_fewest() -> None:
    assert classplan.spread({"a": 0, "b": 2, "c": 1}, 4) == ["a", "a", "c", "a"]
    assert classplan.spread({}, 3) == []
    many = classplan.spread({"a": 0, "b": 0, "c": 0}, 300)
    assert [many.count(node) for node in "abc"] == [100, 100, 100]


def test_a_class_s_names_meet_no_other_class_s() -> None:
    assert classplan.object_name("a", "b-c") != classplan.object_name("a-b", "c")
    names = {classplan.versioned(classplan.object_name("a", "class"), b"x"), "a_class-x"}
    assert classplan.claim_name("a") not in names


def test_no_student_s_box_has_the_gateway_s_name() -> None:
    names = [classplan.object_name("a", one.key) for one in students(["gate", "Gate", "gate."])]
    assert classplan.gate_name("a") not in names
    named = [classplan.object_name("a", one.key) for one in students(["prefetch"])]
    assert classplan.prefetch_name("a") not in named


def test_a_key_that_leads_nowhere_opens_nothing() -> None:
    keys = classplan.gate_keys([(b"ssh-ed25519 AAA x\n", ["u_ada"]), (b"ssh-ed25519 BBB y\n", [])])
    assert keys == (
        b'restrict,port-forwarding,command="/bin/false",permitopen="u_ada:22" ssh-ed25519 AAA x\n'
    )


def test_what_a_box_has_said_is_no_formula() -> None:
    rows = [Grade("=SUM(A1)", "first", 0.0, 1.0, '@cmd, "quoted"\nand more')]
    read = list(csv.reader(io.StringIO(as_csv(rows))))
    assert read[1] == ["'=SUM(A1)", "first", "no", "0.0", "1.0", '\'@cmd, "quoted"\nand more']
