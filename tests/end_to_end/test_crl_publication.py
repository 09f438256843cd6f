# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoked, published, re-issued, renewed, and looked at from where the sensors stand: the playbooks as users run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

from conftest import Ansible  # noqa: E402
from fleet import PASSPHRASE, Fleet, names, run  # noqa: E402
from web import MISSING_WEB, free_port, nginx  # noqa: E402

ONE, TWO, THREE = names(3)
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


def crl_text(path: Path) -> str:
    return run("openssl", "crl", "-inform", "DER", "-in", path, "-noout", "-text")


def verify(fleet: Fleet, sensor: str, crls: Path) -> str:
    """What OpenSSL says of a staged certificate, CRLs of the whole chain included."""
    files = [str(path) for path in sorted(crls.glob("*.pem"))]
    joined = fleet.folder / "crls"
    joined.write_bytes(b"".join(Path(path).read_bytes() for path in files))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", fleet.root, "-untrusted", fleet.file(sensor, "pem"),
         "-CRLfile", joined, fleet.file(sensor, "crt")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.skipif(bool(MISSING_WEB), reason=str(MISSING_WEB))
def test_from_revocation_to_a_new_certificate(ansible: Ansible, tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    port = free_port("127.0.0.31")
    base = f"http://127.0.0.31:{port}"
    fleet = Fleet(
        tmp_path / "fleet", names(2), local_ca_crl_url=f"{base}/sensors.crl", local_ca_root_crl_url=f"{base}/root.crl",
        crl_access_vantage="jump", crl_access_allow_networks=["127.0.0.0/8"],
    )  # fmt: skip
    fleet.groups = {
        "crl_web_servers": {"hosts": {"web-1": {**LOCAL, "crl_publication_web_dir": str(web)}}},
        "jumps": {"hosts": {"jump": LOCAL}},
    }
    fleet.write()
    published = fleet.pki / "crl"
    with nginx(tmp_path / "nginx", web, "127.0.0.31", port):
        first = ansible.playbook("deploy_certs", fleet.inventory)
        assert first.code == 0, first.output
        assert "CRL of the issuing CA renewed (missing), number 1, 0 entries" in first.output
        assert f"CRL: {base}/sensors.crl is usable from jump: number 1, 0 entries" in first.output
        assert f"CRL: {base}/root.crl is usable from jump" in first.output
        assert sorted(path.name for path in web.iterdir()) == ["root.crl", "sensors.crl"]
        old = fleet.file(ONE, "crt").read_bytes()
        assert ": OK" in verify(fleet, ONE, published)

        again = ansible.playbook("deploy_certs", fleet.inventory)
        assert (again.code, again.changed) == (0, 0), again.output

        what = ["-e", f"revoke_cert_sensor={ONE}", "-e", "revoke_cert_reason=keyCompromise"]
        check = ansible.playbook("revoke_cert", fleet.inventory, *what, "--check")
        assert check.code == 0, check.output
        assert not list((fleet.pki / "local_ca_ledger").glob("*.revoked.json"))
        revoked = ansible.playbook("revoke_cert", fleet.inventory, *what)
        assert revoked.code == 0, revoked.output
        assert "renewed (1 new revocation), number 2, 1 entry" in revoked.output
        assert (web / "sensors.crl").read_bytes() == (published / "sensors.crl").read_bytes()
        assert "Key Compromise" in crl_text(published / "sensors.crl")
        assert "certificate revoked" in verify(fleet, ONE, published)

        seen = ansible.playbook("check_crl", fleet.inventory)
        assert (seen.code, seen.failed) == (2, {ONE}), seen.output
        assert "This certificate has been revoked by the CRL" in seen.output

        anew = ansible.playbook("deploy_certs", fleet.inventory)
        assert anew.code == 0, anew.output
        assert "2 sensors: 1 issued, 1 kept, 0 failed" in anew.output
        assert "revoked: keyCompromise, on" in anew.output
        assert fleet.file(ONE, "crt").read_bytes() != old
        assert ": OK" in verify(fleet, ONE, published)
    for outcome in (first, revoked, anew):
        assert PASSPHRASE not in outcome.output


def test_trouble_with_crls_is_told_at_the_end_and_keeps_nobody_from_a_certificate(
    ansible: Ansible, tmp_path: Path
) -> None:
    closed = f"http://127.0.0.32:{free_port('127.0.0.32')}/issuing.crl"
    fleet = Fleet(
        tmp_path / "fleet",
        names(3),
        local_ca_crl_url=closed,
        crl_access_retries=0,
        crl_access_allow_networks=["127.0.0.0/8"],
    )
    (tmp_path / "file").write_text("not a folder")
    ssh: dict[str, Any] = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
        "ansible_ssh_retries": 0,
    }
    fleet.sensors[TWO] = {"crl_access_vantage": "jump"}
    fleet.sensors[THREE] = {"crl_access_vantage": "gone"}
    fleet.groups = {
        "crl_web_servers": {
            "hosts": {"web-1": {**LOCAL, "crl_publication_web_dir": f"{tmp_path}/file/x"}, "web-2": ssh}
        },
        "jumps": {"hosts": {"jump": LOCAL, "gone": ssh}},
    }
    fleet.write()
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert "3 sensors: 3 issued, 0 kept, 0 failed" in outcome.output
    assert fleet.staged() == [ONE, TWO, THREE]
    # The control node stands elsewhere than the sensors, so its own view only warns.
    assert "CRL WARNING from localhost" in outcome.output
    assert f"CRL FAILED from jump: {closed}: refused" in outcome.output
    assert "CRL FAILED from gone: the vantage gone cannot be reached" in outcome.output
    assert "FAILED CRL copy to web-1" in outcome.output
    assert outcome.failed >= {TWO, THREE}
    assert ONE not in outcome.failed
    assert "Traceback" not in outcome.output


def test_without_a_url_nothing_is_published_or_fetched(ansible: Ansible, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1))
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code == 0, outcome.output
    assert "CRL" not in outcome.output.replace("CRLs", "")
    assert not (fleet.pki / "crl").exists()

    # Nothing tells anybody of such a revocation, but the record knows it.
    revoked = ansible.playbook("revoke_cert", fleet.inventory, "-e", f"revoke_cert_sensor={ONE}")
    assert revoked.code == 0, revoked.output
    assert f"of {ONE} names no CRL, so no sensor and no browser will see that it is revoked" in revoked.output
    seen = ansible.playbook("check_crl", fleet.inventory)
    assert (seen.code, seen.failed) == (2, {ONE}), seen.output
    planned = ansible.playbook("deploy_certs", fleet.inventory, "--check")
    assert planned.code == 0, planned.output
