# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report, as people and other programs get it: from the playbooks, the role, the module and the filter."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import tls_endpoints as tls
from fleet import Fleet, names

ONE, TWO, THREE = names(3)
FILES = {"fleet.json", "fleet.html", "fleet.csv", "ot_pki.prom", "fleet.md"}


@pytest.fixture
def fleet(ansible: Any, tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "fleet", names(3), local_ca_crl_url="http://crl.plant.example/issuing.crl")
    made.groups = {"site_tulsa": {"hosts": {ONE: {}, TWO: {}}}}
    made.write()
    return made


def report(fleet: Fleet) -> dict[str, Any]:
    return dict(json.loads((fleet.pki / "report" / "fleet.json").read_text()))


def state(fleet: Fleet) -> dict[str, Any]:
    """Everything below the folder but the report."""
    return {name: what for name, what in fleet.snapshot().items() if "/report" not in name}


def test_the_whole_story(ansible: Any, fleet: Fleet, collection: Path, tmp_path: Path) -> None:
    """Deploy, report, upload one, look, report again."""
    deployed = ansible.playbook("deploy_certs", fleet.inventory, ANSIBLE_SHOW_CUSTOM_STATS="true")
    assert deployed.code == 0, deployed.output
    assert f"3 sensors to upload: {ONE}, {TWO}, {THREE}; the playbook report writes their sheets" in deployed.output
    assert not (fleet.pki / "report").exists(), "only if fleet_report_formats is set"
    stats = deployed.output[deployed.output.index("CUSTOM STATS") :]
    for words in ('"issued": 3', '"kept": 0', '"pending": 0', '"failed": 0', '"to_upload": 3', '"next_due": "20'):
        assert words in stats.replace("'", '"'), stats
    before = state(fleet)
    checked = ansible.playbook("report", fleet.inventory, "--check")
    assert (checked.code, checked.changed) == (0, 1), checked.output
    assert not (fleet.pki / "report").exists()
    first = ansible.playbook("report", fleet.inventory, "--limit", ONE)
    assert (first.code, first.changed) == (0, 1), first.output
    assert {path.name for path in (fleet.pki / "report").iterdir()} == FILES
    data = report(fleet)
    schema = collection / "plugins/module_utils/_pki/reporting/fleet.schema.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(data)
    assert (data["summary"]["sensors"], data["summary"]["to_upload"]) == (3, 3), "--limit does not narrow it"
    assert {s["name"]: s["site"] for s in data["sensors"]}[ONE] == "site_tulsa"
    assert data["crls"][0]["state"] == "current"
    again = ansible.playbook("report", fleet.inventory)
    assert (again.code, again.changed) == (0, 0), again.output
    assert state(fleet) == before, "a report changes nothing but itself"

    server = tmp_path / "one.pem"
    server.write_bytes(b"".join(fleet.file(ONE, kind).read_bytes() for kind in ("key", "crt", "pem")))
    with tls.listening(tls.tls_handler(server)) as port:
        fleet.sensors[ONE] = {"live_check_host": "127.0.0.1", "live_check_port": port}
        fleet.write()
        seen = ansible.playbook("check_live", fleet.inventory, "--limit", f"{ONE},{TWO}")
    assert f"1 sensor to upload: {TWO}" in seen.output, seen.output
    last = ansible.playbook("report", fleet.inventory)
    assert (last.code, last.changed) == (0, 1), last.output
    one = {s["name"]: s for s in report(fleet)["sensors"]}[ONE]
    assert (one["upload"]["needed"], one["live"]["state"]) == (False, "matches")
    assert [event["event"] for event in one["history"]] == ["seen", "staged", "issued"]
    rerun = ansible.playbook(
        "deploy_certs", fleet.inventory, "--tags", "certificates", variables={"fleet_report_formats": ["json"]}
    )
    assert rerun.code == 0, rerun.output
    assert f"2 sensors to upload: {TWO}, {THREE}; sheets in {fleet.pki / 'report'}" in rerun.output


def test_on_another_machine_without_keys(ansible: Any, fleet: Fleet, tmp_path: Path) -> None:
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    elsewhere = tmp_path / "copy"
    shutil.copytree(fleet.folder, elsewhere, symlinks=True)
    for key in (elsewhere / "defender_iot_pki" / "local_ca").glob("*.key"):
        key.unlink()
    outcome = ansible.playbook(
        "report", elsewhere / "inventory.yml", "-e", "fleet_report_sheets=true", variables={"local_ca_passphrase": ""}
    )
    assert outcome.code == 0, outcome.output
    made = {path.name for path in (elsewhere / "defender_iot_pki" / "report").iterdir()}
    assert made == {*FILES, "sheets-site_tulsa.html", "sheets-sensors.html"}
    assert str(elsewhere) in (elsewhere / "defender_iot_pki/report/sheets-site_tulsa.html").read_text()


def test_formats_query_since_and_exit_status(ansible: Any, fleet: Fleet) -> None:
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    (fleet.stage / "gone.plant.example").mkdir()
    given = {
        "fleet_report_formats": ["csv"],
        "fleet_report_query": "sensors[?state=='orphaned'].name",
        "fleet_report_since": "2026-01-01",
        "fleet_report_fail_on": "error",
    }
    outcome = ansible.playbook("report", fleet.inventory, variables=given)
    assert outcome.code == 0, outcome.output
    assert {path.name for path in (fleet.pki / "report").iterdir()} == {"fleet.csv"}
    assert "gone.plant.example" in outcome.output
    assert "Since 2026-01-01T00:00:00Z: 6 events" in outcome.output
    (fleet.file(TWO, "crt")).write_text("damaged")
    bad = ansible.playbook("report", fleet.inventory, variables=given)
    assert bad.code != 0
    assert f"1 sensor has errors (fleet_report_fail_on: error): {TWO}" in bad.output, bad.output
    fleet.set(sensor_certificates_renew_before_days=730)
    due = ansible.playbook("report", fleet.inventory, "-e", "fleet_report_fail_on=due")
    assert due.code != 0
    assert "2 sensors are due (fleet_report_fail_on: due)" in due.output, due.output
    assert ansible.playbook("report", fleet.inventory, "-e", "fleet_report_fail_on=expired").code == 0


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"fleet_report_query": "sensors[?state='staged']"},
            "fleet_report_query is no JMESPath expression: it cannot be read",
        ),
        ({"fleet_report_formats": ["pdf"]}, "fleet_report_formats has 'pdf'; wanted: any of json"),
        ({"fleet_report_since": "last week"}, "fleet_report_since is 'last week'; wanted: a moment in ISO 8601"),
        ({"fleet_report_dir": "/proc/none"}, "the report could not be written into /proc/none"),
        (
            {"fleet_report_fail_on": "sometimes"},
            "fleet_report_fail_on is 'sometimes'; wanted: one of never, due, expired, error",
        ),
    ],
)
def test_what_cannot_be_done_is_told_and_the_rest_comes(
    ansible: Any, fleet: Fleet, variables: dict[str, Any], words: str
) -> None:
    outcome = ansible.playbook("report", fleet.inventory, variables=variables)
    assert outcome.code != 0
    assert words in outcome.output, outcome.output
    assert "Traceback" not in outcome.output
    if "fleet_report_query" in variables or "fleet_report_dir" in variables:
        assert "3 sensors: 0 staged, 3 missing" in outcome.output, outcome.output
    assert (fleet.pki / "report" / "fleet.json").exists() == ("fleet_report_query" in variables)


def test_a_run_that_writes_the_report_fails_by_it_after_its_work(ansible: Any, fleet: Fleet) -> None:
    given = {"fleet_report_formats": ["json"], "fleet_report_query": "nothing("}
    outcome = ansible.playbook("deploy_certs", fleet.inventory, variables=given)
    assert outcome.code != 0
    assert "fleet_report_query is no JMESPath expression" in outcome.output
    assert fleet.staged() == sorted((ONE, TWO, THREE))
    assert report(fleet)["summary"]["staged"] == 3


def test_the_role_and_the_filter_in_a_playbook_of_ones_own(ansible: Any, fleet: Fleet, tmp_path: Path) -> None:
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    playbook = tmp_path / "own.yml"
    playbook.write_text(
        "- hosts: sensors\n  gather_facts: false\n  connection: local\n  tasks:\n"
        "    - ansible.builtin.include_role:\n        name: ot_pki.defender_iot.fleet_report\n      run_once: true\n"
        "    - ansible.builtin.debug:\n"
        f"        msg: \"{{{{ '{fleet.pki}/report/fleet.json' | ot_pki.defender_iot.fleet_query('length(sensors)') }}}}-found\"\n"
        "      run_once: true\n"
        "    - ansible.builtin.debug:\n"
        f"        msg: \"{{{{ '{fleet.pki}/report/fleet.json' | ot_pki.defender_iot.fleet_query('sensors[') }}}}\"\n"
        "      run_once: true\n"
    )
    outcome = ansible.playbook(str(playbook), fleet.inventory)
    assert "3-found" in outcome.output, outcome.output
    assert "fleet_query is no JMESPath expression: it ends too early" in outcome.output


def test_nobody_to_report_on(ansible: Any, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("others:\n  hosts:\n    somebody: {}\n")
    outcome = ansible.playbook("report", inventory)
    assert outcome.code != 0
    assert "no host is in the group sensors" in outcome.output
