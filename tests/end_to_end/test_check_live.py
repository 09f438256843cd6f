# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the upload: the consoles are looked at, from here and from another host."""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import tls_endpoints as tls
from fleet import Fleet, names
from ssh_host import MISSING, ssh_host

ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT = names(8)


def server_file(fleet: Fleet, sensor: str, target: Path) -> Path:
    """What a sensor's web server would read after the upload."""
    target.write_bytes(b"".join(fleet.file(sensor, kind).read_bytes() for kind in ("key", "crt", "pem")))
    return target


@pytest.fixture
def fleet(ansible: Any, tmp_path: Path) -> Fleet:
    made = Fleet(tmp_path / "fleet", names(7), ansible_connection="ssh", ansible_become=True)
    outcome = ansible.playbook("deploy_certs", made.inventory)
    assert outcome.code == 0, outcome.output
    return made


def test_every_kind_of_console(ansible: Any, fleet: Fleet, tmp_path: Path) -> None:
    old_three = server_file(fleet, THREE, tmp_path / "three.pem")
    fleet.sensors[THREE] = {
        "sensor_certificates_subject": {**fleet.variables["sensor_certificates_subject"], "state": "OK"}
    }
    fleet.write()
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    handlers = {
        ONE: tls.tls_handler(server_file(fleet, ONE, tmp_path / "one.pem")),
        TWO: tls.tls_handler(tls.issue("ot-appliance").write(tmp_path, "two")),
        THREE: tls.tls_handler(old_three),
        FOUR: tls.tls_handler(tmp_path / "one.pem"),
        FIVE: tls.say(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        EIGHT: tls.tls_handler(tls.issue(EIGHT).write(tmp_path, "eight")),
    }
    with contextlib.ExitStack() as stack:
        for sensor, handler in handlers.items():
            port = stack.enter_context(tls.listening(handler))
            fleet.sensors.setdefault(sensor, {}).update(live_check_host="127.0.0.1", live_check_port=port)
        fleet.sensors[ONE].pop("live_check_host")
        fleet.sensors[ONE]["ansible_host"] = "127.0.0.1"
        fleet.sensors[SIX] = {"live_check_port": "https"}
        fleet.sensors[SEVEN] = {"ansible_host": "127.0.0.1", "live_check_port": tls.free_port()}
        fleet.write()
        before = fleet.snapshot()
        outcome = ansible.playbook("check_live", fleet.inventory)
        checked = ansible.playbook("check_live", fleet.inventory, "--check", "--diff")
        limited = ansible.playbook("check_live", fleet.inventory, "--limit", ONE)
    assert outcome.code != 0
    assert outcome.failed == {TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT}, outcome.output
    assert outcome.changed == 0
    after = fleet.snapshot()
    # What was seen becomes part of the record, once; nothing else is touched, and check mode records nothing.
    recorded = sorted(path for path in after if path not in before)
    assert len(recorded) == 1, recorded
    assert "local_ca_ledger/events/" in recorded[0]
    assert "-seen-" in recorded[0]
    assert {path: what for path, what in after.items() if path not in recorded} == before
    for words in (
        "1 of 7 targets present the certificate that was given",
        "likely still the one of its installation",
        "still presents an earlier certificate of this sensor",
        f"presents the certificate of {ONE}",
        "a web server without TLS (plain HTTP) answers there",
        "live_check_port is 'https'; wanted: a number from 1 to 65535",
        "127.0.0.1 refused the connection",
        f"{fleet.stage / EIGHT} cannot be read: No such file or directory",
    ):
        assert words in outcome.output, words
    assert "Traceback" not in outcome.output
    assert (checked.recap, checked.code) == (outcome.recap, outcome.code)
    assert (limited.code, limited.failed, set(limited.recap)) == (0, set(), {ONE}), limited.output


def test_role_in_a_playbook_of_ones_own(ansible: Any, fleet: Fleet, tmp_path: Path) -> None:
    playbook = tmp_path / "own.yml"
    playbook.write_text(
        "- hosts: sensors\n  gather_facts: false\n  roles:\n"
        "    - role: ot_pki.defender_iot.live_check\n      run_once: true\n"
    )
    with tls.listening(tls.tls_handler(server_file(fleet, ONE, tmp_path / "one.pem"))) as port:
        for sensor in (ONE, TWO):
            fleet.sensors[sensor] = {"live_check_host": "127.0.0.1", "live_check_port": port}
        fleet.write()
        right = ansible.playbook(str(playbook), fleet.inventory, "--limit", ONE)
        wrong = ansible.playbook(str(playbook), fleet.inventory, "--limit", f"{ONE},{TWO}")
    assert right.code == 0, right.output
    assert wrong.failed == {TWO}, wrong.output
    assert "1 of 2 targets present" in wrong.output


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
def test_from_a_vantage_host(ansible: Any, fleet: Fleet, tmp_path: Path) -> None:
    """The name leads to the console on the vantage host only, which has nothing but Python."""
    vantage_folder = tmp_path / "vantage"
    vantage_folder.mkdir()
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    handler = tls.tls_handler(server_file(fleet, ONE, tmp_path / "one.pem"))
    with (
        tls.listening(handler, "127.0.0.9") as port,
        ssh_host(vantage_folder, f"127.0.0.9 {ONE}\n", python) as variables,
    ):
        fleet.sensors[ONE] = {"live_check_port": port}
        fleet.write()
        inventory = fleet.inventory
        content = f"{inventory.read_text()}\njump:\n  hosts:\n    jump-host: {variables}\n"
        inventory.write_text(content)
        away = ansible.playbook("check_live", inventory, "--limit", ONE)
        there = ansible.playbook("check_live", inventory, "--limit", ONE, "-e", "live_check_vantage=jump-host")
        lost = ansible.playbook("check_live", inventory, "--limit", ONE, "-e", "live_check_vantage=jump-host", "-e",
                                "ansible_python_interpreter=/nonexistent")  # fmt: skip
    # Its sshd has ended.
    gone = ansible.playbook("check_live", inventory, "--limit", ONE, "-e", "live_check_vantage=jump-host")
    assert gone.code != 0
    assert (
        "the vantage host cannot be reached, so nothing was looked at: Failed to connect to the host via ssh"
        in gone.output
    )
    assert "cannot be resolved" in away.output
    assert there.code == 0, there.output
    assert "1 of 1 target presents the certificate that was given" in there.output
    assert lost.code != 0
    assert "the vantage host could not look" in lost.output, lost.output


def test_module(ansible: Any, tmp_path: Path) -> None:
    identity = tls.issue("sensor-1.plant.example")
    crt, _chain = identity.stage(tmp_path, "sensor-1")
    bad = {"host": "127.0.0.1", "port": tls.free_port()}
    with tls.listening(tls.tls_handler(identity.write(tmp_path, "sensor-1"))) as port:
        good = {"host": "127.0.0.1", "port": port, "name": "sensor-1.plant.example", "certificate": crt}
        asked = {
            "good": {"targets": [good], "timeout": 5},
            "mixed": {"targets": [bad, good], "timeout": 5},
            "never": {"targets": [bad, good], "timeout": 5, "fail_on": "never"},
            "text": {"targets": ["192.0.2.1"]},
            "timeout": {"targets": [], "timeout": 0},
            "option": {"targets": [{"host": "a", "hostname": "b"}]},
            "nothing": {},
        }
        tasks = [
            {"ot_pki.defender_iot.live_check": options, "register": f"saved_{name}", "ignore_errors": True}
            for name, options in asked.items()
        ]
        saved = ansible.tasks(tasks).saved
    result, mixed, never = saved["saved_good"], saved["saved_mixed"], saved["saved_never"]
    assert (result.get("failed", False), result["changed"]) == (False, False)
    assert result["results"][0]["state"] == "matches"
    assert result["results"][0]["name_matches"] is True
    assert mixed["failed"]
    assert [each["state"] for each in mixed["results"]] == ["unreachable", "matches"]
    assert not never.get("failed", False)
    assert never["results"] == mixed["results"]
    for name, words in (
        ("text", "targets[0] is a text (not shown); wanted: a dictionary"),
        ("timeout", "timeout is 0; wanted: seconds, more than 0"),
        ("option", "targets[0] has an option 'hostname'"),
        ("nothing", "missing required arguments: targets"),
    ):
        assert saved[f"saved_{name}"]["failed"]
        assert words in saved[f"saved_{name}"]["msg"]
