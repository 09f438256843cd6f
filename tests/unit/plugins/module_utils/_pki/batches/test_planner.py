# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sensors that are looked at on several processors come to the same as those that are looked at one by one."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches import planner
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.folders import Folder

sys.path.insert(0, str(Path(__file__).parent))
from house import Site, actions, sensor

NAMES = [f"sensor-{number}" for number in range(12)]


@pytest.fixture
def fleet(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Staged sensors, more than are looked at by one process alone."""
    monkeypatch.setattr(planner, "_AT_ONCE", 2)
    sensors = [sensor(name) for name in NAMES]
    outcomes = site.run(*sensors)
    assert set(actions(outcomes).values()) == {"issued"}
    return sensors


def workers_used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled with how many sensors each look at several had."""
    counts: list[int] = []
    real = planner.process_map

    def counting(function: Any, items: Any, *arguments: Any) -> Any:
        counts.append(len(items))
        return real(function, items, *arguments)

    monkeypatch.setattr(planner, "process_map", counting)
    return counts


def test_the_same_as_one_by_one(site: Site, fleet: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    used = workers_used(monkeypatch)
    fleet[1] |= {"key_passphrase": "a-new-one"}
    fleet[2] |= {"sans": ["other.plant.example"]}
    fleet[3] = sensor("renamed") | {"common_name": "sensor-3.plant.example"}
    fleet[4] |= {"issuer": "self_signed", "environment": "test"}
    fleet.append(sensor("new"))
    Path(site.stage_folder.visible("sensor-5"), "sensor-5.plant.example.crt").write_bytes(b"rubbish")
    (Path(site.stage_folder.visible("sensor-6")) / "sensor-6.plant.example.pem").unlink()
    open_file = Folder.open_file

    def failing(self: Folder, name: str, *args: Any) -> int:
        if name == "sensor-7.plant.example.key":
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)
        return open_file(self, name, *args)

    monkeypatch.setattr(Folder, "open_file", failing)
    alone = site.obtain(*fleet, check_mode=True)
    apart = site.obtain(*fleet, check_mode=True, workers=2)
    assert used == [0, len(NAMES) - 1], "the renamed one has nothing staged under its new name"
    assert {name: one.to_dict() for name, one in apart.items()} == {name: one.to_dict() for name, one in alone.items()}
    assert sorted(actions(apart).values()) == ["failed", *["issued"] * 6, *["kept"] * 6]

    done = site.obtain(*fleet, workers=2)
    assert actions(done) == actions(alone)


def test_a_process_that_ends_is_one_sensors_failure(
    site: Site, fleet: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = planner.planned

    def deadly(plan: Any, issuer: Any) -> Any:
        if plan.request.name == "sensor-9":
            os.kill(os.getpid(), signal.SIGKILL)
        return real(plan, issuer)

    monkeypatch.setattr(planner, "planned", deadly)
    outcomes = site.obtain(*fleet, workers=2)
    assert actions(outcomes) == {**dict.fromkeys(NAMES, "kept"), "sensor-9": "failed"}
    assert "killed" in outcomes["sensor-9"].errors[0]
