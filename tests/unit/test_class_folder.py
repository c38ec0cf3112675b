"""What a class's folder remembers."""

from __future__ import annotations

from pathlib import Path

from container_magics.classroom.folder import ClassFolder


def test_a_node_from_which_a_student_was_moved_is_remembered_until_nothing_is_left(
    tmp_path: Path,
) -> None:
    ClassFolder("unix", tmp_path / "f").keep_homes({"ada": "1 node1", "grace": "2 node2"})
    ClassFolder("unix", tmp_path / "f").keep_homes({"ada": "1 node1", "grace": "3 node3"})
    folder = ClassFolder("unix", tmp_path / "f")
    assert folder.homes["grace"] == "3 node3"
    assert folder.every_home == {"1 node1", "2 node2", "3 node3"}
    folder.keep_homes({})
    assert ClassFolder("unix", tmp_path / "f").every_home == set()


def test_a_folder_that_was_there_keeps_its_mode_and_what_is_made_is_its_owner_s_alone(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o755)
    ClassFolder("unix", tmp_path)
    ClassFolder("unix", tmp_path / "new")
    modes = [
        path.stat().st_mode & 0o777 for path in (tmp_path, tmp_path / "keys", tmp_path / "new")
    ]
    assert modes == [0o755, 0o700, 0o700]
