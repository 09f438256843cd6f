# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that break a rule of encoding, with signatures that are right all the same."""

from __future__ import annotations

import base64
import datetime
import functools
import warnings
from collections.abc import Callable
from typing import Any

from corporate_pki import encode, replaced, rsa_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NAME = "sensor-1.plant.example"
UNIT = "R_D-unit"  # a field to be written otherwise
BASIC_CONSTRAINTS, KEY_USAGE, SAN, SKI = "2.5.29.19", "2.5.29.15", "2.5.29.17", "2.5.29.14"
POLICIES, AIA, TLS_FEATURE = "2.5.29.32", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.24"
NAME_CONSTRAINTS = "2.5.29.30"
DNS = encode(0x82, NAME.encode())
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")


def subject(*more: x509.NameAttribute) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Contoso"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, UNIT),
            *more,
            x509.NameAttribute(NameOID.COMMON_NAME, NAME),
        ]
    )


@functools.cache
def usual(extensions: tuple[tuple[str, str], ...] = (), critical: bool = False) -> bytes:
    """A self-signed certificate as DER with these extensions (identifier and value in hexadecimal)."""
    key = rsa_key("odd")
    moment = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject())
        .issuer_name(subject())
        .public_key(key.public_key())
        .serial_number(0x1234)
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=300))
    )
    for oid, value in extensions:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(value))
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def signed(tbs: bytes) -> bytes:
    """A certificate of that content."""
    signature = rsa_key("odd").sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    return encode(0x30, tbs + RSA_SHA256 + encode(3, b"\x00" + signature))


def rewritten(der: bytes, old: bytes, new: bytes) -> bytes:
    """The certificate with an element exchanged and signed anew."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tbs = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    changed = replaced(tbs, old, new)
    assert changed != tbs
    return signed(changed)


def unit(tag: int, value: bytes) -> bytes:
    """A certificate whose subject has that string as OU."""
    return rewritten(usual(), encode(0x0C, UNIT.encode()), encode(tag, value))


def extended(*extensions: tuple[str, bytes], critical: bool = False) -> bytes:
    """A certificate with extensions of any value."""
    return usual(tuple((oid, value.hex()) for oid, value in extensions), critical)


def sequence(*parts: bytes) -> bytes:
    return encode(0x30, b"".join(parts))


def with_key(written: Callable[[bytes, bytes], bytes]) -> bytes:
    """A certificate whose RSA key is written by a function of modulus and exponent as DER has them."""
    public = rsa_key("odd").public_key()
    numbers = public.public_numbers()
    parts = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (numbers.n, numbers.e)]
    algorithm = sequence(bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return rewritten(usual(), der, sequence(algorithm, encode(3, b"\x00" + written(*parts))))


AKI = "2.5.29.35"
OU = bytes.fromhex("060355040b")
FALSE, PATH_LENGTH = b"\x01\x01\x00", b"\x02\x01\x00"
SOUND_NAMES = (SAN, sequence(DNS))
QUALIFIER = sequence(bytes.fromhex("06032a0305"), b"\x0c\x01a")
POLICY = sequence(sequence(bytes.fromhex("06032a0304"), sequence(QUALIFIER)))

# What TLS software reads, by what is odd about it; and what is then known of it.
READABLE: dict[str, bytes] = {
    **{f"printable {mark}": unit(0x13, f"R{mark}D".encode()) for mark in '&*_@;"!#'},
    "T61 in Latin-1": unit(0x14, "Köln".encode("latin-1")),
    "printable in UTF-8": unit(0x13, "Köln".encode()),
    "IA5String in Latin-1": unit(0x16, "Köln".encode("latin-1")),
    "explicit CA:FALSE": extended((BASIC_CONSTRAINTS, sequence(FALSE)), SOUND_NAMES),
    "path length beside CA:FALSE": extended((BASIC_CONSTRAINTS, sequence(PATH_LENGTH)), SOUND_NAMES),
    "both": extended((BASIC_CONSTRAINTS, sequence(FALSE, PATH_LENGTH)), SOUND_NAMES),
    "decipherOnly without keyAgreement": extended((KEY_USAGE, bytes.fromhex("0303078080")), SOUND_NAMES),
    "encipherOnly without keyAgreement": extended((KEY_USAGE, bytes.fromhex("030200a1")), SOUND_NAMES),
    "policy qualifier of an unknown kind": extended((POLICIES, POLICY), SOUND_NAMES),
    "x400Address": extended((SAN, sequence(DNS, encode(0xA3, b"\x30\x00")))),
    "ediPartyName": extended((SAN, sequence(DNS, encode(0xA5, encode(0xA1, b"\x0c\x01a"))))),
    "address of three octets": extended((SAN, sequence(DNS, encode(0x87, b"abc")))),
    "URL in Latin-1": extended((SAN, sequence(DNS, encode(0x86, b"http://k\xf6ln.example")))),
    "mail address in Latin-1": extended((SAN, sequence(DNS, encode(0x81, b"k\xf6ln@plant.example")))),
    "directory name with &": extended((SAN, sequence(DNS, encode(0xA4, sequence(encode(0x31, sequence(OU, encode(0x13, b"R&D")))))))),
    "policies that are damaged": extended((POLICIES, b"\xff\xff"), SOUND_NAMES),
    "policyConstraints without content": extended(("2.5.29.36", sequence()), SOUND_NAMES),
    "name constraints without content": extended((NAME_CONSTRAINTS, sequence()), SOUND_NAMES),
    "data after an extension's end": extended((BASIC_CONSTRAINTS, sequence() + b"\0\0"), SOUND_NAMES),
    "long length in an extension": extended((SAN, b"\x30\x81" + sequence(DNS)[1:])),
    "long length in the subject": rewritten(usual(), encode(0x0C, UNIT.encode()), b"\x0c\x81\x08" + UNIT.encode()),
    "string in two pieces": unit(0x2C, encode(0x0C, b"R_D") + encode(0x0C, b"-unit")),
    "authority named by its serial number alone": extended((AKI, sequence(b"\x82\x02\x12\x34")), SOUND_NAMES),
    "modulus that seems negative": with_key(lambda n, e: sequence(encode(2, n[1:]), encode(2, e))),
    "modulus with an octet too many": with_key(lambda n, e: sequence(encode(2, b"\0" + n), encode(2, e))),
    "data after the key's end": with_key(lambda n, e: sequence(encode(2, n), encode(2, e)) + b"\0\0"),
    "TLS feature of an unknown number": extended((TLS_FEATURE, sequence(b"\x02\x01\x63")), SOUND_NAMES),
    "another TLS feature": extended((TLS_FEATURE, sequence(b"\x02\x01\x05\x02\x01\x63")), SOUND_NAMES),
    "malformed authorityInfoAccess": extended((AIA, b"\x30\x01"), SOUND_NAMES),
    "criticality FALSE in full": rewritten(
        extended(SOUND_NAMES, critical=True), b"\x01\x01\xff", b"\x01\x01\x00"
    ),
}  # fmt: skip

# What has a part that cannot be read, which is told; the rest can.
PARTLY: dict[str, bytes] = {
    "version 5": rewritten(extended(SOUND_NAMES), encode(0xA0, b"\x02\x01\x02"), encode(0xA0, b"\x02\x01\x05")),
    "malformed SKI": extended((SKI, b"\x02\x01\x00"), SOUND_NAMES),
    "name constraints with x400Address": extended((NAME_CONSTRAINTS, sequence(encode(0xA0, sequence(encode(0xA3, b"\x30\x00"))))), SOUND_NAMES),
    "extension that stands there twice": rewritten(
        extended(SOUND_NAMES, (BASIC_CONSTRAINTS, sequence())), bytes.fromhex("0603551d13"), bytes.fromhex("0603551d11")
    ),
    "VisibleString as OU": unit(0x1A, b"Cologne"),
    "VisibleString as OU in Latin-1": unit(0x1A, "Köln".encode("latin-1")),
    "OCTET STRING as OU": unit(0x04, b"Cologne"),
    "BMPString as OU with characters of four octets": unit(0x1E, "\N{GRINNING FACE}".encode("utf-16-be")),
    "criticality of no octets": rewritten(extended(SOUND_NAMES, critical=True), b"\x01\x01\xff", b"\x01\x00"),
    "negative path length": extended((BASIC_CONSTRAINTS, sequence(b"\x02\x01\xff")), SOUND_NAMES),
    "UTF8String as OU that is Latin-1": unit(0x0C, "Köln".encode("latin-1")),
    "GeneralString as OU": unit(0x1B, b"Cologne"),
    "BIT STRING as OU": unit(0x03, b"\x00ab"),
    "BMPString of an odd length as OU": unit(0x1E, b"abc"),
}  # fmt: skip


# Only that they end nothing is asked.
KEYS: dict[str, bytes] = {
    "DSA key with p=0": rewritten(
        usual(), rsa_key("odd").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        sequence(sequence(bytes.fromhex("06072a8648ce380401"), sequence(b"\x02\x01\x00" * 3)), encode(3, b"\x00\x02\x01\x05")),
    ),
}  # fmt: skip


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def everything() -> dict[str, Any]:
    """All of them by name."""
    return {**READABLE, **PARTLY, **KEYS}
