"""What is said of an engine that a session leaves, and the word that leads back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from container_magics.engine.endpoint import Endpoint, context
from container_magics.jupyter.engineuse import left_words


def test_a_context_leads_back_by_its_name(tmp_path: Path) -> None:
    """Its address alone would come without its TLS files."""
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"lab").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": "lab", "Endpoints": {"docker": {"Host": "tcp://a:2376"}}}))
    assert context(tmp_path, "lab").word == "lab"
    assert Endpoint("tcp://a:2376", "DOCKER_HOST").word == "tcp://a:2376"


def test_all_that_stays_is_counted() -> None:
    assert left_words({"container": 0, "volume": 0}, "lab") == ()
    (one,) = left_words({"container": 0, "volume": 1}, "lab")
    assert one == (
        "1 volume of this session stay at lab. It goes when the session ends; "
        "`%engine use lab` leads back."
    )
    (more,) = left_words({"container": 2, "network": 1, "volume": 1}, "lab")
    assert more.startswith("2 containers, 1 network and 1 volume of this session stay at lab. They")
    (unseen,) = left_words(None, "lab")
    assert unseen.startswith("What stays at lab is not seen.")
