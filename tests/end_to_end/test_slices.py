# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sliced jobs of AWX: each run sees every n-th host, and all of them together do what one run does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from awx_slices import job_variables, write_slice
from fleet import Fleet, names, run

COUNT = 4


def site(folder: Path, sensors: int) -> Fleet:
    """Sensors, one workstation whose hosts file is a block of their names, and a web server."""
    fleet = Fleet(folder, names(sensors), local_ca_crl_url="http://crl.plant.example/ca.crl")
    for number, host in enumerate(fleet.sensors.values(), start=1):
        host["ansible_host"] = f"192.0.2.{number}"
    (folder / "hosts").write_text("127.0.0.1\tlocalhost\n")
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    fleet.groups["trust_hosts"] = {
        "hosts": {"desk": dict(local)},
        "vars": {
            "trust_store_stores": ["bundle"],
            "trust_store_bundles": [str(folder / "bundle.pem")],
            "trust_store_become": False,
            "hosts_entries_become": False,
            "hosts_entries_path": str(folder / "hosts"),
            "hosts_entries_style": "block",
        },
    }
    fleet.groups["crl_web_servers"] = {
        "hosts": {"web": dict(local)},
        "vars": {"crl_publication_web_dir": str(folder / "www")},
    }
    (folder / "www").mkdir()
    fleet.set(ot_pki_dir=str(fleet.pki))
    return fleet


def whole(fleet: Fleet) -> dict[str, Any]:
    return {"sensors": {"hosts": fleet.sensors, "vars": fleet.variables}, **fleet.groups}


def sliced(
    ansible: Any, fleet: Fleet, numbers: tuple[int, ...], playbook: str = "deploy_certs", told: bool = True
) -> list[Any]:
    """The named slices' runs, all at the same time."""
    runs = []
    for number in numbers:
        inventory = write_slice(fleet.folder / "awx", whole(fleet), number, COUNT)
        variables = inventory.parent / "extravars"
        variables.write_text(json.dumps(job_variables(number, COUNT, told)))
        runs.append(
            subprocess.Popen(
                ansible.command(playbook, inventory, "-e", f"@{variables}"),
                env=ansible.environment(JOB_ID=str(100 + number), AWX_HOST="https://awx.plant.example"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        )
    return [ansible.outcome(process.communicate(timeout=300)[0], process.returncode) for process in runs]


def test_four_slices_end_like_one_run(ansible: Any, tmp_path: Path) -> None:
    fleet = site(tmp_path / "fleet", 9)
    done = sliced(ansible, fleet, (1, 2, 3, 4))
    assert [one.code for one in done] == [0] * COUNT, "\n".join(one.output for one in done)
    for number, one in enumerate(done, start=1):
        assert (
            f"Certificates alone, since this is slice {number} of 4 of a sliced job (job {100 + number})" in one.output
        )
    # One CA, a certificate for each sensor and for nobody else; nobody's workstation and web server was touched.
    assert fleet.staged() == sorted(fleet.sensors)
    for sensor in fleet.sensors:
        fleet.verify(sensor)
    records = [path for path in (fleet.pki / "local_ca_ledger").glob("*.json") if ".revoked." not in path.name]
    assert len(records) == 9
    assert not (fleet.folder / "bundle.pem").exists()
    assert "sensor" not in (fleet.folder / "hosts").read_text()
    assert not list((fleet.folder / "www").iterdir())
    # What is left is what an unsliced run does; no certificate is.
    rest = ansible.playbook("deploy_certs", fleet.inventory, "--skip-tags", "crl")
    assert rest.code == 0, rest.output
    assert "9 sensors: 0 issued, 9 kept, 0 failed" in rest.output
    named = (fleet.folder / "hosts").read_text()
    assert all(sensor in named for sensor in fleet.sensors)
    # A later slice with the workstation in it (AWX sorts by name: desk is the first) takes nobody's name away.
    (later,) = sliced(ansible, fleet, (1,), told=False)
    assert later.code == 0, later.output
    assert "Certificates alone, since this is a slice of a sliced job (job 101)" in later.output
    assert later.changed == 0
    assert (fleet.folder / "hosts").read_text() == named


def test_the_same_common_name_in_two_slices(ansible: Any, tmp_path: Path) -> None:
    """Neither knows of the other's sensor; even at the same moment only one of them is staged."""
    fleet = site(tmp_path / "fleet", 2)
    # By name: desk, sensor-1, sensor-2, web.
    for host in fleet.sensors.values():
        host["sensor_certificates_common_name"] = "console.plant.example"
    fleet.write()
    both = sliced(ansible, fleet, (2, 3))
    assert sorted(one.code for one in both) == [0, 2], "\n".join(one.output for one in both)
    assert len(fleet.staged()) == 1
    # Nor is the other one's bundle taken over, as that of a sensor that left the inventory would be.
    (winner,) = fleet.staged()
    (loser,) = set(fleet.sensors) - {winner}
    serial = run("openssl", "x509", "-in", fleet.file(winner, "crt"), "-noout", "-serial")
    (again,) = sliced(ansible, fleet, (2 + sorted(fleet.sensors).index(loser),))
    assert again.failed == {loser}
    assert f"is still that of the bundle staged for {winner}" in again.output
    assert run("openssl", "x509", "-in", fleet.file(winner, "crt"), "-noout", "-serial") == serial


def test_a_slice_without_sensors(ansible: Any, tmp_path: Path) -> None:
    fleet = site(tmp_path / "fleet", 2)
    alone, publishing = sliced(ansible, fleet, (1,)), sliced(ansible, fleet, (1,), "publish_crl")
    assert alone[0].code == 0, alone[0].output
    assert "0 sensors: 0 issued, 0 kept, 0 failed" in alone[0].output
    assert "Certificates alone, since this is slice 1 of 4" in alone[0].output
    assert not fleet.pki.exists()
    assert not (fleet.folder / "bundle.pem").exists()
    # What makes no sense for a part says so.
    assert publishing[0].code != 0
    assert "publish_crl needs the whole inventory, and this is slice 1 of 4 of a sliced job" in publishing[0].output
