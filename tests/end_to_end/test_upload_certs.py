# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Uploads by the sensors' own command: nothing needs Python there, nothing stays there, and a failure is taken back."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from fleet import Fleet, names
from sensor_twin import MISSING, Twin, sensor_twins

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
ONE, TWO, THREE, FOUR, FIVE = names(5)
SECRET = "Sesame-open_7%"


def presented(twin: Twin) -> str:
    """What the console presents, as SHA-256."""
    pem = ssl.get_server_certificate((twin.address, twin.https_port))
    return sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def staged(fleet: Fleet, sensor: str) -> str:
    return sha256(ssl.PEM_cert_to_DER_cert(fleet.file(sensor, "crt").read_text())).hexdigest()


@contextlib.contextmanager
def site(
    ansible: Any, folder: Path, count: int, own: dict[str, dict[str, Any]] | None = None, **variables: Any
) -> Iterator[tuple[Fleet, dict[str, Twin]]]:
    """So many sensors with certificates that are staged and not uploaded.

    :param own: variables of single sensors.
    """
    with sensor_twins(folder / "twins", count) as made:
        twins = dict(zip(names(count), made, strict=True))
        hosts = {sensor: {**twin.variables, **(own or {}).get(sensor, {})} for sensor, twin in twins.items()}
        fleet = Fleet(folder / "fleet", hosts, **{"sensor_upload_timeout": 20, **variables})
        outcome = ansible.playbook("deploy_certs", fleet.inventory)
        assert outcome.code == 0, outcome.output
        yield fleet, twins


def python_of(twin: Twin) -> str:
    """What a shell on the sensor answers as Python's version; this machine answers with one."""
    names = " ".join([sys.executable, os.path.realpath(sys.executable), "python3", "/usr/bin/python3"])
    ask = f"for each in {names}; do $each -c 'print(1)' 2>/dev/null; done"
    assert "1" in subprocess.run(["sh", "-c", ask], capture_output=True, text=True, check=False).stdout
    options = ["-i", str(twin.private_key), "-p", str(twin.ssh_port), "-o", "StrictHostKeyChecking=no"]
    command = ["ssh", *options, "-o", "UserKnownHostsFile=/dev/null", f"root@{twin.address}", ask]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout


def told(output: str) -> str:
    return " ".join(output.split())


def to_upload(ansible: Any, fleet: Fleet) -> str:
    return str(ansible.playbook("report", fleet.inventory, "-e", "fleet_report_query=summary.to_upload").output)


def test_a_fleet_is_uploaded_to_and_then_left_alone(ansible: Any, tmp_path: Path) -> None:
    """One sensor first, then in parts; a key with a passphrase, and a sensor without the command among them."""
    own = {TWO: {"sensor_certificates_key_passphrase": SECRET}, FOUR: {"sensor_upload_command": "no-such-command"}}
    with site(ansible, tmp_path, 4, own) as (fleet, twins):
        fleet.groups = {"plant_a": {"hosts": dict.fromkeys((ONE, TWO, THREE))}, "plant_b": {"hosts": {FOUR: None}}}
        fleet.write()
        # No module could run there: the twins have no Python.
        assert python_of(twins[ONE]) == ""
        before, were = fleet.snapshot(), {sensor: presented(twin) for sensor, twin in twins.items()}
        checked = ansible.playbook("upload_certs", fleet.inventory, "--check", "--diff")
        assert checked.code == 0, checked.output
        assert "would be uploaded to (check mode: nothing was copied)" in checked.output
        assert (fleet.snapshot(), {sensor: presented(twin) for sensor, twin in twins.items()}) == (before, were)

        done = ansible.playbook("upload_certs", fleet.inventory, "-vvvv")
        assert done.code == 0, done.output
        assert SECRET not in done.output
        assert "PRIVATE KEY" not in done.output
        for sensor in (ONE, TWO, THREE):
            assert presented(twins[sensor]) == staged(fleet, sensor)
            twin = twins[sensor]
            assert twin.left() == []
            assert (twin.home / "seen-mode").read_text() == "700\n"
            modes = [line.split()[0] for line in (twin.home / "seen-files").read_text().splitlines()[1:]]
            assert modes == ["-rw-------"] * len(modes)
            assert len(modes) == 4, modes  # with the file for the command's answer
            # Of all processes above the command none has it; the command itself takes it in no other way.
            above = (twin.home / "seen-above").read_text()
            assert "sshd" in above
            assert SECRET not in above
        assert presented(twins[FOUR]) == were[FOUR]
        words = told(done.output)
        assert "3 uploaded, 1 by hand in the console, 0 present their certificate already" in words
        assert f"{FOUR}: it has no no-such-command, so its certificate is uploaded in its console" in words
        assert "System settings > Basic > SSL/TLS certificate" in words
        events = sorted(os.listdir(fleet.pki / "local_ca_ledger" / "events"))
        assert sum("-uploaded-" in name for name in events) == 2, events  # the first sensor, and the part after it

        again = ansible.playbook("upload_certs", fleet.inventory)
        assert (again.code, again.changed) == (0, 0), again.output
        assert "0 uploaded, 1 by hand in the console, 3 present their certificate already" in told(again.output)
        assert '"msg": 1' in to_upload(ansible, fleet).replace('"msg": "1"', '"msg": 1')


def cut(twin: Twin, happened: threading.Event) -> None:
    """Once the command runs on the sensor, end the server's side of its connection; then let the command go on."""
    deadline = time.monotonic() + 120
    while not (twin.home / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    for above in (twin.home / "above").read_text().split():
        with contextlib.suppress(OSError):
            title = Path("/proc", above, "cmdline").read_text()
            # Not the one that listens: it serves the other twins too.
            if title.startswith("sshd: ") and "[listener]" not in title:
                os.kill(int(above), 9)
                happened.set()
    (twin.home / "wake").touch()


def test_what_goes_wrong_is_told_and_taken_back(ansible: Any, tmp_path: Path) -> None:
    own = {FOUR: {"sensor_certificates_key_passphrase": SECRET}}
    with site(ansible, tmp_path, 5, own, sensor_upload_max_failures=5, sensor_upload_timeout=12) as (fleet, twins):
        assert ansible.playbook("upload_certs", fleet.inventory).code == 0
        first = {sensor: presented(twin) for sensor, twin in twins.items()}
        assert first == {sensor: staged(fleet, sensor) for sensor in twins}
        reissue = {"sensor_certificates_reissue": True}
        assert ansible.playbook("deploy_certs", fleet.inventory, variables=reissue).code == 0

        # The run stops after the first sensor; the others are left alone.
        for sensor, mood in ((ONE, "asleep"), (TWO, "broken"), (THREE, "slow")):
            twins[sensor].mood(mood)
        stopped = ansible.playbook("upload_certs", fleet.inventory, "-e", "sensor_upload_max_failures=0")
        assert stopped.failed == {ONE}, stopped.output
        assert "4 left alone, since a part before them failed" in told(stopped.output)
        assert {sensor: presented(twin) for sensor, twin in twins.items()} == first

        fleet.sensors[FOUR]["sensor_certificates_key_passphrase"] = SECRET + "8"
        fleet.sensors[FIVE]["live_check_port"] = 9  # nothing answers there
        fleet.write()
        happened = threading.Event()
        cutter = threading.Thread(target=cut, args=(twins[THREE], happened))
        cutter.start()
        done = ansible.playbook("upload_certs", fleet.inventory)
        cutter.join()
        assert happened.is_set()
        assert done.failed == {ONE, TWO, FOUR, FIVE}, done.output
        words = told(done.output)
        back = "the earlier certificate was put back, and the console presents it"
        silent = "the command took the certificate, but the console did not show it in time"
        assert words.count(silent) >= 2, words
        assert words.count(back) >= 2, words
        assert "Passphrase does not match to the key; the console presents what it did before" in words
        assert "since nobody could tell whether an upload has worked, nothing was copied" in words
        assert SECRET not in done.output
        # The connection broke, the command did not: what the console presents counts.
        assert f"{THREE}: the connection broke: " in words
        assert {sensor: presented(twins[sensor]) for sensor in (ONE, TWO, FOUR, FIVE)} == {
            sensor: first[sensor] for sensor in (ONE, TWO, FOUR, FIVE)
        }
        assert presented(twins[THREE]) == staged(fleet, THREE) != first[THREE]
        assert [twin.left() for twin in twins.values()] == [[]] * len(twins)


def test_without_an_earlier_bundle_that_is_said(ansible: Any, tmp_path: Path) -> None:
    with site(ansible, tmp_path, 1, sensor_upload_timeout=8) as (fleet, twins):
        twins[ONE].mood("asleep")
        silent = ansible.playbook("upload_certs", fleet.inventory)
        assert silent.failed == {ONE}, silent.output
        assert "no earlier bundle of this sensor is kept, so none could be put back" in told(silent.output)
        fleet.sensors[ONE]["sensor_upload_dir"] = str(twins[ONE].home / "missing")
        fleet.write()
        nowhere = ansible.playbook("upload_certs", fleet.inventory)
        assert "nothing was imported: the folder" in told(nowhere.output), nowhere.output
        fleet.sensors[ONE].update(sensor_upload_dir=str(twins[ONE].temporary), ansible_port=9)
        fleet.write()
        away = ansible.playbook("upload_certs", fleet.inventory)
        assert away.failed == {ONE}, away.output
        # Ansible's own words before that depend on whether it was writing already.
        words = told(away.output)
        assert "nothing was copied: " in words, words
        assert "port 9: Connection refused" in words, words
        assert twins[ONE].left() == []


def test_the_role_in_a_playbook_of_ones_own(ansible: Any, tmp_path: Path) -> None:
    """With what only some inventories have: root by su, a passphrase encrypted in place, a host that looks for us."""
    password = tmp_path / "vault-password"
    password.write_text("for this test alone\n")
    vault = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
    encrypt = [
        str(ansible.programs / "ansible-vault"),
        "encrypt_string",
        "--name",
        "sensor_certificates_key_passphrase",
    ]
    encrypted = subprocess.run([*encrypt, SECRET], env=ansible.environment(**vault), capture_output=True, check=True)
    assert b"!vault" in encrypted.stdout
    with sensor_twins(tmp_path / "twins", 3) as made:
        twins = dict(zip((ONE, TWO, THREE), made, strict=True))
        hosts = {sensor: twin.variables for sensor, twin in twins.items()}
        hosts[ONE].update(sensor_upload_become=True, ansible_become_method="su")
        hosts[THREE].update(sensor_upload_command="no-such-command")
        fleet = Fleet(tmp_path / "fleet", hosts, sensor_upload_timeout=20, live_check_vantage="lookout")
        fleet.groups = {"lookouts": {"hosts": {"lookout": {"ansible_connection": "local"}}}}
        fleet.write()
        (fleet.folder / "host_vars").mkdir()
        (fleet.folder / "host_vars" / f"{TWO}.yml").write_bytes(encrypted.stdout)
        assert ansible.playbook("deploy_certs", fleet.inventory, **vault).code == 0
        assert b"ENCRYPTED" in fleet.file(TWO, "key").read_bytes()
        # A sensor that would refuse the chain if it validated it is not told to.
        chain = fleet.file(THREE, "pem")
        chain.write_text(chain.read_text().split("-----BEGIN CERTIFICATE-----")[0])

        playbook = tmp_path / "own.yml"
        playbook.write_text("- hosts: sensors\n  gather_facts: false\n  roles: [ot_pki.defender_iot.sensor_upload]\n")
        done = ansible.playbook(str(playbook), fleet.inventory, "-vvvv", ANSIBLE_BECOME_ALLOW_SAME_USER="true", **vault)
        assert done.code == 0, done.output
        assert SECRET not in done.output
        assert "Look from the vantage host" in done.output
        assert [presented(twins[name]) for name in (ONE, TWO)] == [staged(fleet, name) for name in (ONE, TWO)]
        assert "su" in (twins[ONE].home / "seen-above").read_text().split()
        assert "su" not in (twins[TWO].home / "seen-above").read_text().split()
        assert [twin.left() for twin in twins.values()] == [[], [], []]
        assert "Validation: None (chain." in told(done.output), done.output
