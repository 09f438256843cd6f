# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutated files: no exception but ours, no 5 seconds, no 500 MB.

A few inputs for each target run with the other tests, 100,000 altogether with ``make fuzz``. An input that was found
goes into tests/fixtures/fuzz/<target>/ and runs for ever.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import resource
import tempfile
import time
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
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import (
    Bundle,
    Policy,
    validate_bundles,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.revocation import read_crls
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import reading
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import (
    read_certificates,
    signed_by,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.keys import load_private_key
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.source import Source
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import PkiError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOUND = Path(__file__).resolve().parents[2] / "fixtures" / "fuzz"
SECONDS = 5.0
MEGABYTES = 500
# For the whole of `make fuzz`; the share of each target is below.
INPUTS = int(os.environ.get("OT_PKI_FUZZ", "0"))
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


# Each parser with its seeds and its share of the inputs: those that start a process for each have a small one.
TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]], float]] = {
    "certificate": (certificate, lambda: [pki.sensor().der, pki.issuing().der, *odd.everything().values()], 0.3),
    "request": (request, lambda: [_request(), odd.usual()], 0.1),
    "crl": (crl, lambda: [_crl()], 0.1),
    "key": (
        key,
        lambda: [
            pki.sensor().private(),
            pki.sensor().private(PASSPHRASE),
            pki.sensor().private(PASSPHRASE, "DER"),
            pki.sensor().private(PASSPHRASE, form="TraditionalOpenSSL"),
            pki.elliptic().private(encoding="DER"),
        ],
        0.2,
    ),
    "pkcs12": (pkcs12, lambda: [_made(lambda folder: pki.pfx(folder, pki.sensor(), PASSPHRASE))], 0.01),
    "pkcs7": (pkcs7, lambda: [_made(lambda folder: pki.p7b(folder, pki.sensor(), form="DER"))], 0.01),
    "text": (text, lambda: [pki.sensor().crt + pki.sensor().private() + pki.chain(), odd.pem(odd.usual())], 0.06),
    "archive": (archive, lambda: [pki.archive({"a.cer": pki.sensor().der, "b/c.key": b"key"})], 0.1),
    "record": (record, lambda: [_json(certificate=pki.sensor().crt.decode())], 0.04),
    "revocation": (revocation, lambda: [_json(serial="1234", revoked="2026-01-01T00:00:00Z", reason="superseded")], 0.04),
    "event": (event, lambda: [_json(event="issued", time="2026-01-01T00:00:00Z", actor="ops", sensors=[{"sensor": "a"}])], 0.04),
}  # fmt: skip


@functools.cache
def seeds(target: str) -> list[bytes]:
    return TARGETS[target][1]()


@functools.cache
def elements(seed: bytes) -> list[tuple[int, int]]:
    """Where the DER elements of a seed begin and end, also inside of OCTET STRINGs; none if it is no DER."""
    found: list[tuple[int, int]] = []
    waiting = [(0, len(seed))]
    while waiting and len(found) < 2000:
        position, end = waiting.pop()
        while position + 2 <= end:
            try:
                tag, start, following = pki.element(seed, position)
            except IndexError:
                break
            if following > end:
                break
            found.append((position, following))
            if tag & 0x20 or tag == 4:
                waiting.append((start, following))
            position = following
    return found


NUMBERS = [
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x02\x04\x7f\xff\xff\xff",
    b"9" * 5000,
    b"[" * 3000,
]


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """A seed with a few changes: octets, whole elements left out, doubled or exchanged, numbers at their limits."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    borders = elements(bytes(data)) or [(0, len(data))]
    for _change in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 6))
        start, end = draw(st.sampled_from(borders))
        start, end = min(start, len(data)), min(end, len(data))
        if kind == 0 and start < len(data):
            data[start] = draw(st.integers(0, 255))
        elif kind == 1 and len(data):
            data[draw(st.integers(0, len(data) - 1))] ^= 1 << draw(st.integers(0, 7))
        elif kind == 2:
            del data[start:end]
        elif kind == 3:
            data[end:end] = data[start:end]
        elif kind == 4:
            data[start:end] = draw(st.sampled_from(NUMBERS))
        elif kind == 5:
            del data[draw(st.integers(0, len(data))) :]
        else:
            other_start, other_end = draw(st.sampled_from(borders))
            data[start:end] = data[other_start:other_end]
    return bytes(data)


# --- the test ---------------------------------------------------------------------------------------


def run(target: str, data: bytes) -> None:
    """One input; one that is found is kept."""
    before = time.process_time()
    try:
        TARGETS[target][0](data)
    except PkiError:
        pass
    except BaseException:
        _keep(target, data)
        raise
    if time.process_time() - before > SECONDS:
        _keep(target, data)
        raise AssertionError(f"{target}: {len(data)} octets take more than {SECONDS:g} seconds")


def _keep(target: str, data: bytes) -> None:
    if INPUTS:
        folder = FOUND / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin").write_bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_what_was_found_before(target: str) -> None:
    for data in [*seeds(target), *(path.read_bytes() for path in sorted(FOUND.glob(f"{target}/*.bin")))]:
        run(target, data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutated_files(target: str) -> None:
    share = TARGETS[target][2]
    examples = max(20, int(INPUTS * share)) if INPUTS else max(5, int(300 * share))

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, deadline=None)
    @given(data=mutated(target))
    def attempt(data: bytes) -> None:
        run(target, data)

    attempt()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1024 * (MEGABYTES + 300)
