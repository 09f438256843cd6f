# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A fleet whose certificates come from many issuers, as users run it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
import ca_servers  # noqa: E402
import corporate_pki as pki  # noqa: E402
from fleet import Fleet  # noqa: E402
from issuing_site import answer  # noqa: E402


def cn(number: int) -> str:
    return f"sensor-{number}.plant.example"


@pytest.fixture(scope="module")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ca_servers.Bao]:
    with ca_servers.bao(tmp_path_factory.mktemp("bao")) as server:
        yield server


def issuer(name: str) -> dict[str, Any]:
    return {"sensor_certificates_issuer": name}


@pytest.fixture
def proxy(openbao: ca_servers.Bao) -> Iterator[ca_servers.Between]:
    with ca_servers.between(openbao.url) as made:
        yield made


@pytest.fixture
def fleet(tmp_path: Path, openbao: ca_servers.Bao, proxy: ca_servers.Between) -> Fleet:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "root.crt").write_bytes(pki.root().crt)
    (folder / "token").write_text(ca_servers.TOKEN + "\n")
    vault = {"kind": "vault", "role": "sensors"}
    return Fleet(
        folder,
        {
            cn(1): issuer("local_ca"),
            cn(2): issuer("north"),
            cn(3): issuer("south"),
            cn(4): issuer("corp"),
            cn(5): issuer("south"),
            cn(6): issuer("local_ca"),
            cn(7): {**issuer("corp"), "sensor_certificates_key_passphrase": "Sensor.7"},
        },
        sensor_certificates_issuers={
            "north": {
                **vault, "url": openbao.url, "mount": openbao.engine(max_ttl="2160h"),
                "token": "{{ north_token | default('') }}",
            },
            "south": {**vault, "url": proxy.url, "mount": openbao.engine(), "token_file": str(folder / "token")},
            "corp": {"kind": "request_folder", "trusted_roots": [str(folder / "root.crt")], "template": "OTSensor"},
        },
    )  # fmt: skip


def respond(fleet: Fleet) -> None:
    """The PKI department's answers to everything that lies in the outbox."""
    inbox = fleet.pki / "inbox" / "corp"
    inbox.mkdir(parents=True, exist_ok=True)
    for request in (fleet.pki / "outbox" / "corp").glob("*.csr"):
        (inbox / f"{request.stem}.cer").write_bytes(answer(request.read_bytes()).crt + pki.issuing().crt)


def test_a_mixed_fleet_of_which_one_issuer_fails_in_the_middle(
    ansible: Any, fleet: Fleet, proxy: ca_servers.Between
) -> None:
    secrets = {"north_token": ca_servers.TOKEN}
    planned = ansible.playbook("deploy_certs", fleet.inventory, "--check", variables=secrets)
    assert planned.code == 0, planned.output
    assert not fleet.pki.exists()
    assert proxy.seen == []
    south = [0]

    def plan(_method: str, path: str) -> ca_servers.Told | None:
        south[0] += "/sign" in path
        return ca_servers.DROP if south[0] > 1 else None

    proxy.plan = plan
    run = ansible.playbook("deploy_certs", fleet.inventory, "-vvv", variables=secrets)
    assert run.code != 0
    assert len(run.failed & {cn(3), cn(5)}) == 1, run.output
    assert run.failed < {cn(3), cn(5)}, run.output
    (lost,) = run.failed
    done = {cn(3), cn(5)} - {lost}
    assert fleet.staged() == sorted({cn(1), cn(2), cn(6)} | done)
    assert "7 sensors: 4 issued, 0 kept, 2 pending, 1 failed" in run.output
    assert f"FAILED {lost}" in run.output
    # Who issued what is said.
    assert "By issuer: corp 2, local_ca 2, north 1, south 1" in run.output
    assert "requested from corp" in run.output
    assert ca_servers.TOKEN not in run.output, "with -vvv, too"
    proxy.plan = lambda _method, _path: None
    respond(fleet)
    run = ansible.playbook("deploy_certs", fleet.inventory, variables=secrets)
    assert run.code == 0, run.output
    assert "7 sensors: 3 issued, 4 kept, 0 failed" in run.output
    assert fleet.staged() == [cn(number) for number in range(1, 8)]
    again = ansible.playbook("deploy_certs", fleet.inventory, variables=secrets)
    assert again.code == 0, again.output
    assert "7 sensors: 0 issued, 7 kept, 0 failed" in again.output
    assert again.changed == 0, again.output


def test_pending_is_no_failure_and_what_is_staged_stays(ansible: Any, fleet: Fleet) -> None:
    """A fleet that moves from the embedded CA to the organization's keeps its bundles until the answers come."""
    corp = {cn(4): {}, cn(7): {}}
    fleet.sensors = corp
    fleet.set(sensor_certificates_issuers={"corp": fleet.variables["sensor_certificates_issuers"]["corp"]})
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    before = fleet.file(cn(4), "crt").read_bytes()
    for number in (4, 7):
        corp[cn(number)] = issuer("corp")
    fleet.write()
    for _run in range(2):
        run = ansible.playbook("deploy_certs", fleet.inventory)
        assert run.code == 0, run.output
        assert "0 issued, 0 kept, 2 pending, 0 failed" in run.output
        assert fleet.file(cn(4), "crt").read_bytes() == before
    assert run.changed == 0
    respond(fleet)
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert run.code == 0, run.output
    assert "2 sensors: 2 issued" in run.output
    assert "validity: asked 730 days, given 701 days" in run.output
    assert fleet.file(cn(4), "crt").read_bytes() != before
    assert not list((fleet.pki / "outbox" / "corp").glob("*.csr"))
    assert shutil.which("openssl")


def test_a_misspelt_setting_fails_its_sensors_and_shows_no_secret(ansible: Any, fleet: Fleet) -> None:
    fleet.sensors = {cn(1): issuer("local_ca"), cn(2): issuer("north")}
    fleet.set(
        sensor_certificates_issuers={
            "north": {"kind": "vault", "url": "http://127.0.0.1:1", "mount": "pki", "role": "r", "tokn": "s3cret-token"}
        }
    )
    run = ansible.playbook("deploy_certs", fleet.inventory, "-vvv")
    assert run.failed == {cn(2)}, run.output
    assert "sensor_certificates_issuers.north.tokn" in run.output
    assert "did you mean token?" in run.output
    assert "s3cret-token" not in run.output
    assert fleet.staged() == [cn(1)]
    fleet.set(sensor_certificates_issuers={"north": {"kind": "valut"}})
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert "sensor_certificates_issuers.north.kind is 'valut'" in run.output
    assert "did you mean vault?" in run.output
    fleet.sensors = {cn(2): issuer("nroth")}
    fleet.write()
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert run.code != 0


def test_the_embedded_ca_is_changed(ansible: Any, tmp_path: Path) -> None:
    """Another passphrase, a new issuing CA with its wave, and the organization's root above it."""
    fleet = Fleet(tmp_path / "site", {cn(1): {}, cn(2): {}})
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    new = {"local_ca_new_passphrase": "an entirely different phrase", "change_ca_action": "passphrase"}
    run = ansible.playbook("change_ca", fleet.inventory, "-vvv", variables=new)
    assert run.code == 0, run.output
    assert "2 keys of the CA" in run.output
    assert "an entirely different phrase" not in run.output.replace("variables.json", "")
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert "local_ca_passphrase does not open" in run.output
    fleet.set(local_ca_passphrase="an entirely different phrase")
    assert ansible.playbook("deploy_certs", fleet.inventory).changed == 0
    before = fleet.file(cn(1), "crt").read_bytes()
    run = ansible.playbook("change_ca", fleet.inventory, variables={"change_ca_action": "issuing"})
    assert run.code == 0, run.output
    run = ansible.playbook("deploy_certs", fleet.inventory, variables={"sensor_certificates_max_changes": 1})
    assert run.code == 0, run.output
    assert "2 sensors: 1 issued, 1 kept" in run.output
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert fleet.file(cn(1), "crt").read_bytes() != before
    fleet.verify(cn(1))
    run = ansible.playbook("change_ca", fleet.inventory, variables={"change_ca_action": "request"})
    assert run.code == 0, run.output
    request = fleet.pki / "outbox" / "local_ca" / "issuing.csr"
    issued = answer(request.read_bytes(), pki.root(), days=(-1, 2900))
    (tmp_path / "answer.p7b").write_bytes(pki.p7b(tmp_path, issued, pki.root()))
    variables = {"change_ca_action": "install", "change_ca_certificate": str(tmp_path / "answer.p7b")}
    planned = ansible.playbook("change_ca", fleet.inventory, "--check", variables=variables)
    assert planned.code == 0, planned.output
    run = ansible.playbook("change_ca", fleet.inventory, variables=variables)
    assert run.code == 0, run.output
    assert fleet.root.read_bytes() == pki.root().crt
    run = ansible.playbook("deploy_certs", fleet.inventory)
    assert run.code == 0, run.output
    fleet.verify(cn(2))
    again = ansible.playbook("deploy_certs", fleet.inventory)
    assert again.changed == 0, again.output
    run = ansible.playbook("change_ca", fleet.inventory, variables={"change_ca_action": "pasphrase"})
    assert run.code != 0
    assert "change_ca_action is 'pasphrase'; wanted: one of passphrase, issuing, request, install" in run.output
