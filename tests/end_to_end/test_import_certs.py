# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""cert_convert and the playbook import_certs, as users run them."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
import corporate_pki as pki  # noqa: E402
from fleet import Fleet  # noqa: E402


def cn(number: int) -> str:
    return f"sensor-{number}.plant.example"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    folder = tmp_path / "site"
    inbox = folder / "defender_iot_pki" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "one.pfx").write_bytes(pki.pfx(tmp_path, pki.sensor(cn(1)), "Vaulted.1", "-legacy"))
    (inbox / "two.zip").write_bytes(pki.archive({"2.cer": pki.sensor(cn(2)).der, "2.key": pki.sensor(cn(2)).private()}))
    (inbox / "three.cer").write_bytes(pki.sensor(cn(3)).der)
    (folder / "cas.p7b").write_bytes(pki.p7b(tmp_path, pki.root(), pki.issuing()))
    (folder / "root.crt").write_bytes(pki.root().crt)
    made = Fleet(
        folder,
        {
            cn(1): {},
            "two": {"sensor_certificates_common_name": cn(2), "sensor_certificates_key_passphrase": "Staged.2"},
            cn(3): {},
            cn(4): {},
        },
        import_certificates_ca_files=[str(folder / "cas.p7b")],
        import_certificates_trusted_roots=[str(folder / "root.crt")],
    )
    for unused in ("local_ca_passphrase", "local_ca_key_size", "sensor_certificates_subject"):
        made.set(**{unused: None})
    return made


def test_a_delivery_is_staged_and_what_is_not_is_said(ansible: Any, fleet: Fleet) -> None:
    secrets = {"import_certificates_passphrases": ["Vaulted.1"]}
    planned = ansible.playbook("import_certs", fleet.inventory, "--check", "--diff", variables=secrets)
    assert planned.failed == {cn(3)}, planned.output
    assert "4 sensors: 2 to be issued, 0 to be kept, 1 pending, 1 cannot be done" in planned.output
    assert not fleet.stage.exists()
    run = ansible.playbook("import_certs", fleet.inventory, variables=secrets)
    assert run.code != 0
    assert run.failed == {cn(3)}, run.output
    assert "three.cer is missing; no key among the files belongs to it" in run.output
    assert f"no files were received for it: {cn(4)}" in run.output
    assert sorted(path.name for path in fleet.stage.iterdir() if not path.name.startswith(".")) == [cn(1), "two"]
    for sensor, number in ((cn(1), 1), ("two", 2)):
        folder = fleet.stage / sensor
        assert (folder / f"{cn(number)}.crt").read_bytes() == pki.sensor(cn(number)).crt
        assert (folder / f"{cn(number)}.pem").read_bytes() == pki.chain()
        assert stat.S_IMODE((folder / f"{cn(number)}.key").stat().st_mode) == 0o600
    assert b"ENCRYPTED" in (fleet.stage / "two" / f"{cn(2)}.key").read_bytes()
    again = ansible.playbook("import_certs", fleet.inventory, variables=secrets)
    assert again.changed == 0, again.output
    for output in (planned.output, run.output, again.output):
        assert "Vaulted.1" not in output
        assert "Staged.2" not in output
        assert "PRIVATE KEY" not in output


def test_a_file_that_cannot_be_used_does_not_end_well(ansible: Any, fleet: Fleet) -> None:
    run = ansible.playbook("import_certs", fleet.inventory, "--limit", "two")
    assert run.failed == {"two"}, run.output
    assert "the run's failure, no sensor's: 1 received file cannot be used" in run.output
    assert "one.pfx: the PKCS#12 file is protected, and no passphrase is given" in run.output
    assert (fleet.stage / "two").is_dir(), "what could be done is done"
    relaxed = {"import_certificates_fail_on_unusable": False}
    assert ansible.playbook("import_certs", fleet.inventory, "--limit", "two", variables=relaxed).code == 0


def test_the_role_by_itself(ansible: Any, fleet: Fleet) -> None:
    play = fleet.folder / "play.yml"
    play.write_text(
        "- hosts: sensors\n  gather_facts: false\n  roles:\n"
        "    - {role: ot_pki.defender_iot.import_certificates, run_once: true}\n"
    )
    variables = {"import_certificates_passphrases": ["Vaulted.1"]}
    run = ansible.playbook(str(play), fleet.inventory, "--limit", f"{cn(1)},two", variables=variables)
    assert run.code == 0, run.output
    assert (fleet.stage / cn(1)).is_dir()


def test_cert_convert_four_times(ansible: Any, tmp_path: Path) -> None:
    """In Ansible's own process, and as a module (async needs one): check mode, real, check mode, real."""
    (tmp_path / "in.pfx").write_bytes(pki.pfx(tmp_path, pki.sensor(cn(1)), "Input.1"))
    tasks: list[dict[str, Any]] = []
    for way in ("process", "module"):
        options = {
            "src": str(tmp_path / "in.pfx"),
            "passphrase": "Input.1",
            "outputs": {kind: str(tmp_path / f"{way}.{kind}") for kind in ("crt", "key", "pem", "p12")},
            "output_passphrase": "Output.1",
        }
        for step, check_mode in enumerate((True, False, True, False), start=1):
            task = {"name": f"{way} {step}", "ot_pki.defender_iot.cert_convert": options, "check_mode": check_mode}
            if way == "module" and not check_mode:
                task |= {"async": 60, "poll": 1}
            # A test of Jinja, as the files are on this machine: cheaper than a module.
            there = f"({str(tmp_path / way)!r} ~ '.key') is {'not ' if step == 1 else ''}exists"
            changed = f"outcome is {'' if step < 3 else 'not '}changed"
            tasks += [
                {**task, "register": "outcome"},
                {"name": "Look", "ansible.builtin.assert": {"that": [there, changed]}},
            ]
    run = ansible.tasks(tasks, "-v", "--diff", variables={"ansible_async_dir": str(tmp_path / "async")})
    assert run.code == 0, run.output
    assert "put.1" not in run.output
    for way in ("process", "module"):
        assert stat.S_IMODE((tmp_path / f"{way}.key").stat().st_mode) == 0o600


def test_cert_convert_says_what_is_wrong(ansible: Any, tmp_path: Path) -> None:
    (tmp_path / "portal.cer").write_bytes(b"<html>")
    cases = {
        "saved_html": {"src": str(tmp_path / "portal.cer"), "outputs": {"crt": str(tmp_path / "out.crt")}},
        "saved_kind": {"src": "/x", "outputs": {"jks": "/y"}},
    }
    tasks = [
        {"name": name, "ot_pki.defender_iot.cert_convert": options, "register": name, "ignore_errors": True}
        for name, options in cases.items()
    ]
    saved = ansible.tasks(tasks).saved
    assert saved["saved_html"]["failed"]
    assert saved["saved_html"]["findings"][0]["id"] == "src.unknown-format"
    assert "it is an HTML page" in saved["saved_html"]["msg"]
    assert "outputs has 'jks'; wanted: crt, crt_der, key, pem, p12, p7b" in saved["saved_kind"]["msg"]
