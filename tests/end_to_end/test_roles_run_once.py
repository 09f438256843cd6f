# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleet roles applied with run_once in a playbook of one's own still fail the sensors that could not be done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from fleet import Fleet, names


def test_a_refused_sensor_fails(ansible: Any, tmp_path: Path) -> None:
    first, second = sensors = names(2)
    fleet = Fleet(tmp_path / "fleet", sensors)
    fleet.sensors[second] = {"sensor_certificates_key_size": 1000}
    fleet.write()
    playbook = tmp_path / "own.yml"
    playbook.write_text(
        "- hosts: sensors\n  gather_facts: false\n  roles:\n"
        "    - role: ot_pki.defender_iot.sensor_certificates\n      run_once: true\n"
    )
    outcome = ansible.playbook(str(playbook), fleet.inventory)
    assert outcome.failed == {second}, outcome.output
    assert outcome.code != 0
    assert fleet.staged() == [first]
