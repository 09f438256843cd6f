# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one folder of a run: named, by default, and in a job of AWX, whose own folder does not outlive it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from fleet import PASSPHRASE, SUBJECT, Fleet, names

BIN = Path(sys.executable).parent
ONE, TWO = names(2)
CHECKOUT = Path(__file__).resolve().parents[2]
VARIABLES = {
    "local_ca_key_size": 2048,
    "local_ca_crl_url": "http://127.0.0.1:9/issuing.crl",
    "crl_access_fail_on": "never",
    "crl_access_retries": 0,
    "sensor_certificates_subject": SUBJECT,
}


def job(ansible: Any, folder: Path, number: int, **variables: Any) -> tuple[int, str, list[dict[str, Any]]]:
    """A job as AWX runs it with ansible-runner: a private folder of its own, which is gone afterwards.

    A playbook of the project that is shipped, and the passphrase as the shipped credential type injects it: in a
    file of extra variables. Returns the exit status, the output, and the events that AWX would keep.
    """
    private = folder / f"awx_{number}_private"
    (private / "inventory").mkdir(parents=True)
    shutil.copytree(CHECKOUT / "extensions" / "awx" / "project", private / "project")
    (private / "env").mkdir()
    # AWX writes the inventory as a script or a file of the private folder, and variables as extra variables.
    (private / "inventory" / "hosts").write_text(f"[sensors]\n{ONE}\n{TWO}\n")
    (private / "env" / "extravars").write_text(json.dumps({**VARIABLES, **variables}))
    (private / "credential").write_text(json.dumps({"local_ca_passphrase": PASSPHRASE}))
    (private / "env" / "cmdline").write_text(f"-e @{private}/credential")
    environment = ansible.environment(AWX_PRIVATE_DATA_DIR=str(private))
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "ansible_runner", "run", str(private), "-p", "deploy_certs.yml", "--ident", "job"],
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    made = sorted(str(path.relative_to(private)) for path in private.rglob("defender_iot_pki"))
    artifacts = private / "artifacts" / "job"
    events = [json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*.json")]
    for kept in (path for path in artifacts.rglob("*") if path.is_file()):
        assert PASSPHRASE not in kept.read_text(), kept
    shutil.rmtree(private)
    assert made == []
    return done.returncode, done.stdout + done.stderr, events


def counted(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The nodes that the controller counts: the shipped queries over the results of the tasks they are for."""
    queries = yaml.safe_load((CHECKOUT / "extensions" / "audit" / "event_query.yml").read_text())
    nodes: dict[str, dict[str, Any]] = {}
    for event in events:
        data = event.get("event_data", {})
        query = queries.get(data.get("resolved_action"))
        if query and "res" in data:
            told = subprocess.run(
                ["jq", "-c", query["query"]], input=json.dumps(data["res"]), capture_output=True, text=True, check=True
            ).stdout
            for node in map(json.loads, told.splitlines()):
                assert node["name"]
                assert None not in [*node["canonical_facts"].values(), *node["facts"].values()]
                nodes.setdefault(json.dumps(node["canonical_facts"], sort_keys=True), {}).update(node)
    return {node["name"]: node for node in nodes.values()}


def test_certificates_survive_the_job(ansible: Any, tmp_path: Path) -> None:
    code, output, _events = job(ansible, tmp_path, 1)
    assert code != 0, output
    assert "ot_pki_dir is not set" in output
    assert "AWX_PRIVATE_DATA_DIR" in output
    assert "Traceback" not in output

    kept = tmp_path / "kept"
    for number, counts in ((2, "2 issued, 0 kept"), (3, "0 issued, 2 kept")):
        code, output, events = job(ansible, tmp_path, number, ot_pki_dir=str(kept))
        assert code == 0, output
        assert f"2 sensors: {counts}, 0 failed" in output
        assert set(counted(events)) == {ONE, TWO}
    assert {path.name for path in kept.iterdir()} == {"staged", "local_ca", "local_ca_ledger", "crl", "workstations"}


@pytest.mark.parametrize(
    ("environment", "refused"),
    [
        ({"AWX_PRIVATE_DATA_DIR": "{parent}"}, True),
        ({"AWX_PRIVATE_DATA_DIR": "{folder}/elsewhere"}, False),
        ({"JOB_ID": "7"}, False),
    ],
)
def test_where_nothing_is_kept(ansible: Any, tmp_path: Path, environment: dict[str, str], refused: bool) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1))
    places = {"parent": str(tmp_path), "folder": str(fleet.folder)}
    given = {name: value.format(**places) for name, value in environment.items()}
    outcome = ansible.playbook("deploy_certs", fleet.inventory, "--check", **given)
    assert (outcome.code != 0) == refused, outcome.output
    assert ("ot_pki_dir is not set" in outcome.output) == refused
    assert not fleet.pki.exists()


def test_single_folders_win(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(
        tmp_path / "fleet",
        names(1),
        ot_pki_dir="{{ inventory_dir }}/kept",
        local_ca_dir=str(tmp_path / "ca"),
        sensor_certificates_stage_dir="{{ inventory_dir }}/upload",
    )
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code == 0, outcome.output
    assert (fleet.folder / "upload" / ONE).is_dir()
    assert (tmp_path / "ca" / "root.crt").is_file()
    assert (tmp_path / "ca_ledger").is_dir()
    assert [path.name for path in (fleet.folder / "kept").iterdir()] == ["workstations"]
    assert not fleet.pki.exists()


def test_it_is_one_for_a_run(ansible: Any, tmp_path: Path) -> None:
    sensors: dict[str, Any] = names(2)
    sensors[TWO] = {"ot_pki_dir": "/srv/other"}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert f"sensor_certificates_stage_dir differs between {ONE} and {TWO}" in outcome.output
    relative = ansible.playbook("deploy_certs", fleet.inventory, variables={"ot_pki_dir": "kept"})
    assert relative.code != 0
    assert "ot_pki_dir is 'kept'; wanted: an absolute path" in relative.output
    assert [path.name for path in fleet.folder.iterdir()] == ["inventory.yml"]
