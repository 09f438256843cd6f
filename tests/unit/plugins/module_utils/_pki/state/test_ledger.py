# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The append-only ledger."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.crypto import hashes, x509
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.text import serial_text
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import FileError


@pytest.fixture(scope="module")
def certificate() -> x509.Certificate:
    key = parts.new_key(2048)
    name = parts.build_name([("C", "US"), ("CN", "sensor-1.plant.example")])
    moment = moments.now()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(0xABC)
        .not_valid_before(moment)
        .not_valid_after(moment + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def test_serial_as_openssl_prints_it() -> None:
    assert serial_text(0xABC) == "0ABC"
    assert serial_text(0x12) == "12"


def test_a_record_says_what_was_issued(tmp_path: Path, certificate: x509.Certificate) -> None:
    ledger = Ledger(str(tmp_path / "ledger"))
    assert not ledger.has_records()
    ledger.prepare()
    content = json.loads(Path(ledger.record("sensor-1", certificate)).read_text())
    assert content["serial"] == "0ABC"
    assert content["sensor"] == "sensor-1"
    assert content["fingerprint"] == parts.fingerprint(certificate)
    assert x509.load_pem_x509_certificate(content["certificate"].encode()) == certificate
    assert ledger.has_records()
    assert os.listdir(ledger.folder) == ["0ABC.json"]


def test_no_serial_is_used_twice(tmp_path: Path, certificate: x509.Certificate) -> None:
    ledger = Ledger(str(tmp_path))
    path = ledger.record("sensor-1", certificate)
    before = Path(path).read_bytes()
    with pytest.raises(FileError, match="0ABC is in the ledger already"):
        ledger.record("sensor-2", certificate)
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["0ABC.json"]


def test_what_cannot_be_recorded_is_an_error(tmp_path: Path, certificate: x509.Certificate) -> None:
    with pytest.raises(FileError, match="could not be recorded"):
        Ledger(str(tmp_path / "missing")).record("sensor-1", certificate)
