# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Staging: what is unfit is not shown, what was shown is not lost, and what the record has lost is told and mended."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.stage import StageOptions, stage_batch
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import locks
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import LOCKS, STORE

sys.path.insert(0, str(Path(__file__).parent))
from house import Site, sensor


def test_an_earlier_bundle_that_is_given_by_its_path_is_not_deleted(site: Site) -> None:
    first = site.run(sensor("a"))["a"]
    site.run(sensor("a", reissue=True))
    assert first.files is not None
    raw = {
        "name": "a",
        "certificate": first.files.crt,
        "private_key": first.files.key,
        "chain": first.files.pem,
        "expected_common_name": "something.else.example",
    }
    results, _report = stage_batch([raw], site.stage_folder, StageOptions(lock_timeout=0.0), site.ledger)
    assert results[0].action == "failed"
    assert os.path.isdir(first.files.folder)


def test_a_bundle_that_was_never_shown_and_is_unfit_is_removed(site: Site) -> None:
    made = site.obtain(sensor("a"))
    Path(made["a"].files.pem).write_bytes(b"")  # type: ignore[union-attr]
    assert site.stage(made)["a"].action == "failed"
    assert site.stage_folder.look("a").bundles == []


def test_a_misspelt_option_does_not_tell_its_value(site: Site) -> None:
    results, _report = stage_batch(
        [{"name": "a", "key_passphrase": "s3cret"}], site.stage_folder, StageOptions(lock_timeout=0.0)
    )
    assert "key_passphrase is no option" in results[0].errors[0]
    assert "s3cret" not in "".join(results[0].errors)


@pytest.mark.parametrize("loss", ["removed", "empty"])
def test_a_lost_record_is_told_and_made_again(site: Site, loss: str) -> None:
    made = site.run(sensor("a"), sensor("b"))
    record = next(path for path in Path(site.ledger.folder).glob("*.json") if b'"sensor": "a"' in path.read_bytes())
    if loss == "removed":
        record.unlink()
    else:
        record.write_bytes(b"")
    again = site.stage(site.obtain(sensor("a"), sensor("b")))
    assert "had no record of the staged certificate" in again["a"].warnings[0]
    assert again["b"].warnings == ()
    assert b'"sensor": "a"' in record.read_bytes()
    assert site.state.record_of(made["a"].view.certificate) is not None  # type: ignore[union-attr]
    assert site.stage(site.obtain(sensor("a"), sensor("b")))["a"].warnings == ()


def test_a_link_in_the_store_leads_nowhere(site: Site, tmp_path: Path) -> None:
    site.run(sensor("b"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "20200101T000000Z-ABC").mkdir()
    (elsewhere / ".new-abc").mkdir()
    (Path(site.stage_folder.folder) / "a").symlink_to(elsewhere)
    outcomes = site.obtain(sensor("a"), sensor("b"))
    assert outcomes["a"].action == "failed"
    assert "is a link where none belongs" in outcomes["a"].errors[0]
    assert outcomes["b"].action == "kept"
    assert sorted(os.listdir(elsewhere)) == [".new-abc", "20200101T000000Z-ABC"]


@pytest.mark.parametrize("name", [STORE, LOCKS])
def test_a_link_in_place_of_our_folders_is_refused(site: Site, tmp_path: Path, name: str) -> None:
    site.stage_folder.prepare()
    shutil.rmtree(Path(site.stage_folder.stage_dir) / name)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (Path(site.stage_folder.stage_dir) / name).symlink_to(elsewhere)
    with pytest.raises(Exception, match="is not a directory"):
        site.obtain(sensor("a"))
    assert os.listdir(elsewhere) == []


def test_a_pipe_or_link_among_the_lock_notes_harms_nobody(site: Site, tmp_path: Path) -> None:
    site.stage_folder.prepare()
    folder = Path(site.stage_folder.stage_dir) / LOCKS
    os.mkfifo(folder / "somehost-1.json")
    (folder / "somehost-2.json").symlink_to(tmp_path / "nothing")
    with locks.hold(str(folder), ["a"], 0):
        child = os.fork()
        if not child:
            with locks.hold(str(folder), ["a"], 0) as refused:
                os._exit(0 if list(refused) == ["a"] else 1)
        assert os.waitpid(child, 0)[1] == 0
    (folder / "sensors.lock").unlink()
    (folder / "sensors.lock").symlink_to(tmp_path / "made")
    with pytest.raises(Exception, match="is a link where none belongs"), locks.hold(str(folder), ["a"], 0):
        pass
    assert not (tmp_path / "made").exists()


def test_modes_do_not_depend_on_the_umask(site: Site) -> None:
    old = os.umask(0o777)
    try:
        outcome = site.run(sensor("a"))["a"]
    finally:
        os.umask(old)
    assert outcome.files is not None
    assert os.stat(outcome.files.crt).st_mode & 0o777 == 0o644
    assert os.stat(outcome.files.key).st_mode & 0o777 == 0o600
    assert os.stat(outcome.files.folder).st_mode & 0o777 == 0o755
