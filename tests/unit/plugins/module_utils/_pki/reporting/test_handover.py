# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site gets in its hands: the files of its sensors that wait, nothing else, for nobody else, whole or absent."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.handover import HandedOver, hand_over
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import fleet_state
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError
from report_kitchen import NOW, Kitchen

ONE, TWO, THREE = (f"sensor-{number}.plant.example" for number in (1, 2, 3))
SITES = {ONE: "site_a", TWO: "site_a", THREE: "Site B"}


def handed(kitchen: Kitchen, folder: Path, check_mode: bool = False) -> HandedOver:
    fleet = kitchen.gather([Wanted(name, name, ("sensors", site), "local_ca") for name, site in SITES.items()])
    return hand_over(fleet, fleet_state(str(kitchen.staged), str(kitchen.ledger_dir)), str(folder), check_mode)


def inside(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_archive_for_each_site(kitchen: Kitchen, tmp_path: Path) -> None:
    folder = tmp_path / "handover"
    kitchen.bundle(ONE)
    kitchen.bundle(ONE)  # an earlier key is in the store
    two = kitchen.bundle(TWO, passphrase="Secret-1234")
    kitchen.bundle(THREE)
    planned = handed(kitchen, folder, check_mode=True)
    assert not folder.exists()
    assert len(planned.changed) == 2
    done = handed(kitchen, folder)
    assert done.problems == ()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    files = inside(folder / "handover-site_a.zip")
    assert set(files) == {f"{name}/{name}.{kind}" for name in (ONE, TWO) for kind in ("crt", "key", "pem")} | {
        "upload-sheets.html"
    }
    for name in (ONE, TWO):
        for kind in ("crt", "key", "pem"):
            assert files[f"{name}/{name}.{kind}"] == (kitchen.staged / name / f"{name}.{kind}").read_bytes()
    assert b"ENCRYPTED" in files[f"{TWO}/{TWO}.key"]
    page = files["upload-sheets.html"].decode()
    assert f"Key file: {ONE}/{ONE}.key (SHA-256 " in page
    assert str(kitchen.staged) not in page
    assert THREE not in page
    assert handed(kitchen, folder).changed == ()

    # What a console presents need not be handed over, and no key stays behind.
    kitchen.seen(TWO, two, NOW, "matches")
    assert handed(kitchen, folder).changed == ("handover-site_a.zip",)
    assert not [name for name in inside(folder / "handover-site_a.zip") if TWO in name]
    (folder / "mine.txt").write_text("not ours")
    for name in (ONE, THREE):
        kitchen.seen(name, kitchen.bundle(name), NOW, "matches")
    handed(kitchen, folder)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_sensor_whose_files_cannot_be_read_is_named_and_the_others_are_there(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    kitchen.bundle(ONE)
    kitchen.bundle(TWO)
    (kitchen.staged / ONE / f"{ONE}.key").unlink()
    fleet = kitchen.gather([Wanted(name, name, ("sensors", "site_a"), "local_ca") for name in (ONE, TWO)])
    (kitchen.staged / TWO / f"{TWO}.pem").write_bytes(b"replaced meanwhile")
    state = fleet_state(str(kitchen.staged), str(kitchen.ledger_dir))
    done = hand_over(fleet, state, str(tmp_path / "handover"))
    assert any(TWO in problem and "was replaced meanwhile" in problem for problem in done.problems)
    assert list((tmp_path / "handover").iterdir()) == []


def test_a_folder_that_cannot_be_written(kitchen: Kitchen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kitchen.bundle(ONE)
    folder = tmp_path / "handover"
    handed(kitchen, folder)
    before = (folder / "handover-site_a.zip").read_bytes()
    kitchen.bundle(ONE)

    def full(*_arguments: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="the files to hand over could not be written into .*No space left"):
        handed(kitchen, folder)
    monkeypatch.undo()
    assert (folder / "handover-site_a.zip").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["handover-site_a.zip"]
    assert zipfile.is_zipfile(io.BytesIO(before))
