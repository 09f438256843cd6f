# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State on disk of which one file is damaged, and files of other people: what is sound is still read, done and told."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import fuzz_places as places
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import Batch, Obtaining
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.revoke import Revoking
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl import judging, raw_fetching
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.publishing import Lifetimes, Publisher
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl.sources import CrlSource
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import make_issuers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.known import Known
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.task import run as check_live
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import task as reporting
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.gather import Places
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState, fleet_state
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import fetching, hosts_file, tls_probe
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.hosts_file_entries import parse_entries
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.tls_probe import Handshake, Probe
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fuzz_places import HOSTILE, INNOCENT, no_fault_of_ours
from fuzzing import Target, mutations, seeds_and_finds
from report_kitchen import DAY, NOW, URL, Kitchen, key

PASSPHRASE = "correct horse battery"


@functools.cache
def state() -> Kitchen:
    """A fleet of two as runs leave it, with a history, a published CRL and a key that waits."""
    kitchen = Kitchen(places.scratch("state") / "pki")
    for sensor in (INNOCENT, HOSTILE):
        certificate = kitchen.bundle(sensor, crl_url=URL, passphrase="Secret.1" if sensor == HOSTILE else None)
        kitchen.seen(sensor, certificate, NOW - DAY, "matches")
    old = kitchen.bundle(HOSTILE, left=20, own_key=30, crl_url=URL)
    kitchen.revoke(HOSTILE, old)
    kitchen.publish(revoked=[old])
    kitchen.request(HOSTILE)
    return kitchen


@functools.cache
def _damageable() -> tuple[Path, ...]:
    """The files of the state, but for those that are the innocent sensor's own."""
    kitchen = state()
    found = []
    for path in places.files_of(kitchen.folder):
        content = (kitchen.folder / path).read_bytes()
        own = INNOCENT.encode() in content and path.parent.name == "local_ca_ledger"
        if not own and INNOCENT not in str(path):
            found.append(path)
    return tuple(found)


def _damaged(name: str, data: bytes) -> Path:
    folder = places.fresh(name, state().folder)
    (folder / places.chosen(data, _damageable())).write_bytes(data)
    return folder


def _contents() -> list[bytes]:
    return [content for content in ((state().folder / path).read_bytes() for path in _damageable()) if content]


# --- report, revoke_cert, publish_crl ---------------------------------------------------------------


def report(data: bytes) -> None:
    folder = _damaged("report", data)
    sensors = [{"name": name, "common_name": name, "groups": ["sensors"]} for name in (INNOCENT, HOSTILE, "missing")]
    order = reporting.Order(
        str(folder / "report"), (), "summary", sheets=True, since="2020-01-01T00:00:00Z",
        places=Places(str(folder / "local_ca"), str(folder / "crl")),
    )  # fmt: skip
    found = reporting.run(
        order, sensors, fleet_state(str(folder / "staged"), str(folder / "local_ca_ledger")), DEFENDER_IOT, NOW
    )
    written = json.loads((folder / "report" / "fleet.json").read_text())
    rows = {row["name"]: row for row in written["sensors"]}
    assert rows[INNOCENT]["state"] == "staged", rows[INNOCENT]
    assert rows[INNOCENT]["common_name"] == INNOCENT
    no_fault_of_ours([found, written])


def revoke_and_publish(data: bytes) -> None:
    folder = _damaged("revoke", data)
    kitchen = state()
    ledger = Ledger(str(folder / "local_ca_ledger"))
    revoking = Revoking(ledger, (kitchen.issuing, kitchen.root), NOW)
    requests: list[dict[str, Any]] = [
        {"sensor": HOSTILE},
        {"sensor": INNOCENT, "reason": "superseded"},
        {"serial": "77"},
    ]
    outcomes = revoking.run(requests)
    assert outcomes[1].action == "revoked", outcomes[1]
    source = CrlSource("issuing", kitchen.issuing, lambda: key(2), URL, 30, "issuing.crl")
    crls = Publisher(str(folder / "crl"), ledger, Lifetimes(30, 365, 14), NOW, (source,), 0.0).publish()
    assert crls[0].action == "published", crls[0]
    crl = x509.load_der_x509_crl((folder / "crl" / "issuing.crl").read_bytes())
    serial = outcomes[1].certificates[0].record.serial
    assert crl.get_revoked_certificate_by_serial_number(serial) is not None
    no_fault_of_ours([outcome.to_dict() for outcome in (*outcomes, *crls)])


@functools.cache
def _authority() -> str:
    folder = places.scratch("authority") / "ca"
    write_authority(str(folder), AuthoritySettings(PASSPHRASE, tiers=1, key_size=2048), NOW - DAY)
    return str(folder)


def plan(data: bytes) -> None:
    """The main job's plan, over damaged bundles, keys that wait and records."""
    folder = _damaged("plan", data)
    store, ledger = StageFolder(str(folder / "staged")), Ledger(str(folder / "local_ca_ledger"))
    local_ca = {"dir": _authority(), "passphrase": PASSPHRASE, "crl_url": None}
    run = Run(NOW, True, ot_pki_dir=str(folder), ledger=ledger, local_ca=local_ca)
    issuers = make_issuers(["local_ca"], {}, run)
    tools = Tools(NOW, FleetState(store, ledger), check_mode=True)
    subject = {"country": "US", "organization": "Contoso", "organizational_unit": "OT Security"}
    sensors = [{"name": name, "subject": subject, "key_passphrase": "Secret.1"} for name in (HOSTILE, INNOCENT)]
    outcomes = Obtaining(store, ledger, issuers, tools, Batch(lock_timeout=0.0)).run(sensors, [])
    assert outcomes[1].action in ("issued", "kept"), outcomes[1]
    no_fault_of_ours([outcome.to_dict() for outcome in outcomes])


# --- Workstations and vantages ----------------------------------------------------------------------

_HOSTS = b"""127.0.0.1\tlocalhost
::1 localhost ip6-localhost # loopback
192.0.2.7  innocent.plant.example other.plant.example # by hand
# BEGIN ot_pki.defender_iot
192.0.2.8\tsensor-2.plant.example
# END ot_pki.defender_iot
10.0.0.1 Sensor-2.Plant.Example
"""


def hosts(data: bytes) -> None:
    """A hosts file of anybody: our entry is there afterwards, a second time changes nothing, and absent takes it away."""
    entries = parse_entries([{"ip": "192.0.2.9", "names": [INNOCENT]}], True, [])
    style = places.chosen(data, (hosts_file.LINES, hosts_file.BLOCK))
    arguments = (style, hosts_file.DEFAULT_MARKER)
    made = hosts_file.plan(data, "hosts", entries, hosts_file.PRESENT, hosts_file.MOVE, *arguments)
    lines = [line.split(b"#")[0].lower().split() for line in made.content.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    assert [line for line in lines if line[:1] == [b"192.0.2.9"] and INNOCENT.encode() in line[1:]], made.content
    again = hosts_file.plan(made.content, "hosts", entries, hosts_file.PRESENT, hosts_file.MOVE, *arguments)
    assert again.content == made.content
    hosts_file.plan(made.content, "hosts", entries, hosts_file.ABSENT, hosts_file.MOVE, *arguments)


def hosts_entries(data: bytes) -> None:
    try:
        listed = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed):
        for present in (True, False):
            parse_entries(
                [{"ip": entry.get("ip"), "names": _listed(entry.get("names"))} for entry in listed], present, []
            )


def _listed(value: Any) -> list[str]:
    """As Ansible's own check of a list of texts leaves it."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def bundle_file(data: bytes) -> None:
    """A bundle of authorities on a workstation: ours is found in whatever stands around it."""
    own = x509.load_pem_x509_certificate(_root_pem())
    for found in pem.certificates(data):
        assert 0 <= found.start < found.end <= len(data)
    cut = pem.certificates(data + b"\n" + _root_pem())
    assert cut[-1].fingerprint == own.fingerprint(hashes.SHA256()).hex(), data


@functools.cache
def _root_pem() -> bytes:
    return bytes((state().ca_dir / "root.crt").read_bytes())


def raw_answer(data: bytes) -> None:
    """What a host without Python prints."""
    text = data.decode("utf-8", "replace")
    ask = raw_fetching.RawAsk(lambda _script, _given: (0, text, ""))
    try:
        found = fetching.fetch(URL, fetching.Settings(retries=0, max_bytes=1000), ask)
    except raw_fetching.NoTool:
        return
    no_fault_of_ours(found.to_dict())
    assert len(found.body or b"") <= 1000


def crl_vantage(data: bytes) -> None:
    """What a vantage's module returned of a CRL, as it came through a connection."""
    answer = _answer(data)
    try:
        found = fetching.Fetched.from_dict(answer, 100_000)
    except ValueError:
        return  # the vantage's answer cannot be used, which its caller says
    judge = judging.Judge({found.url: found, URL: found._replace(url=URL)}, NOW)
    cases = [judging.Case("x", None, (), (found.url,)), judging.Case("x", None, (), (URL,))]
    no_fault_of_ours([judge.judge(case).to_dict(False) for case in cases])


def live_vantage(data: bytes) -> None:
    """What a vantage's module saw of two consoles."""
    try:
        seen = tls_probe.from_plain(_answer(data))
    except ValueError:
        return  # the vantage's answer cannot be used, which its caller says
    targets = [{"host": f"192.0.2.{number}", "name": INNOCENT} for number in range(len(seen))]
    params = {"targets": targets, "timeout": 1.0, "parallel": 2, "min_days_left": 30, "wait": 0, "fail_on": "never"}
    no_fault_of_ours(
        check_live(params, lambda parsed: Known(parsed, FleetState(None, None)), lambda *_given: seen, NOW)
    )


def _answer(data: bytes) -> dict[str, Any]:
    """As Ansible hands on what a module printed: JSON, a dictionary, or the task has failed before."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _seen() -> bytes:
    own = x509.load_pem_x509_certificate(_root_pem()).public_bytes(Encoding.DER)
    answer = Handshake(tls_probe.OK, address="192.0.2.7", certificates=(own,), version="TLSv1.3", whole_chain=True)
    return json.dumps(
        tls_probe.to_plain([Probe(answer, answer), Probe(Handshake("refused", "no", "192.0.2.8"))])
    ).encode()


_RAW = [
    b"@tool curl 0 3\n@ip\n192.0.2.7\n@head\nSFRUUC8xLjEgMjAwIE9LDQpDb250ZW50LUxlbmd0aDogMw0KDQo=\n@err\n\n@body\nY3Js\n@end\n",
    b"@tool wget 8 0\n@ip\n\n@head\n\n@err\nQ29ubmVjdGluZyB0byBhIChhKXwxOTIuMC4yLjd8OjgwLi4uIGNvbm5lY3RlZC4KICBIVFRQLzEuMSA0MDMgRm9yYmlkZGVuCg==\n@body\n\n@end\n",
]

TARGETS = {
    "report": Target(report, _contents, 0.03, batch=True),
    "revoke_and_publish": Target(revoke_and_publish, _contents, 0.03, batch=True),
    "plan": Target(plan, _contents, 0.03, batch=True),
    "hosts": Target(hosts, lambda: [_HOSTS, _HOSTS.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + _HOSTS], 0.03),
    "hosts_entries": Target(
        hosts_entries, lambda: [json.dumps([{"ip": "192.0.2.7", "names": ["a", "b.c"]}, {"ip": "::1", "names": ["d"]}]).encode()], 0.02
    ),
    "bundle_file": Target(bundle_file, lambda: [_root_pem(), _root_pem() * 2 + b"# x\n", b"# a\n" + _root_pem()], 0.02),
    "raw_answer": Target(raw_answer, lambda: _RAW, 0.02),
    "crl_vantage": Target(
        crl_vantage,
        lambda: [json.dumps(fetching.Fetched(URL, "ok", body=(state().crl_dir / "issuing.crl").read_bytes(), status=200).to_dict()).encode()],
        0.02,
    ),
    "live_vantage": Target(live_vantage, lambda: [_seen()], 0.02, batch=True),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_before(name: str) -> None:
    seeds_and_finds(name, TARGETS[name])


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_state(name: str) -> None:
    mutations(name, TARGETS[name])
