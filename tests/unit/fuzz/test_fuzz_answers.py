# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What CAs answer, what waits for it, and what people write about a fleet: a fault of one sensor's is that one's."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corporate_pki as pki
import fuzz_places as places
import issuing_site
import pytest
import yaml
from ansible_collections.ot_pki.defender_iot.plugins.action.fleet_inputs import (
    CERTIFICATES,
    CONSOLES,
    REPORT,
    _Gathered,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import Batch, Obtaining
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers import http
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.http import HttpAnswer, HttpRequest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import (
    check_described,
    known_names,
    make_issuers,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles import loading
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import validate_bundles
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.source import Source
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import host_variables
from fuzz_places import HOSTILE, INNOCENT, no_fault_of_ours
from fuzzing import Target, mutations, seeds_and_finds
from issuing_site import SUBJECT

# Nobody waits between attempts.
http._PAUSES = (0.0,)
VAULT = {"kind": "vault", "url": "http://ca.example", "mount": "pki", "role": "ot", "token": "t"}
CFSSL = {"kind": "cfssl", "url": "http://ca.example", "auth_key": "00ff"}


# --- A site whose two sensors have asked, and wait ----------------------------------------------------


class Place:
    """Folders of a site, as a copy of those of a site that has asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = StageFolder(str(folder / "staged"))
        self.ledger = Ledger(str(folder / "ledger"))
        self.waiting = folder / "staged" / ".waiting"

    def run(self, settings: dict[str, Any], call: Callable[[HttpRequest], HttpAnswer] | None = None) -> Any:
        """One run for both sensors, the hostile one first."""
        described = check_described({"outside": settings})
        run = Run(moments.now(), False, ot_pki_dir=str(self.folder), ledger=self.ledger, http=call)
        issuers = make_issuers(["outside"], described, run)
        tools = Tools(run.moment, FleetState(self.stage, self.ledger))
        sensors = [{"name": name, "subject": SUBJECT, "issuer": "outside"} for name in (HOSTILE, INNOCENT)]
        batch = Batch(known_names(described), lock_timeout=0.0)
        return Obtaining(self.stage, self.ledger, issuers, tools, batch).run(sensors, [])

    def csr(self, sensor: str) -> bytes:
        """The request that waits for an answer."""
        return next(self.waiting.glob(f"{sensor}/*/*.csr")).read_bytes()


@functools.cache
def asked() -> Place:
    """The site; making its keys takes its time."""
    place = Place(places.scratch("asked") / "pki")
    (place.folder).mkdir()
    (place.folder / "root.pem").write_bytes(pki.root().crt)
    outcomes = place.run(_folder(place))
    assert {outcome.action for outcome in outcomes} == {"pending"}, outcomes
    return place


def _folder(place: Place) -> dict[str, Any]:
    return {"kind": "request_folder", "trusted_roots": [str(place.folder / "root.pem")]}


@functools.cache
def answer(sensor: str) -> pki.Issued:
    """What the CA makes of a sensor's request."""
    return issuing_site.answer(asked().csr(sensor))


def _again(name: str) -> Place:
    return Place(places.fresh(name, asked().folder))


def _done(outcomes: Any) -> None:
    assert outcomes[1].action == "issued", outcomes[1]
    no_fault_of_ours([outcome.to_dict() for outcome in outcomes])


def inbox(data: bytes) -> None:
    """Any file in the inbox, beside the answer for the innocent sensor."""
    place = _again("inbox")
    folder = place.folder / "inbox" / "outside"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "good.cer").write_bytes(answer(INNOCENT).crt + pki.chain())
    (folder / places.chosen(data, ("a.cer", "a.p7b", "z.zip", "z"))).write_bytes(data)
    _done(place.run(_folder(place)))


def waiting(data: bytes) -> None:
    """A damaged file of the key that waits for the hostile sensor's certificate, or of the outbox."""
    place = _again("waiting")
    folder = place.folder / "inbox" / "outside"
    folder.mkdir(parents=True, exist_ok=True)
    for sensor in (INNOCENT, HOSTILE):
        (folder / f"{sensor}.cer").write_bytes(answer(sensor).crt + pki.chain())
    mine = sorted([*place.waiting.glob(f"{HOSTILE}/*/*"), *(place.folder / "outbox" / "outside").glob("*.csv")])
    places.chosen(data, mine).write_bytes(data)
    _done(place.run(_folder(place)))


def _waiting_files() -> list[bytes]:
    place = asked()
    paths = [*place.waiting.glob(f"{HOSTILE}/*/*"), *(place.folder / "outbox" / "outside").glob("*.csv")]
    return [path.read_bytes() for path in paths]


# --- Servers ----------------------------------------------------------------------------------------


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _vault_signed(sensor: str) -> bytes:
    made = answer(sensor).crt.decode()
    return _json(
        {"data": {"certificate": made, "issuing_ca": pki.issuing().crt.decode(), "ca_chain": [pki.chain().decode()]}}
    )


# What a server says to each question that is asked once for all; by a part of the question's path.
_VAULT = {
    "capabilities-self": _json({"data": {"pki/sign-verbatim/ot": ["update"], "pki/sign/ot": ["update"]}}),
    "roles/ot": _json({"data": {"allow_any_name": True, "allowed_domains": ["plant.example"], "max_ttl": 1}}),
    "certs/detailed": _json({"data": {"keys": ["17:aa"], "key_info": {"17:aa": {"common_name": HOSTILE}}}}),
    "cert/17": _json({"data": {"certificate": pki.sensor(HOSTILE).crt.decode()}}),
    "cert/ca_chain": _json({"data": {"certificate": pki.chain().decode()}}),
}


def _served(
    data: bytes, table: dict[str, bytes], signed: Callable[[str], bytes], own: bool
) -> Callable[[HttpRequest], HttpAnswer]:
    """A server that gives the hostile answer in one place: to what is asked for one sensor, or for all."""
    place = "" if own else places.chosen(data, tuple(table))
    status = places.chosen(data[::-1], (200, 200, 200, 400, 403, 404, 500))

    def call(request: HttpRequest) -> HttpAnswer:
        path = request.url.partition("://")[2]
        for part, good in table.items():
            if part in path:
                return HttpAnswer(status, data, "application/json") if part == place else HttpAnswer(200, good)
        if "sign" not in path:
            return HttpAnswer(404)
        name = INNOCENT if _asked_in(request.body or b"") == asked().csr(INNOCENT).decode() else HOSTILE
        return (
            HttpAnswer(status, data, "application/json") if name == HOSTILE and own else HttpAnswer(200, signed(name))
        )

    return call


def _asked_in(body: bytes) -> str:

    content = json.loads(body)
    if "request" in content:
        content = json.loads(base64.b64decode(content["request"]))
    return str(content.get("csr") or content.get("certificate_request"))


def vault(data: bytes) -> None:
    """The answer for one sensor."""
    place = _again("vault")
    _done(place.run(VAULT, _served(data, _VAULT, _vault_signed, own=True)))


def vault_shared(data: bytes) -> None:
    """What is asked once concerns all: refusing is right, an exception is not."""
    place = _again("vault_shared")
    no_fault_of_ours(
        [outcome.to_dict() for outcome in place.run(VAULT, _served(data, _VAULT, _vault_signed, own=False))]
    )


def _cfssl_signed(sensor: str) -> bytes:
    return _json(
        {"success": True, "result": {"certificate": answer(sensor).crt.decode()}, "errors": [], "messages": []}
    )


_CFSSL = {"/info": _json({"success": True, "result": {"certificate": pki.chain().decode(), "usages": ["signing"]}})}


def cfssl(data: bytes) -> None:
    place = _again("cfssl")
    own = bool(places.chosen(data, (1, 1, 1, 0)))
    outcomes = place.run(
        {**CFSSL, "trusted_roots": [str(place.folder / "root.pem")]}, _served(data, _CFSSL, _cfssl_signed, own)
    )
    if own:
        _done(outcomes)
    no_fault_of_ours([outcome.to_dict() for outcome in outcomes])


# --- What people write ------------------------------------------------------------------------------

_PROFILE = {
    "extends": "defender_iot", "name": "ours", "required_fields": ["C", "O", "OU"], "subject_allowed": {"O": ["Contoso"]},
    "allowed_key_bits": [2048, 4096], "min_key_bits": 2048, "max_validity_days": 800, "san_required": True,
    "ignore": ["crt.expires-soon"], "severities": {"crt.ski-missing": "error"},
    "rules": [{
        "id": "org.x", "when": "days_left > `10` && length(dns_names[?ends_with(@, 'example')]) == `1`",
        "severity": "warning", "message": "m", "hint": "h",
    }],
}  # fmt: skip


def profile(data: bytes) -> None:
    """A profile file; one that can be read judges certificates."""
    path = places.fresh("profile") / "ours.yml"
    path.write_bytes(data)
    loaded = loading.load_profile(str(path))
    bundle = Bundle("x", Source("x.crt", pki.sensor(INNOCENT).crt), chain=Source("x.pem", pki.chain()))
    report = validate_bundles([bundle], Policy(loaded))
    assert not [entry for entry in report.results[0].findings if entry.id == "engine.failure"], report


_SENSOR = {
    "sensor_certificates_common_name": HOSTILE, "sensor_certificates_sans": ["192.0.2.1", "x.plant.example"],
    "sensor_certificates_key_size": 2048, "sensor_certificates_key_passphrase": "Secret.1",
    "sensor_certificates_validity_days": 700, "sensor_certificates_renew_before_days": 30,
    "sensor_certificates_renew_spread_days": 3, "sensor_certificates_environment": "production",
    "sensor_certificates_subject": SUBJECT, "sensor_certificates_issuer": "local_ca", "ansible_host": "192.0.2.5",
    "hosts_entries_ip": ["192.0.2.5", "2001:db8::1"], "live_check_port": 443, "live_check_host": "a.example",
    "crl_access_vantage": "jump", "sensor_certificates_reissue": False,
}  # fmt: skip
_RUN = {
    "local_ca_passphrase": "correct horse battery", "local_ca_dir": "/nowhere/ca", "local_ca_create": True,
    "sensor_certificates_stage_dir": "/nowhere/staged", "sensor_certificates_issuers": {"v": VAULT, "f": {"kind": "request_folder"}},
    "sensor_certificates_max_changes": 5, "local_ca_permitted_names": ["plant.example"], "local_ca_key_size": 2048,
    "local_ca_crl_url": "http://crl.example/a.crl", "crl_access_retries": 1, "import_certificates_src": ["/nowhere"],
    "import_certificates_trusted_roots": ["/nowhere/root.pem"], "ot_pki_dir": "/nowhere", "fleet_report_formats": ["json"],
    "local_ca_subject": {"organization": "Contoso"}, "local_ca_root_validity_days": 3000,
}  # fmt: skip


class _Fleet:
    """What the inventory says of hosts, without Ansible."""

    def groups_of(self, _host: str) -> list[str]:
        return ["sensors", "site_a"]

    def templar(self, _variables: Any) -> Any:
        return self

    def template(self, raw: Any) -> Any:
        """As if a template gave itself."""
        return raw


class _Variables:
    """Reads the variables of two hosts."""

    def __init__(self, hosts: dict[str, dict[str, Any]]) -> None:
        self.fleet, self.seen, self.defaults, self.hosts = _Fleet(), host_variables._Evaluated(), {}, hosts  # type: ignore[var-annotated]

    def view(self, host: str) -> Any:
        return host_variables.HostView(self, host, {**self.hosts[host], "inventory_hostname": host})  # type: ignore[arg-type]


def variables(data: bytes) -> None:
    """One host's variables, or those of the run; what cannot be used is told, and the innocent sensor is described well."""
    try:
        content = yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, AttributeError, RecursionError):
        return  # Ansible has refused it
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        return
    of_run = any(name in content for name in _RUN)
    run = content if of_run else _RUN
    good = {**run, **_SENSOR, "sensor_certificates_common_name": INNOCENT}
    hostile = {**run, **_SENSOR} if of_run else {**run, **content}
    for purpose in (CERTIFICATES, CONSOLES, REPORT):
        gathered = _Gathered(_Variables({HOSTILE: hostile, INNOCENT: good}), purpose)  # type: ignore[arg-type]
        for host in (HOSTILE, INNOCENT):
            gathered.look(host, True)
        found = gathered.result("/nowhere/pki")
        json.dumps(found, default=str)
        no_fault_of_ours(found)
        assert of_run or INNOCENT in [raw["name"] for raw in found["sensors"]], found["warnings"]


TARGETS = {
    "inbox": Target(
        inbox, lambda: [answer(HOSTILE).crt, answer(HOSTILE).der, answer(HOSTILE).crt + pki.chain(),
                        pki.p7b(places.scratch("inbox"), answer(HOSTILE), pki.issuing()), pki.archive({"a.cer": answer(HOSTILE).der})], 0.02, batch=True
    ),
    "waiting": Target(waiting, _waiting_files, 0.03, batch=True),
    "vault": Target(vault, lambda: [_vault_signed(HOSTILE), _json({"errors": ["no"]})], 0.03, batch=True),
    "vault_shared": Target(vault_shared, lambda: [*_VAULT.values(), _json({"errors": [{"message": "m", "code": 7}]})], 0.02, batch=True),
    "cfssl": Target(cfssl, lambda: [_cfssl_signed(HOSTILE), *_CFSSL.values()], 0.03, batch=True),
    "profile": Target(profile, lambda: [_json(_PROFILE), yaml.safe_dump(_PROFILE).encode()], 0.04),
    "variables": Target(
        variables, lambda: [_json(_SENSOR), _json(_RUN), yaml.safe_dump(_SENSOR).encode(), yaml.safe_dump(_RUN).encode()], 0.04
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_before(name: str) -> None:
    seeds_and_finds(name, TARGETS[name])


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_answers(name: str) -> None:
    mutations(name, TARGETS[name])
