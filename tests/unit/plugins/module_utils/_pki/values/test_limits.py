# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No file decides how much work it makes."""

from __future__ import annotations

import base64
import resource
from pathlib import Path

import corporate_pki as pki
import odd_certificates as odd
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.loading import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import (
    Bundle,
    Policy,
    validate_bundles,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import limits, reading
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.certificates import (
    CertificateView,
    read_certificates,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.keys import TooCostly, load_private_key
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values.source import Source
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

encode, sequence = pki.encode, odd.sequence
SECONDS = 3.0


def integer(number: int) -> bytes:
    return encode(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def encrypted(algorithm: bytes) -> bytes:
    """An encrypted key that nothing opens, with an algorithm of our choice."""
    return sequence(algorithm, encode(4, b"\x5a" * 64))


AES = sequence(bytes.fromhex("060960864801650304012a"), encode(4, bytes(16)))
SALT = encode(4, b"saltsalt")


def pbkdf2(rounds: int) -> bytes:
    kdf = sequence(bytes.fromhex("06092a864886f70d01050c"), sequence(SALT, integer(rounds)))
    return encrypted(sequence(bytes.fromhex("06092a864886f70d01050d"), sequence(kdf, AES)))


def scrypt(cost: int, block: int, parallel: int) -> bytes:
    parameters = sequence(SALT, integer(cost), integer(block), integer(parallel))
    kdf = sequence(bytes.fromhex("06092b06010401da47040b"), parameters)
    return encrypted(sequence(bytes.fromhex("06092a864886f70d01050d"), sequence(kdf, AES)))


def pbes1(oid: str, rounds: int) -> bytes:
    return encrypted(sequence(encode(6, bytes.fromhex(oid)), sequence(SALT, integer(rounds))))


COSTLY = {
    "2^31 rounds": pbkdf2(2**31),
    "2^32-1 rounds": pbkdf2(2**32 - 1),
    "2^64 rounds": pbkdf2(2**64),
    "just too many": pbkdf2(limits.MAX_ROUNDS + 1),
    "scrypt 1 GiB": scrypt(2**20, 8, 1),
    "scrypt in parallel": scrypt(2**14, 8, 2**20),
    "scrypt of huge blocks": scrypt(2, 2**28, 1),
    "PBES1 with MD5 and DES": pbes1("2a864886f70d010503", 2**31),
    "PKCS#12 with 3DES": pbes1("2a864886f70d010c0103", 2**32 - 1),
}


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def pem(der: bytes, label: str = "ENCRYPTED PRIVATE KEY") -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_costly_passphrase_is_not_begun(name: str, form: str) -> None:
    data = pem(COSTLY[name]) if form == "pem" else COSTLY[name]
    before = used()
    with pytest.raises(TooCostly, match="costs too much"):
        load_private_key(data, b"Secret.1")
    assert used() - before < SECONDS


@pytest.mark.parametrize("name", COSTLY)
def test_nor_is_it_in_a_validation(name: str) -> None:
    sensor = pki.sensor()
    key = Source("a.key", pem(COSTLY[name]), 0o600)
    bundle = Bundle("a", Source("a.crt", sensor.crt), key, private_key_passphrase="Secret.1")
    before = used()
    findings = validate_bundles([bundle], Policy(DEFENDER_IOT)).results[0].findings
    assert used() - before < SECONDS
    assert [entry.id for entry in findings if entry.id.startswith(("key.", "engine."))] == ["key.parse"]


def test_what_software_writes_is_opened() -> None:
    assert limits.derivation_problem(pbkdf2(1_000_000)) is None
    assert limits.derivation_problem(scrypt(2**14, 8, 1)) is None
    assert limits.derivation_problem(scrypt(2**17, 8, 1)) is None
    assert load_private_key(pki.sensor().private("Secret.1"), b"Secret.1")


@pytest.mark.parametrize("der", [b"", b"\x30\x00", sequence(sequence()), sequence(b"\x05\x00"), b"\x30\x80\x30\x80"])
def test_what_it_costs_must_be_told(der: bytes) -> None:
    assert limits.derivation_problem(der) is not None


def with_key_of(bits: int) -> bytes:
    """A certificate whose RSA modulus has so many bits."""
    own = pki.rsa_key("odd").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    numbers = encode(3, b"\x00" + sequence(integer((1 << bits - 1) | 1), integer(65537)))
    return odd.rewritten(odd.usual(), own, sequence(bytes.fromhex("300d06092a864886f70d0101010500"), numbers))


@pytest.mark.parametrize("bits", [16_385, 100_000, 8_000_000])
def test_nothing_is_worked_out_with_a_huge_modulus(bits: int) -> None:
    der = with_key_of(bits)
    before = used()
    view = CertificateView.from_der(der, "x")
    assert view.public_key is None
    assert view.key_problem is not None
    findings = validate_bundles([Bundle("a", Source("a.crt", odd.pem(der)))], Policy(DEFENDER_IOT)).results[0].findings
    assert used() - before < SECONDS
    assert "crt.key-type" in [entry.id for entry in findings]


def test_keys_of_the_largest_size_are_looked_at() -> None:
    assert CertificateView.from_der(with_key_of(16_384), "x").key_problem is None


@pytest.mark.parametrize("block", [odd.pem(odd.usual()), b"-----BEGIN CERTIFICATE-----\n", pki.sensor().private()])
def test_blocks_are_counted(block: bytes) -> None:
    content = reading.read_content(block * (limits.MAX_BLOCKS + 500))
    assert len(content.blocks) == limits.MAX_BLOCKS + 1
    assert content.blocks[-1].kind == content.blocks[0].kind
    assert "the others were not read" in (content.blocks[-1].problem or "")


def test_and_that_there_are_more_is_a_problem_of_the_file() -> None:
    found = read_certificates(odd.pem(odd.usual()) * (limits.MAX_BLOCKS + 1), "x")
    assert len(found.views) == limits.MAX_BLOCKS
    assert len(found.problems) == 1


def test_a_costly_container_is_told_from_outside(tmp_path: Path) -> None:
    plain = pki.pfx(tmp_path, pki.sensor(), "Pfx.1")
    assert limits.container_problem(plain) is None
    assert "costs too much" in (limits.container_problem(pki.bomb(plain)) or "")
    mac = pki.replaced(
        pki.pfx(tmp_path, pki.sensor(), "Pfx.1", "-keypbe", "NONE", "-certpbe", "NONE"),
        integer(2048),
        integer(2**32 - 1),
    )
    assert "4294967295 rounds" in (limits.container_problem(mac) or "")
