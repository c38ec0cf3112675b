"""The folders of a policy are those of the system's own books, not of the environment."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from container_magics.engine.ownership import user_name
from container_magics.engine.policyfolders import followed, whole_folder


def test_home_and_name_are_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    me = pwd.getpwuid(os.getuid())
    for variable in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "/elsewhere")
    assert user_name() == me.pw_name
    home = os.path.realpath(me.pw_dir)
    assert whole_folder("~") == home
    assert whole_folder("~/none/of/it") == os.path.normpath(f"{home}/none/of/it")
    assert whole_folder(f"~{me.pw_name}/none") == os.path.normpath(f"{home}/none")


def test_a_user_that_there_is_not_is_told() -> None:
    with pytest.raises(ValueError, match="there is no user nobody-of-that-name"):
        whole_folder("~nobody-of-that-name/work")


def test_who_has_no_home_has_no_folder_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 987_654_321)
    assert whole_folder("~/work") is None
    assert user_name() == "987654321"


def test_links_of_roots_are_followed_and_those_of_users_are_not(tmp_path: Path) -> None:
    real = Path(os.path.realpath(tmp_path))
    (real / "disk" / "home").mkdir(parents=True)
    (real / "home").symlink_to("disk/../disk/home")
    (real / "mine").symlink_to("/")
    if os.geteuid() == 0:
        os.chown(real / "mine", 65534, 65534, follow_symlinks=False)
        assert followed(f"{real}/home/ada") == f"{real}/disk/home/ada"
    assert followed(f"{real}/mine/etc") == f"{real}/mine/etc"


def test_a_link_to_itself_comes_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert followed(f"{tmp_path}/loop").endswith("loop")
