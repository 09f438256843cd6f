# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each parser by itself, with mutated files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake import containers, inputs
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.inputs import InputFile
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.intake.material import take_apart
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.loading import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import events, ledger, revocations
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.crl_view import read_crls
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import (
    Bundle,
    Policy,
    validate_bundles,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import reading
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import (
    read_certificates,
    signed_by,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.keys import load_private_key
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.source import Source
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fuzzing import Target, mutations, seeds_and_finds

PASSPHRASE = "Secret.1"


# --- the parsers ------------------------------------------------------------------------------------


def certificate(data: bytes) -> None:
    for view in read_certificates(data, "x").views:
        signed_by(view, view)
        str((view.title, view.problems, view.oddities, view.key_problem, view.common_names))
    if data.startswith(b"\x30"):
        check(Bundle("x", Source("x.crt", data), chain=Source("x.pem", odd.pem(data))))


def request(data: bytes) -> None:
    check(Bundle("x", csr=Source("x.csr", data)))


def check(bundle: Bundle) -> None:
    report = validate_bundles([bundle], Policy(DEFENDER_IOT)).results[0]
    assert not [finding.message for finding in report.findings if finding.id == "engine.failure"]


def crl(data: bytes) -> None:
    for view in read_crls(Source("x.crl", data)).views:
        for serial in (0, -5, 0x1234, 1 << 160):
            for entry, _issuer in view.entries(serial):
                str(entry.serial_number)


def key(data: bytes) -> None:
    load_private_key(data, PASSPHRASE.encode())


def pkcs12(data: bytes) -> None:
    containers.open_pkcs12(data, [PASSPHRASE], "x")


def pkcs7(data: bytes) -> None:
    containers.open_pkcs7(data, "x")


def text(data: bytes) -> None:
    reading.read_content(data)
    found = take_apart(InputFile("x", data), [PASSPHRASE])
    assert not [entry.message for entry in found.findings if "error inside the collection" in entry.message]


def archive(data: bytes) -> None:
    inputs._unzip(data)


def record(data: bytes) -> None:
    ledger.parse_record("1234.json", data)


def revocation(data: bytes) -> None:
    revocations._parse("1234.revoked.json", data)


def event(data: bytes) -> None:
    events._parse("20260101T000000Z-issued-00.json", data)


# --- what they are given ----------------------------------------------------------------------------


def _crl() -> bytes:
    entry = x509.RevokedCertificateBuilder().serial_number(0x1234).revocation_date(pki.NOW)
    entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), False)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.name("Contoso Issuing"))
        .last_update(pki.NOW)
        .next_update(pki.NOW + pki.DAY)
        .add_extension(x509.CRLNumber(5), False)
        .add_revoked_certificate(entry.build())
    )
    return builder.sign(pki.issuing().key, hashes.SHA256()).public_bytes(Encoding.DER)


def _request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(pki.name("sensor-1"))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("sensor-1")]), False)
    return builder.sign(pki.sensor().key, hashes.SHA256()).public_bytes(Encoding.DER)


def _made(make: Callable[[Path], bytes]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder))


def _json(**more: object) -> bytes:
    sensor = pki.sensor()
    content = {
        "format": ledger.FORMAT,
        "serial": f"{sensor.certificate.serial_number:X}",
        "sensor": "sensor-1",
        "fingerprint": sensor.fingerprint,
        "issuer_key": "ab" * 20,
        "not_after": "2028-01-01T00:00:00Z",
        "recorded": "2026-01-01T00:00:00Z",
        "recorded_by": "ops",
        **more,
    }
    return json.dumps(content).encode()


TARGETS = {
    "certificate": Target(certificate, lambda: [pki.sensor().der, pki.issuing().der, *odd.everything().values()], 0.13),
    "request": Target(request, lambda: [_request(), odd.usual()], 0.03),
    "crl": Target(crl, lambda: [_crl()], 0.03),
    "key": Target(
        key,
        lambda: [
            pki.sensor().private(),
            pki.sensor().private(PASSPHRASE),
            pki.sensor().private(PASSPHRASE, "DER"),
            pki.sensor().private(PASSPHRASE, form="TraditionalOpenSSL"),
            pki.elliptic().private(encoding="DER"),
        ],
        0.05,
    ),
    "pkcs12": Target(pkcs12, lambda: [_made(lambda folder: pki.pfx(folder, pki.sensor(), PASSPHRASE))], 0.01),
    "pkcs7": Target(pkcs7, lambda: [_made(lambda folder: pki.p7b(folder, pki.sensor(), form="DER"))], 0.01),
    "text": Target(text, lambda: [pki.sensor().crt + pki.sensor().private() + pki.chain(), odd.pem(odd.usual())], 0.02),
    "archive": Target(archive, lambda: [pki.archive({"a.cer": pki.sensor().der, "b/c.key": b"key"})], 0.02),
    "record": Target(record, lambda: [_json(certificate=pki.sensor().crt.decode())], 0.03),
    "revocation": Target(
        revocation, lambda: [_json(serial="1234", revoked="2026-01-01T00:00:00Z", reason="superseded")], 0.03
    ),
    "event": Target(
        event,
        lambda: [_json(event="issued", time="2026-01-01T00:00:00Z", actor="ops", sensors=[{"sensor": "a"}])],
        0.03,
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_what_was_found_before(name: str) -> None:
    seeds_and_finds(name, TARGETS[name])


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_files(name: str) -> None:
    mutations(name, TARGETS[name])
