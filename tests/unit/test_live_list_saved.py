"""What is saved of a live list: small, however many containers there are."""

from __future__ import annotations

import json

import pytest

from container_magics.core.facts import ContainerFacts
from container_magics.view.bundle import bundle
from container_magics.view.html import html
from container_magics.view.plain import plain
from container_magics.view.present import lists


def facts(number: int) -> ContainerFacts:
    name = f"container-of-a-long-name-{number:04}"
    return ContainerFacts(
        container_id=f"{number:064}",
        name=name,
        image="registry.example.org/team/application:1.2.3",
        state="running",
        status="Up 2 minutes",
        created_s=0,
        ports=(("80/tcp", "127.0.0.1:8080"), ("443/tcp", "127.0.0.1:8443")),
        labels={},
        mine=True,
    )


@pytest.mark.parametrize(("number", "more"), [(0, ""), (40, ""), (41, "1 more"), (900, "860 more")])
def test_the_saved_list_is_small_and_says_what_is_left_out(number: int, more: str) -> None:
    view = lists.still([facts(each) for each in range(number)], stable=False)
    assert len(json.dumps(bundle(view))) < 50_000
    said = plain(view)
    assert html(view).count("container-of-a-long-name") == min(number, 40)
    assert ("more" in said) == bool(more)
    assert more in said
