# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks that have nobody to work for say so and fail, whichever way it came about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fleet import SUBJECT, Fleet, names

PLAYBOOKS = ("deploy_certs", "import_certs", "check_crl", "check_live", "publish_crl", "revoke_cert", "upload_certs")
(ONE,) = names(1)


def refused(ansible: Any, playbook: str, inventory: Path, *options: str, **arguments: Any) -> str:
    """What a run says that has nobody to work for."""
    outcome = ansible.playbook(playbook, inventory, *options, **arguments)
    assert outcome.code != 0, outcome.output
    assert "there is nobody to work for: " in outcome.output, outcome.output
    assert "Traceback" not in outcome.output
    return str(outcome.output)


def test_an_inventory_that_is_missing_broken_or_empty(ansible: Any, tmp_path: Path) -> None:
    broken, empty = tmp_path / "broken.ini", tmp_path / "empty.ini"
    broken.write_text("[sensors\none\n")
    empty.write_text("")
    for inventory in (tmp_path / "missing.yml", broken, empty):
        output = refused(ansible, "deploy_certs", inventory)
        assert "no host is in the group sensors, since the inventory has no hosts" in output
        assert str(inventory) in output
        limited = refused(ansible, "deploy_certs", inventory, "--limit", ONE)
        assert "none in the group sensors" in " ".join(limited.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ansible", "broken.ini", "empty.ini"]


def test_files_are_judged_without_an_inventory_but_not_with_a_broken_one(ansible: Any, tmp_path: Path) -> None:
    judged = {"validate_certs_folder": str(tmp_path)}
    broken, other = tmp_path / "broken.yml", tmp_path / "other.ini"
    broken.write_text("sensors:\n  hosts: {\n")
    other.write_text("[sensor]\none\n")
    told = refused(ansible, "validate_certs", broken, variables=judged)
    assert "since the inventory has no hosts" in told
    assert "To judge files without an inventory leave it out" in told
    assert "did you mean sensor?" in refused(ansible, "validate_certs", other, variables=judged)
    for inventory, limit, words in ((other, "one", "staged/one"), (broken, "one", "the inventory has no hosts")):
        outcome = ansible.playbook("validate_certs", inventory, "--limit", limit, variables=judged)
        said = " ".join(outcome.output.split())
        assert outcome.code != 0, said
        assert "--limit does not narrow what is judged" in said
        assert words in said


def test_names_and_passphrases_of_judged_files_come_from_a_group_of_any_name(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(
        tmp_path / "fleet",
        names(1),
        sensor_certificates_group="appliances",
        sensor_certificates_key_passphrase="only-in-the-inventory",
    )
    fleet.inventory.write_text(fleet.inventory.read_text().replace("sensors:", "appliances:", 1))
    made = ansible.playbook("deploy_certs", fleet.inventory, "--skip-tags", "trust")
    assert made.code == 0, made.output
    judged = {"validate_certs_folder": str(fleet.stage), "validate_certs_trusted_root": "misspelt"}
    outcome = ansible.playbook("validate_certs", fleet.inventory, variables=judged)
    assert outcome.code == 0, outcome.output
    assert "is fit: no findings" in outcome.output
    assert "did you mean validate_certs_trusted_roots?" in " ".join(outcome.output.split())


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_group_of_another_name(ansible: Any, tmp_path: Path, playbook: str) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(f"[sensor]\n{ONE}\n[trust_hosts]\ndesk\n[crl_web_servers]\nweb\n")
    output = refused(ansible, playbook, inventory)
    assert "no host is in the group sensors, which the inventory" in output
    assert "did you mean sensor?" in output


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_limit_that_selects_none_of_them(ansible: Any, tmp_path: Path, playbook: str) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(f"[sensors]\n{ONE}\n[elsewhere]\nother\n")
    assert "--limit other selects none of the 1 host of the group sensors" in refused(
        ansible, playbook, inventory, "--limit", "other"
    )
    outcome = ansible.playbook(playbook, inventory, "--limit", "nobody")
    assert outcome.code != 0, outcome.output


def test_the_group_may_have_any_name(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(2))
    text = fleet.inventory.read_text()
    fleet.inventory.write_text(text.replace("sensors:", "appliances:", 1))
    variables = {"sensor_certificates_group": "appliances"}
    given = ansible.playbook("deploy_certs", fleet.inventory, variables=variables)
    assert given.code == 0, given.output
    assert fleet.staged() == sorted(names(2))
    told = refused(ansible, "deploy_certs", fleet.inventory, variables={"sensor_certificates_group": "appliance"})
    assert "no host is in the group appliance, which the inventory" in told
    fleet.inventory.write_text(
        text.replace("sensors:", "other: {hosts: {a-host-before: {}}}\nappliances:", 1).replace(
            "  vars:\n", "  vars:\n    sensor_certificates_group: appliances\n"
        )
    )
    written = ansible.playbook("deploy_certs", fleet.inventory)
    assert (written.code, written.changed) == (0, 0), written.output
    assert "2 sensors: 0 issued, 2 kept" in written.output


def test_an_import_without_a_sensor_that_waits_for_one(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1), sensor_certificates_issuer="local_ca")
    output = refused(ansible, "import_certs", fleet.inventory)
    assert "sensor_certificates_issuer names another issuer for each of them" in output


def test_misspelt_variables_are_told_with_the_right_name(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(3), local_ca_nmae="Plant", sensor_certificates_subject=SUBJECT)
    fleet.sensors["sensor-2.plant.example"] = {"sensor_certificates_validity_day": 100, "hosts_entries_ip": "192.0.2.9"}
    fleet.write()
    with fleet.inventory.open("a") as inventory:
        inventory.write(
            "trust_hosts: {hosts: {desk: {trust_store_contcat: the desk, ansible_connection: local, sensor_location: hall}}}\n"
        )
    outcome = ansible.playbook(
        "deploy_certs", fleet.inventory, "--check", "-e", "trust_store_serail=1", "--skip-tags", "trust"
    )
    assert outcome.code == 0, outcome.output
    told = " ".join(outcome.output.split())
    for words in (
        "local_ca_nmae, set for sensor-1.plant.example, sensor-2.plant.example, sensor-3.plant.example, is no variable",
        "did you mean local_ca_name?",
        "sensor_certificates_validity_day, set for sensor-2.plant.example, is no variable of this collection",
        "did you mean sensor_certificates_validity_days?",
        "did you mean trust_store_serial?",
        "trust_store_contcat, set for desk, is no variable of this collection, so it has no effect; did you mean "
        "trust_store_contact?",
    ):
        assert words in told, (words, told)
    assert told.count("is no variable of this collection") == 4
