# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: complete bundles, shown in one step."""

from __future__ import annotations

import datetime
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.bundles import find_files, read_bundle
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError

MOMENT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def contents(mark: str) -> dict[str, bytes]:
    return {kind: f"{kind} {mark}".encode() for kind in ("crt", "key", "pem")}


@pytest.fixture
def store(tmp_path: Path) -> StageFolder:
    store = StageFolder(str(tmp_path / "staged"))
    store.prepare()
    return store


def add(store: StageFolder, number: int, sensor: str = "sensor-1") -> str:
    moment = MOMENT + datetime.timedelta(seconds=number)
    return store.add(sensor, f"{number:016X}", "sensor-1.plant.example", contents(str(number)), moment).folder


def test_a_bundle_is_whole_and_its_key_private(store: StageFolder) -> None:
    old = os.umask(0)
    try:
        folder = add(store, 1)
    finally:
        os.umask(old)
    assert sorted(os.listdir(folder)) == [f"sensor-1.plant.example.{kind}" for kind in ("crt", "key", "pem")]
    assert stat.S_IMODE(os.stat(find_files(folder).key).st_mode) == 0o600
    assert store.sensors() == []
    assert store.current("sensor-1") is None
    assert store.look("sensor-1").pending == [folder]


def test_reveal_and_replace(store: StageFolder) -> None:
    first, second = add(store, 1), None
    store.reveal("sensor-1", first)
    assert store.current("sensor-1") == first
    assert read_bundle(store.visible("sensor-1")).key == b"key 1"
    assert not os.path.isabs(os.readlink(store.visible("sensor-1")))
    descriptor = os.open(store.visible("sensor-1"), os.O_RDONLY)
    try:
        second = add(store, 2)
        store.reveal("sensor-1", second)
        # Who opened the folder before still reads the three files that belong together.
        names = os.listdir(descriptor)
        assert len(names) == 3
        with open(names[0], "rb", opener=lambda name, flags: os.open(name, flags, dir_fd=descriptor)) as stream:
            assert stream.read().endswith(b" 1")
    finally:
        os.close(descriptor)
    assert store.current("sensor-1") == second
    assert store.sensors() == ["sensor-1"]


def test_surplus(store: StageFolder) -> None:
    folders = [add(store, number) for number in range(1, 5)]
    store.reveal("sensor-1", folders[2])
    assert store.look("sensor-1").pending == [folders[3]]
    assert store.look("sensor-1").surplus(1) == [folders[0]]
    assert store.look("sensor-1").surplus(0) == folders[:2]
    assert store.look("sensor-1").surplus(5) == []
    assert store.look("sensor-1").surplus(1, one_more=True) == folders[:2]
    store.remove("sensor-1", store.look("sensor-1").surplus(0))
    assert store.look("sensor-1").bundles == folders[2:]


def test_remains_of_killed_runs_are_surplus(store: StageFolder) -> None:
    add(store, 1)
    remains = Path(store.folder, "sensor-1", ".new-abc")
    remains.mkdir()
    (remains / "x.key").touch()
    assert store.look("sensor-1").surplus(5) == [str(remains)]
    store.remove("sensor-1", [str(remains)])
    assert not remains.exists()


def test_a_folder_put_there_by_hand_is_swapped_and_kept(store: StageFolder) -> None:
    by_hand = Path(store.visible("sensor-1"))
    by_hand.mkdir()
    (by_hand / "old.crt").write_text("old")
    folder = add(store, 1)
    store.reveal("sensor-1", folder)
    assert store.current("sensor-1") == folder
    kept = [path for path in store.look("sensor-1").bundles if path != folder]
    assert [os.listdir(path) for path in kept] == [["old.crt"]]
    assert store.look("sensor-1").surplus(0) == kept


def test_a_file_in_the_sensors_place_is_an_error(store: StageFolder) -> None:
    Path(store.visible("sensor-1")).touch()
    with pytest.raises(FileError, match="is a file where the sensor's folder should be"):
        store.current("sensor-1")


def test_a_dangling_link_counts_as_nothing(store: StageFolder) -> None:
    os.symlink("nowhere", store.visible("sensor-1"))
    assert store.current("sensor-1") is None
    folder = add(store, 1)
    store.reveal("sensor-1", folder)
    assert store.current("sensor-1") == folder


def test_failed_writing_leaves_nothing(store: StageFolder) -> None:
    with pytest.raises(FileError, match="could not be written"):
        store.add("sensor-1", "1", "x" * 300, contents("1"), MOMENT)
    assert os.listdir(Path(store.folder, "sensor-1")) == []


def test_problems_are_found_without_writing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a directory" in (StageFolder(str(tmp_path / "file" / "below")).problem() or "")
    assert "is not a directory" in (StageFolder(str(tmp_path / "file")).problem() or "")
    assert StageFolder(str(tmp_path / "a" / "b")).problem() is None
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("names", [[], ["a.crt"], ["a.crt", "b.crt", "a.key", "a.pem"]])
def test_a_bundle_has_exactly_one_of_each(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(FileError, match=r"holds (no|2) \.(crt|key)"):
        find_files(str(tmp_path))


def test_bundles_of_one_second_keep_their_order(store: StageFolder) -> None:
    names = [store.add("sensor-1", mark, "x", contents("1"), MOMENT).folder for mark in ("FF", "AA", "CC")]
    assert store.look("sensor-1").bundles == names
    store.reveal("sensor-1", names[1])
    assert store.look("sensor-1").pending == [names[2]]
