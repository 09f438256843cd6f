# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that stand in public packages: real ones, in everything that holds a key."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import cryptography_vectors
import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import published_keys
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.engine import validate_bundles
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy, Source
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

VECTORS = Path(cryptography_vectors.__file__).parent
# How a file is named in the list, whatever package has it first.
RSA_FILE, EC_FILE = "x509/custom/ca/rsa_key.pem", "asymmetric/DER_Serialization/ec_private_key.der"
NOW = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture(scope="module")
def known() -> rsa.RSAPrivateKey:
    key: Any = load_pem_private_key((VECTORS / RSA_FILE).read_bytes(), None)
    return key


@pytest.fixture(scope="module")
def fresh() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def certificate(name: str, key: Any, issuer: str, signer: Any, ca: bool = False) -> bytes:
    builder = x509.CertificateBuilder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        key if isinstance(key, rsa.RSAPublicKey) else key.public_key(),
        x509.random_serial_number(),
        NOW - datetime.timedelta(days=1),
        NOW + datetime.timedelta(days=90),
    ).add_extension(x509.BasicConstraints(ca, None), True)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def weak(bundle: Bundle) -> list[tuple[str, str]]:
    findings = validate_bundles([bundle], Policy(DEFENDER_IOT)).results[0].findings
    assert "engine.failure" not in {finding.id for finding in findings}
    return [(finding.id, finding.message) for finding in findings if finding.id.endswith(".weak-key")]


def pem_of(key: Any) -> bytes:
    data: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return data


def test_a_certificate_with_its_key_is_told_once(known: rsa.RSAPrivateKey, fresh: rsa.RSAPrivateKey) -> None:
    crt = Source("a.crt", certificate("a", known, "ca", fresh))
    for key in (None, Source("a.key", pem_of(known), 0o600)):
        [(check_id, message)] = weak(Bundle("a", crt, key))
        assert check_id == "crt.weak-key"
        assert "everybody has the private key" in message
        assert RSA_FILE in message
        assert "PyPI package cryptography-vectors" in message


def test_another_exponent_does_not_hide_it(known: rsa.RSAPrivateKey, fresh: rsa.RSAPrivateKey) -> None:
    other = rsa.RSAPublicNumbers(3, known.public_key().public_numbers().n).public_key()
    assert weak(Bundle("a", Source("a.crt", certificate("a", other, "ca", fresh))))


def test_a_key_alone_and_a_request_alone(known: rsa.RSAPrivateKey, fresh: rsa.RSAPrivateKey) -> None:
    [(_id, message)] = weak(Bundle("a", private_key=Source("a.key", pem_of(known), 0o600)))
    assert RSA_FILE in message
    for key, expected in ((known, 1), (fresh, 0)):
        csr = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
        found = weak(Bundle("a", csr=Source("a.csr", csr.public_bytes(Encoding.PEM))))
        assert len(found) == expected, found


def test_a_key_that_is_not_the_certificates(known: rsa.RSAPrivateKey, fresh: rsa.RSAPrivateKey) -> None:
    crt = Source("a.crt", certificate("a", fresh, "ca", fresh))
    assert len(weak(Bundle("a", crt, Source("a.key", pem_of(known), 0o600)))) == 1
    assert weak(Bundle("a", crt, Source("a.key", pem_of(fresh), 0o600))) == []


@pytest.mark.parametrize("where", ["root", "issuing"])
def test_a_ca_of_the_chain(where: str, known: rsa.RSAPrivateKey, fresh: rsa.RSAPrivateKey) -> None:
    root, issuing = (known, fresh) if where == "root" else (fresh, known)
    chain = certificate("issuing", issuing, "root", root, True) + certificate("root", root, "root", root, True)
    leaf = rsa.generate_private_key(65537, 2048)
    bundle = Bundle("a", Source("a.crt", certificate("a", leaf, "issuing", issuing)), chain=Source("a.pem", chain))
    [(check_id, message)] = weak(bundle)
    assert check_id == "chain.weak-key"
    assert f"of the CA {where}" in message


def test_keys_on_curves_and_of_other_kinds(fresh: rsa.RSAPrivateKey) -> None:
    key = load_der_private_key((VECTORS / EC_FILE).read_bytes(), None)
    assert "ec_private_key.der" in str(published_keys.where_published(key.public_key()))
    assert published_keys.where_published(ec.generate_private_key(ec.SECP256R1()).public_key()) is None
    assert published_keys.where_published(fresh.public_key()) is None
    assert published_keys.where_published(None) is None


def test_the_list_is_sound() -> None:
    listed = published_keys.known()
    assert len(listed) > 80
    for mark, place in listed.items():
        assert re.fullmatch("[0-9a-f]{32}", mark), mark
        assert re.fullmatch(r"\S.* of the (Debian|PyPI|npm) package \S+", place), place
