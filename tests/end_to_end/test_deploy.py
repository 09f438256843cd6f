# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, as a user runs it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fleet import PASSPHRASE, SUBJECT, Fleet, names, run

FIRST = "sensor-1.plant.example"


def test_every_sensor_gets_a_certificate_of_its_own(ansible: Any, tmp_path: Path) -> None:
    sensors = names(3)
    sensors["lab"] = {
        "sensor_certificates_common_name": "lab.plant.example",
        "sensor_certificates_sans": ["console.plant.example", "192.0.2.7", "2001:db8::7"],
        "sensor_certificates_subject": {
            "email": "pki@plant.example",
            "organizational_unit": "Lab",
            "organization": "Contoso",
            "locality": "Tulsa",
            "state": "Oklahoma",
            "country": "US",
        },
        "sensor_certificates_key_size": 4096,
        "sensor_certificates_key_passphrase": "Sensor-Pass_1",
        # None of these is ever contacted, so what stands here does not matter.
        "ansible_host": "192.0.2.1",
        "ansible_connection": "ssh",
        "ansible_become": True,
    }
    fleet = Fleet(
        tmp_path / "fleet", sensors, local_ca_crl_url="http://crl.plant.example/issuing.crl", local_ca_key_size=4096
    )
    empty = fleet.snapshot()
    predicted = ansible.playbook("deploy_certs", fleet.inventory, "--check", "--diff")
    assert predicted.code == 0, predicted.output
    assert fleet.snapshot() == empty
    assert "4 to be issued" in predicted.output

    first = ansible.playbook("deploy_certs", fleet.inventory, "--diff")
    assert first.code == 0, first.output
    assert "4 sensors: 4 issued, 0 kept, 0 failed" in first.output
    assert {host: counts["changed"] for host, counts in first.recap.items()} == {
        host: counts["changed"] for host, counts in predicted.recap.items()
    }
    # CA, certificates, bundles, CRL, and the folder for workstations.
    assert first.changed == 5
    assert fleet.staged() == sorted(sensors)
    for sensor in sensors:
        fleet.verify(sensor)

    text = run("openssl", "x509", "-in", fleet.file("lab", "crt"), "-noout", "-text", "-nameopt", "RFC2253,-dn_rev")
    assert (
        "Subject: C=US,ST=Oklahoma,L=Tulsa,O=Contoso,OU=Lab,CN=lab.plant.example,emailAddress=pki@plant.example" in text
    )
    order = [
        "Subject Key Identifier",
        "Authority Key Identifier",
        "Basic Constraints",
        "X509v3 Key Usage",
        "Extended Key Usage",
        "Subject Alternative Name",
        "CRL Distribution Points",
    ]
    places = [text.index(extension) for extension in order]
    assert places == sorted(places)
    assert "Public-Key: (4096 bit)" in text
    assert "sha256WithRSAEncryption" in text
    assert "CA:FALSE" in text
    assert "TLS Web Client Authentication, TLS Web Server Authentication" in text
    assert "Digital Signature, Key Encipherment, Key Agreement" in text
    assert (
        "DNS:lab.plant.example, DNS:console.plant.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7"
        in text
    )
    assert "URI:http://crl.plant.example/issuing.crl" in text
    run("openssl", "rsa", "-check", "-noout", "-in", fleet.file("lab", "key"), "-passin", "pass:Sensor-Pass_1")
    assert "ENCRYPTED" in fleet.file("lab", "key").read_text()
    issuing = run("openssl", "x509", "-in", fleet.pki / "local_ca" / "issuing.crt", "-noout", "-text")
    assert "Public-Key: (4096 bit)" in issuing

    before = fleet.snapshot()
    second = ansible.playbook("deploy_certs", fleet.inventory, "--diff")
    assert second.code == 0, second.output
    assert second.changed == 0
    assert "0 issued, 4 kept" in second.output
    assert fleet.snapshot() == before


@pytest.mark.skipif(not shutil.which("certtool"), reason="GnuTLS certtool (gnutls-bin) is not installed")
@pytest.mark.parametrize("permitted", [None, ["plant.example"], ["plant.example", "192.0.2.0/24"]])
def test_certtool_agrees(ansible: Any, tmp_path: Path, permitted: list[str] | None) -> None:
    sans = [] if permitted is None or len(permitted) < 2 else ["192.0.2.9"]
    fleet = Fleet(
        tmp_path / "fleet", {FIRST: {"sensor_certificates_sans": sans}}, local_ca_permitted_names=permitted or []
    )
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code == 0, outcome.output
    assert ("this CA may vouch for any name" in outcome.output) == (permitted is None)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(fleet.file(FIRST, "crt").read_bytes() + fleet.file(FIRST, "pem").read_bytes())
    output = run("certtool", "--verify", "--load-ca-certificate", fleet.root, "--infile", bundle)
    assert "Chain verification output: Verified" in output


def test_one_bad_sensor_fails_alone(ansible: Any, tmp_path: Path) -> None:
    sensors = names(6)
    bad = {
        "sensor-2.plant.example": {"sensor_certificates_subject": {**SUBJECT, "country": "USA"}},
        "sensor-3.plant.example": {"sensor_certificates_common_name": "twin.plant.example"},
        "sensor-4.plant.example": {"sensor_certificates_common_name": "TWIN.plant.example"},
        "sensor-5.plant.example": {"sensor_certificates_sans": ["{{ not_defined_anywhere }}"]},
    }
    sensors.update(bad)
    sensors[".."] = {"sensor_certificates_common_name": "dots.plant.example"}
    fleet = Fleet(tmp_path / "fleet", sensors)
    for options in (["--check"], []):
        outcome = ansible.playbook("deploy_certs", fleet.inventory, *options)
        assert outcome.code != 0
        assert outcome.failed == {*bad, ".."}
        for words in (
            "sensor_certificates_subject.country is 'USA'; wanted: two capital letters",
            "sensor_certificates_common_name is 'twin.plant.example'; wanted: a value of its own: sensor-4.plant.example",
            "sensor_certificates_common_name is 'twin.plant.example'; wanted: a value of its own: sensor-3.plant.example",
            "sensor_certificates_sans is not usable (",
            "not_defined_anywhere",
            "2 to be issued, 0 to be kept, 5 cannot be done" if options else "2 issued, 0 kept, 5 failed",
        ):
            assert words in outcome.output, words
        assert "Traceback" not in outcome.output
    assert fleet.staged() == [FIRST, "sensor-6.plant.example"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ansible", "fleet"]


def test_if_no_sensor_can_be_done_nothing_is_made_and_each_fails(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(2), sensor_certificates_common_name="same.plant.example")
    before = fleet.snapshot()
    for options in (["--check"], []):
        outcome = ansible.playbook("deploy_certs", fleet.inventory, *options)
        assert outcome.code != 0
        assert outcome.failed == set(fleet.sensors)
        assert "sensor-2.plant.example has the same" in outcome.output
        assert "0 kept, 2 failed" in outcome.output or "2 cannot be done" in outcome.output
        assert fleet.snapshot() == before


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"local_ca_passphrase": None}, "local_ca_passphrase is missing; wanted: at least 12 characters"),
        ({"local_ca_passphrase": "short-secret"[:11]}, "local_ca_passphrase is too short: it has 11 characters"),
        (
            {"local_ca_crl_url": "https://crl.plant.example/a.crl"},
            "local_ca_crl_url is 'https://crl.plant.example/a.crl'",
        ),
        ({"local_ca_tiers": 3}, "local_ca_tiers is 3; wanted: 1 or 2"),
        ({"sensor_certificates_stage_dir": "/dev/null/staged"}, "/dev/null is not a directory"),
        (
            {"sensor_certificates_validity_days": 5000},
            "sensor_certificates_validity_days is 5000; wanted: at most 3650 days",
        ),
        ({"sensor_certificates_subject": {}}, "sensor_certificates_subject.country is missing"),
    ],
)
def test_what_concerns_everybody_stops_the_run(
    ansible: Any, tmp_path: Path, variables: dict[str, Any], words: str
) -> None:
    fleet = Fleet(tmp_path / "fleet", names(2))
    fleet.set(**variables)
    before = fleet.snapshot()
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert words in outcome.output
    assert "short-secre" not in outcome.output
    assert fleet.snapshot() == before


def test_hosts_that_disagree_about_shared_values(ansible: Any, tmp_path: Path) -> None:
    sensors: dict[str, Any] = names(3)
    sensors["sensor-3.plant.example"] = {"local_ca_passphrase": "another long secret", "local_ca_dir": "/elsewhere"}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert f"local_ca_dir differs between {FIRST} and sensor-3.plant.example" in outcome.output
    assert f"local_ca_passphrase differs between {FIRST} and sensor-3.plant.example (two values)" in outcome.output
    assert "another long secret" not in outcome.output
    assert not fleet.pki.exists()


def test_reasons_previous_bundles_and_the_way_back(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(2))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    old = fleet.file(FIRST, "crt").read_bytes()
    changes = [
        (
            {"sensor_certificates_subject": {**SUBJECT, "organization": "Fabrikam"}},
            "subject differs: O: Contoso -> Fabrikam",
        ),
        ({"sensor_certificates_sans": ["192.0.2.5"]}, "SAN differs: "),
        (
            {"local_ca_crl_url": "http://crl.plant.example/a.crl"},
            "CRL URL differs: none -> http://crl.plant.example/a.crl",
        ),
        ({"sensor_certificates_key_passphrase": "Secret-1"}, "key passphrase: none -> the given one"),
        ({"sensor_certificates_key_passphrase": "Secret-2"}, "key passphrase: the key has another one"),
        ({"sensor_certificates_renew_before_days": 729, "sensor_certificates_validity_days": 731}, None),
        ({"sensor_certificates_renew_before_days": 730}, "due: since "),
    ]
    for variables, reason in changes:
        fleet.set(**variables)
        predicted = ansible.playbook("deploy_certs", fleet.inventory, "--check")
        outcome = ansible.playbook("deploy_certs", fleet.inventory, "--diff")
        # A CRL URL also has the first CRL published.
        expected = (3 if "local_ca_crl_url" in variables else 2) if reason else 0
        assert predicted.changed == outcome.changed == expected, outcome.output
        for run_ in (predicted, outcome):
            if reason:
                assert reason in run_.output, (reason, run_.output)
        assert "Secret-" not in outcome.output
        assert len(list((fleet.stage / ".store" / FIRST).iterdir())) == 2
    fleet.set(sensor_certificates_keep_previous=0)
    purged = ansible.playbook("deploy_certs", fleet.inventory)
    assert purged.changed == 1  # nothing is due, but the earlier bundles are gone
    assert len(list((fleet.stage / ".store" / FIRST).iterdir())) == 1
    assert fleet.file(FIRST, "crt").read_bytes() != old


def test_damage_is_repaired_with_a_reason(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(5))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    fleet.file("sensor-1.plant.example", "crt").write_text("nonsense")
    shutil.copy(fleet.file("sensor-3.plant.example", "key"), fleet.file("sensor-2.plant.example", "key"))
    fleet.file("sensor-3.plant.example", "pem").unlink()
    fleet.file("sensor-4.plant.example", "pem").write_bytes(fleet.root.read_bytes())
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code == 0, outcome.output
    assert "4 issued, 1 kept" in outcome.output
    for reason in ("unreadable: ", "key does not match: sensor-2", "holds no .pem file", "chain differs"):
        assert reason in outcome.output, reason
    for sensor in fleet.sensors:
        fleet.verify(sensor)


def test_limit_and_strategy(ansible: Any, tmp_path: Path) -> None:
    sensors = names(3)
    sensors["sensor-3.plant.example"] = {"sensor_certificates_common_name": FIRST}
    fleet = Fleet(tmp_path / "fleet", sensors)
    limited = ansible.playbook(
        "deploy_certs", fleet.inventory, "--limit", "sensor-2.plant.example", ANSIBLE_STRATEGY="free"
    )
    assert limited.code == 0, limited.output
    assert fleet.staged() == ["sensor-2.plant.example"]
    clash = ansible.playbook("deploy_certs", fleet.inventory, "--limit", f"{FIRST}:sensor-2.plant.example")
    assert clash.failed == {FIRST}
    assert "sensor-3.plant.example has the same" in clash.output
    assert fleet.staged() == ["sensor-2.plant.example"]


def test_tags_leave_parts_out_and_the_rest_in(ansible: Any, tmp_path: Path) -> None:
    sensors: dict[str, Any] = names(2)
    sensors["sensor-2.plant.example"] = {"sensor_certificates_key_size": 1024}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory, "--skip-tags", "trust,crl")
    assert outcome.failed == {"sensor-2.plant.example"}
    assert "1 issued, 0 kept, 1 failed" in outcome.output
    assert fleet.staged() == [FIRST]
    assert not (fleet.pki / "workstations").exists()
    assert (
        "0 issued, 1 kept, 1 failed"
        in ansible.playbook("deploy_certs", fleet.inventory, "--tags", "certificates").output
    )


def test_the_ca_is_never_made_anew_by_accident(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    (fleet.pki / "local_ca").rename(tmp_path / "backup")
    before = fleet.snapshot()
    for options in (["--check"], []):
        outcome = ansible.playbook("deploy_certs", fleet.inventory, *options)
        assert outcome.code != 0
        assert "local_ca_create: true" in outcome.output
        assert "1 sensor" in outcome.output
        assert fleet.snapshot() == before
    new = ansible.playbook("deploy_certs", fleet.inventory, variables={"local_ca_create": True})
    assert new.code == 0, new.output
    assert "issuer: " in new.output
    fleet.verify(FIRST)


def test_a_wrong_passphrase_changes_nothing(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    fleet.set(local_ca_passphrase="this is not the one")
    before = fleet.snapshot()
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert "local_ca_passphrase does not open" in outcome.output
    assert "this is not the one" not in outcome.output
    assert fleet.snapshot() == before


def test_a_short_lived_ca_shortens_but_never_renews_for_it(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(
        tmp_path / "fleet",
        names(1),
        local_ca_issuing_validity_days=30,
        sensor_certificates_validity_days=30,
        sensor_certificates_renew_before_days=29,
    )
    first = ansible.playbook("deploy_certs", fleet.inventory)
    assert first.code == 0, first.output
    assert "issuing.crt expires in" in first.output
    end = run("openssl", "x509", "-in", fleet.file(FIRST, "crt"), "-noout", "-enddate")
    assert end == run("openssl", "x509", "-in", fleet.pki / "local_ca" / "issuing.crt", "-noout", "-enddate")
    assert ansible.playbook("deploy_certs", fleet.inventory).changed == 0
    fleet.set(sensor_certificates_sans=["192.0.2.1"])
    again = ansible.playbook("deploy_certs", fleet.inventory)
    assert "validity shortened from 30 days" in again.output
    assert ansible.playbook("deploy_certs", fleet.inventory).changed == 0


def test_no_secret_is_told_at_any_verbosity(ansible: Any, tmp_path: Path) -> None:
    sensors = {FIRST: {"sensor_certificates_key_passphrase": "Sensor-Secret-1"}}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory, "-vvvv", "--diff", ANSIBLE_DEBUG="1")
    assert outcome.code == 0
    assert PASSPHRASE not in outcome.output
    assert "Sensor-Secret-1" not in outcome.output
    key = fleet.file(FIRST, "key").read_text().splitlines()[1]
    assert key not in outcome.output
    assert "PRIVATE KEY-----" not in outcome.output


def test_variables_that_are_vaulted_inline(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1), local_ca_passphrase=None)
    fleet.set(local_ca_passphrase=None)
    password = tmp_path / "password"
    password.write_text("vault password\n")
    secrets = fleet.folder / "group_vars"
    secrets.mkdir()
    (secrets / "sensors.yml").write_text(
        "".join(
            run(
                Path(sys.executable).parent / "ansible-vault",
                "encrypt_string",
                "--vault-password-file",
                password,
                "--name",
                name,
                value,
            )
            + "\n"
            for name, value in (
                ("local_ca_passphrase", PASSPHRASE),
                ("sensor_certificates_key_passphrase", "Vaulted-Secret-1"),
            )
        )
    )
    options = ("--vault-password-file", str(password))
    outcome = ansible.playbook("deploy_certs", fleet.inventory, *options, "-vvv")
    assert outcome.code == 0, outcome.output
    assert PASSPHRASE not in outcome.output
    assert "Vaulted-Secret-1" not in outcome.output
    run("openssl", "rsa", "-check", "-noout", "-in", fleet.file(FIRST, "key"), "-passin", "pass:Vaulted-Secret-1")
    assert ansible.playbook("deploy_certs", fleet.inventory, *options).changed == 0


def test_an_inventory_folder_is_not_written_into(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "site" / "inventory", names(1))
    outcome = ansible.playbook("deploy_certs", fleet.folder)
    assert outcome.code == 0, outcome.output
    assert (tmp_path / "site" / "defender_iot_pki" / "staged" / FIRST).is_dir()
    assert [path.name for path in fleet.folder.iterdir()] == ["inventory.yml"]
    assert ansible.playbook("deploy_certs", fleet.folder).changed == 0


def test_the_role_by_itself(ansible: Any, tmp_path: Path) -> None:
    """In somebody's own playbook, with variables of the play, over a group of another name."""
    playbook = tmp_path / "own.yml"
    playbook.write_text(
        """
- hosts: appliances
  gather_facts: false
  vars:
    local_ca_key_size: 2048
    sensor_certificates_group: appliances
    sensor_certificates_validity_days: 100
    sensor_certificates_subject: {country: US, organization: Contoso, organizational_unit: OT}
  roles:
    - ot_pki.defender_iot.sensor_certificates
"""
    )
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[appliances]\na.plant.example\nb.plant.example\nc_bad.plant.example\n")
    outcome = ansible.playbook(str(playbook), inventory, variables={"local_ca_passphrase": PASSPHRASE})
    assert outcome.failed == {"c_bad.plant.example"}, outcome.output
    staged = tmp_path / "defender_iot_pki" / "staged"
    assert sorted(path.name for path in staged.glob("[!.]*")) == ["a.plant.example", "b.plant.example"]
    dates = run(
        "openssl", "x509", "-in", staged / "a.plant.example" / "a.plant.example.crt", "-noout", "-checkend", 86400 * 99
    )
    assert "will not expire" in dates
