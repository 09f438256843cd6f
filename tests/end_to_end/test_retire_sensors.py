# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sensor leaves the fleet, and comes back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fleet import Fleet, names, run

ONE, TWO, THREE = names(3)


@pytest.fixture
def fleet(ansible: Any, tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "fleet", names(3), local_ca_crl_url="http://crl.plant.example/issuing.crl")
    outcome = ansible.playbook("deploy_certs", made.inventory)
    assert outcome.code == 0, outcome.output
    del made.sensors[THREE]
    made.write()
    return made


def crl_text(fleet: Fleet) -> str:
    return run("openssl", "crl", "-inform", "DER", "-in", fleet.pki / "crl" / "issuing.crl", "-noout", "-text")


def test_from_orphaned_to_retired_and_back(ansible: Any, fleet: Fleet) -> None:
    serial = run("openssl", "x509", "-in", fleet.file(THREE, "crt"), "-noout", "-serial").strip().partition("=")[2]
    reported = ansible.playbook("report", fleet.inventory, "-e", "fleet_report_formats=json")
    assert f"Not in the inventory any more (retire_sensors): {THREE}" in reported.output, reported.output
    before = fleet.snapshot()
    looked = ansible.playbook("retire_sensors", fleet.inventory, "--check", "--diff")
    assert (looked.code, looked.changed > 0) == (0, True), looked.output
    assert f"To be retired: {THREE}" in looked.output
    assert f"{serial} revoked" in looked.output
    refused = ansible.playbook("retire_sensors", fleet.inventory)
    assert refused.code != 0
    assert f"retire_sensors_confirm is not true. It would retire {THREE};" in refused.output
    assert fleet.snapshot() == before

    done = ansible.playbook("retire_sensors", fleet.inventory, "-e", "retire_sensors_confirm=true", "--limit", ONE)
    assert done.code == 0, done.output
    assert "1 sensor retired, 1 certificate revoked" in done.output
    assert fleet.staged() == [ONE, TWO]
    assert not list((fleet.stage / ".store" / THREE).rglob("*"))
    assert serial in crl_text(fleet)
    assert "Cessation Of Operation" in crl_text(fleet)
    again = ansible.playbook("retire_sensors", fleet.inventory)
    assert (again.code, again.changed) == (0, 0), again.output

    fleet.sensors[THREE] = {}
    fleet.write()
    back = ansible.playbook("deploy_certs", fleet.inventory, variables={"fleet_report_formats": ["json"]})
    assert back.code == 0, back.output
    data = json.loads((fleet.pki / "report" / "fleet.json").read_text())
    three = next(sensor for sensor in data["sensors"] if sensor["name"] == THREE)
    assert (three["state"], data["summary"]["orphaned"]) == ("staged", 0)
    assert three["serial"] != serial
    told = [event["event"] for event in three["history"]]
    assert told[:2] == ["staged", "issued"]
    assert {"revoked", "retired"} <= set(told)


def test_by_name_and_what_is_misspelt(ansible: Any, fleet: Fleet) -> None:
    given = {"retire_sensors_names": [TWO, "sensor-9.plant.example"], "retire_sensors_confirm": True}
    outcome = ansible.playbook("retire_sensors", fleet.inventory, variables=given)
    assert outcome.code != 0
    assert "there is nothing of a sensor sensor-9.plant.example; did you mean" in outcome.output, outcome.output
    assert f"{TWO}: it is still in the inventory" in outcome.output
    assert fleet.staged() == [ONE, THREE], "only those that were named"
    assert "Traceback" not in outcome.output
