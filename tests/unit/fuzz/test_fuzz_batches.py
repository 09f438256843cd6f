# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole batches in which one item is hostile: the innocent ones beside it are judged and done as if it were not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import corporate_pki as pki
import fuzz_places as places
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import Batch, Obtaining
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.stage import StageOptions, stage_batch
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.conversion import task as conversion
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crl import judging
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import rsa
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import Issuers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.received import make
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.known import Known
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.live.task import run as check_live
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.trust.judge import judge as judge_trust
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import task as validation
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain import fetching, tls_probe
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.tls_probe import Handshake, Probe
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fuzz_places import HOSTILE, INNOCENT, no_fault_of_ours
from fuzzing import Target, mutations, seeds_and_finds

PASSPHRASE = "Secret.1"
URL, GOOD_URL = "http://crl.plant.example/hostile.crl", "http://crl.plant.example/good.crl"


def bundle(folder: Path, name: str) -> dict[str, str]:
    """The files of a sensor's bundle."""
    made = pki.sensor(name)
    paths = {kind: folder / f"{name}.{kind}" for kind in ("crt", "key", "pem")}
    for kind, content in (("crt", made.crt), ("key", made.private()), ("pem", pki.chain())):
        paths[kind].write_bytes(content)
    paths["key"].chmod(0o600)
    return {"certificate": str(paths["crt"]), "private_key": str(paths["key"]), "chain": str(paths["pem"])}


def material() -> list[bytes]:
    """What is sent to people, for the sensor that is not innocent."""
    made = pki.sensor(HOSTILE)
    folder = places.scratch("material")
    return [
        made.crt, made.der, made.private(), made.private(PASSPHRASE), pki.chain(), made.crt + pki.chain(),
        made.crt + made.private() + pki.chain(), pki.p7b(folder, made, pki.issuing()),
        pki.p7b(folder, made, form="DER"), pki.pfx(folder, made, PASSPHRASE), pki.archive({"a.cer": made.der, "a.key": made.private()}),
    ]  # fmt: skip


# --- cert_validate, cert_convert, cert_stage --------------------------------------------------------


def validate(data: bytes) -> None:
    folder = places.fresh("validate")
    good, other = bundle(folder, INNOCENT), bundle(folder, HOSTILE)
    roots = {"trusted_roots": [str(folder / "root.pem")], "crls": []}
    (folder / "root.pem").write_bytes(pki.root().crt)
    path = folder / "hostile"
    path.write_bytes(data)
    role = places.chosen(data, ("certificate", "private_key", "chain", "csr", "trusted_roots", "crls"))
    hostile: dict[str, Any] = {**other, **roots, "private_key_passphrase": PASSPHRASE}
    hostile[role] = [str(path)] if role in roots else str(path)
    result = validation.run({"certificates": [{**good, **roots}, hostile, {**good, **roots}], "fail_on": "never"})
    first, judged, last = result["results"]
    assert first["valid"], first
    assert last["valid"], last
    assert not [finding for finding in judged["findings"] if finding["id"] == "engine.failure"], judged
    no_fault_of_ours(result)


def convert(data: bytes) -> None:
    folder = places.fresh("convert")
    (folder / "hostile").write_bytes(data)
    (folder / "good.pem").write_bytes(pki.sensor(INNOCENT).crt + pki.sensor(INNOCENT).private() + pki.chain())

    def one(name: str) -> dict[str, Any]:
        outputs = {kind: str(folder / f"{name}.{kind}") for kind in ("crt", "key", "pem", "p7b")}
        return {"src": [str(folder / name)], "outputs": outputs, "passphrase": PASSPHRASE}

    result = conversion.run({"conversions": [one("good.pem"), one("hostile")]}, False, False)
    assert [entry["failed"] for entry in result["results"][:1]] == [False], result
    assert x509.load_pem_x509_certificate((folder / "good.pem.crt").read_bytes()) == pki.sensor(INNOCENT).certificate
    no_fault_of_ours(result)


def stage(data: bytes) -> None:
    folder = places.fresh("stage")
    good, hostile = bundle(folder, INNOCENT), bundle(folder, HOSTILE)
    Path(hostile[places.chosen(data, tuple(hostile))]).write_bytes(data)
    raws = [
        {"name": name, "expected_common_name": name, "private_key_passphrase": secret, **files}
        for name, files, secret in ((HOSTILE, hostile, PASSPHRASE), (INNOCENT, good, None))
    ]
    store = StageFolder(str(folder / "staged"))
    outcomes, _report = stage_batch(raws, store, StageOptions(lock_timeout=0.0), Ledger(str(folder / "ledger")))
    assert outcomes[1].action == "staged", outcomes[1]
    assert store.read_visible(INNOCENT) is not None
    no_fault_of_ours([outcome.to_dict() for outcome in outcomes])


# --- import_certs -----------------------------------------------------------------------------------


def received(data: bytes) -> None:
    folder = places.fresh("received")
    inbox = folder / "inbox"
    inbox.mkdir()
    innocent = pki.sensor(INNOCENT)
    (inbox / "good.pem").write_bytes(innocent.crt + innocent.private())
    (inbox / places.chosen(data, ("a.cer", "a.pfx", "a.zip", "z.key", "z"))).write_bytes(data)
    (folder / "cas.pem").write_bytes(pki.chain())
    (folder / "root.pem").write_bytes(pki.root().crt)
    settings = {
        "src": (str(inbox),), "ca_files": (str(folder / "cas.pem"),), "trusted_roots": (str(folder / "root.pem"),),
        "passphrases": (PASSPHRASE,),
    }  # fmt: skip
    store, ledger = StageFolder(str(folder / "staged")), Ledger(str(folder / "ledger"))
    run = Run(moments.now(), False, received=settings)
    issuers = Issuers({"received": make("received", {}, run)})
    tools = Tools(run.moment, FleetState(store, ledger))
    sensors = [{"name": name, "common_name": name, "issuer": "received"} for name in (HOSTILE, INNOCENT)]
    batch = Batch(issuer_names=("received",), lock_timeout=0.0)
    outcomes = Obtaining(store, ledger, issuers, tools, batch).run(sensors, [])
    assert outcomes[1].action == "issued", outcomes[1]
    no_fault_of_ours([outcome.to_dict() for outcome in outcomes])


# --- check_live, check_crl, ca_trust ----------------------------------------------------------------


def live(data: bytes) -> None:
    folder = places.fresh("live")
    good = bundle(folder, INNOCENT)["certificate"]

    def seen(*certificates: bytes) -> Probe:
        answer = Handshake(tls_probe.OK, certificates=certificates, version="TLSv1.3", whole_chain=True)
        return Probe(answer, answer)

    innocent = pki.sensor(INNOCENT).der
    probes = [seen(innocent, pki.issuing().der), seen(data, data), seen(pki.sensor(HOSTILE).der, data), seen(innocent)]
    targets = [{"host": f"192.0.2.{number}", "name": INNOCENT, "certificate": good} for number in range(4)]
    targets[1]["certificate"] = str(folder / "hostile")
    (folder / "hostile").write_bytes(data)
    params = {"targets": targets, "timeout": 1.0, "parallel": 2, "min_days_left": 30, "wait": 0, "fail_on": "never"}
    outcome = check_live(
        params, lambda parsed: Known(parsed, FleetState(None, None)), lambda *_given: probes, moments.now()
    )
    assert [outcome["results"][place]["state"] for place in (0, 3)] == ["matches", "matches"], outcome
    no_fault_of_ours(outcome)


def _crl(*serials: int) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.issuing().certificate.subject)
        .last_update(pki.NOW)
        .next_update(pki.NOW + 30 * pki.DAY)
        .add_extension(x509.CRLNumber(5), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(pki.issuing().key.public_key()), False)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(pki.NOW)
        builder = builder.add_revoked_certificate(
            entry.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), False).build()
        )
    return builder.sign(pki.issuing().key, hashes.SHA256()).public_bytes(Encoding.DER)


def _naming(name: str, *urls: str) -> bytes:
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    issuer = pki.issuing()
    public_key = pki.rsa_key(name).public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    return (
        x509.CertificateBuilder()
        .subject_name(pki.name(name))
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(pki.NOW - pki.DAY)
        .not_valid_after(pki.NOW + 300 * pki.DAY)
        .add_extension(x509.CRLDistributionPoints(points), False)
        .sign(issuer.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


_GOOD: dict[str, bytes] = {}


def crl_reachable(data: bytes) -> None:
    folder = places.fresh("crl")
    if not _GOOD:
        _GOOD.update(crl=_crl(), certificate=_naming(INNOCENT, GOOD_URL), other=_naming(HOSTILE, URL))
    (folder / "good.crt").write_bytes(_GOOD["certificate"])
    (folder / "cas.pem").write_bytes(pki.chain())
    what = places.chosen(data, ("crl", "certificate", "issuers"))
    (folder / "hostile.crt").write_bytes(data if what == "certificate" else _GOOD["other"])
    (folder / "hostile.pem").write_bytes(data if what == "issuers" else pki.chain())
    cases = [
        judging.read_case("good", str(folder / "good.crt"), [str(folder / "cas.pem")]),
        judging.read_case("hostile", str(folder / "hostile.crt"), [str(folder / "hostile.pem")]),
    ]
    urls = [url for case in cases for url in case.wanted_urls()]
    fetched = {url: fetching.Fetched(url, fetching.OK, body=data, status=200) for url in [URL, *urls]}
    fetched[GOOD_URL] = fetching.Fetched(GOOD_URL, fetching.OK, body=_GOOD["crl"], status=200)
    judge = judging.Judge(fetched, moments.now())
    verdicts = [judge.judge(case) for case in cases]
    assert verdicts[0].reachable, verdicts[0]
    assert not verdicts[0].revoked, verdicts[0]
    no_fault_of_ours([[verdict.to_dict(False), verdict.errors(), verdict.remarks()] for verdict in verdicts])


def ca_trust(data: bytes) -> None:
    folder = places.fresh("trust")
    (folder / "root.pem").write_bytes(pki.root().crt)
    (folder / "hostile.pem").write_bytes(data)
    # Whom to trust is decided for all of a task or for nothing of it; here a refusal must be ours, and in words.
    for present in (True, False):
        try:
            judge_trust([str(folder / "root.pem"), str(folder / "hostile.pem")], moments.now(), present)
        except InputError as error:
            no_fault_of_ours(str(error))
    assert len(judge_trust([str(folder / "root.pem")], moments.now(), True)) == 1


TARGETS = {
    "validate": Target(validate, lambda: [*material(), _crl(5), pki.root().crt, *odd.everything().values()], 0.04, batch=True),
    "convert": Target(convert, material, 0.02, batch=True),
    "stage": Target(stage, lambda: [*material()[:6], *map(odd.pem, odd.everything().values())], 0.02, batch=True),
    "received": Target(received, material, 0.02, batch=True),
    "live": Target(
        live, lambda: [pki.sensor(HOSTILE).der, pki.issuing().der, pki.elliptic().der, *odd.everything().values()], 0.03, batch=True
    ),
    "crl_reachable": Target(crl_reachable, lambda: [_crl(5, 1 << 150), _naming(HOSTILE, URL, "http://x/"), pki.chain()], 0.03, batch=True),
    "ca_trust": Target(ca_trust, lambda: [pki.root().crt, pki.stranger().der, pki.chain(), odd.usual()], 0.02),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_before(name: str) -> None:
    seeds_and_finds(name, TARGETS[name])


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_items(name: str) -> None:
    mutations(name, TARGETS[name])
