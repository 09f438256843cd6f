# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates that break a rule of encoding and that TLS software reads all the same.

Old CAs and small libraries write ``R&D`` as PrintableString, Latin-1 as T61String, a DEFAULT value in full.
``cryptography`` refuses some of that, and with it the whole certificate. So a copy is made for reading in which just
that is written as the standard wants it; what is signed, compared and written stays the original. What was
changed is an *oddity* in words; it never is silent, and what may not be read differently stays a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ..crypto import UnreadableError, guard, quiet, serialization, x509
from . import reading
from .der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    VERSION,
    Element,
    elements,
    encode,
    only,
    rewritten,
)
from .oids import extension_name
from .repairs import repaired
from .strings import UTF8, readable_string

_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
# rsaEncryption, and X.500's rsa, which means the same.
_RSA = (bytes.fromhex("2a864886f70d010101"), bytes.fromhex("55080101"))
_RSA_ALGORITHM = encode(SEQUENCE, encode(OID, _RSA[0]), b"\x05\x00")
_EMPTY_NAME = encode(SEQUENCE)
_NAME_CONSTRAINTS = "2.5.29.30"  # without any name they constrain nothing
_NOTHING = Element(0, b"", b"")
_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_VERSIONS = (b"", b"\xa0\x03\x02\x01\x00", b"\xa0\x03\x02\x01\x01", _VERSION_3)
_MAX_EXTENSIONS = 64
_MAX_FIELDS = 64

# What TLS software evaluates in any certificate: damaged, it refuses the certificate, critical or not. Not what is said
# of policies: nobody looks at it who does not ask for one, or is not told to by a CA.
NEEDED = frozenset(
    {
        "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.35", "2.5.29.37",
    }
)  # fmt: skip


@dataclass
class Reading:
    """A certificate as far as it can be read.

    :ivar certificate: the library's object: the certificate itself, or the copy for reading.
    :ivar signed: None if it is the certificate itself. Beside a copy, which is never written or verified: the octets
        of the original that its signature covers.
    :ivar extensions: those that can be read, by dotted object identifier, in the certificate's order.
    :ivar unreadable: those that cannot, and why.
    :ivar extensions_known: False if one that matters cannot be read, or stands there twice; "missing" is then no fact.
    :ivar problems: what cannot be read and would have to be, in words.
    :ivar oddities: what breaks a rule of encoding and could be read, in words.
    """

    certificate: x509.Certificate
    signed: bytes | None = None
    extensions: dict[str, x509.Extension[Any]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    extensions_known: bool = True
    problems: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)


@dataclass
class _Parts:
    """The fields of a TBSCertificate (RFC 5280, section 4.1), each as it stands there."""

    version: bytes
    serial: bytes
    algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    rest: bytes
    extensions: list[bytes]
    signed: bytes
    signature: bytes  # algorithm and value

    def certificate(self, extensions: Iterable[bytes] = ()) -> x509.Certificate:
        """The library's object of these parts.

        :raises UnreadableError: it still does not read them.
        """
        listed = encode(SEQUENCE, *extensions)
        wrapped = encode(0xA3, listed) if len(listed) > 2 else b""
        body = encode(
            SEQUENCE, self.version, self.serial, self.algorithm, self.issuer, self.validity, self.subject, self.rest,
            wrapped,
        )  # fmt: skip
        return reading.load_certificate(encode(SEQUENCE, body, self.signature))


def _take_apart(der: bytes) -> _Parts:
    outer = list(elements(only(der, SEQUENCE).content))
    if len(outer) != 3 or outer[0].tag != SEQUENCE:
        raise UnreadableError("its ASN.1 is damaged or not DER")
    body, *signature = outer
    fields = list(elements(body.content))
    version = fields.pop(0).whole if fields and fields[0].tag == VERSION else b""
    if len(fields) < 6:
        raise UnreadableError("its ASN.1 is damaged or not DER")
    serial, algorithm, issuer, validity, subject = (each.whole for each in fields[:5])
    extensions: list[bytes] = []
    rest = []
    for each in fields[5:]:
        if each.tag == 0xA3:
            extensions = [entry.whole for entry in elements(only(each.content, SEQUENCE).content)]
        else:
            rest.append(each.whole)
    if len(extensions) > _MAX_EXTENSIONS:
        raise UnreadableError(f"it has {len(extensions)} extensions; at most {_MAX_EXTENSIONS} are read")
    return _Parts(
        version, serial, algorithm, issuer, validity, subject, b"".join(rest), extensions, body.whole,
        b"".join(each.whole for each in signature),
    )  # fmt: skip


def read(der: bytes) -> Reading:
    """A certificate from DER, as far as it can be read.

    :raises UnreadableError: not even its key and names can be told from it.
    """
    try:
        certificate = reading.load_certificate(der)
        with guard("its subject"), quiet():
            _read = certificate.subject, certificate.issuer
    except UnreadableError as error:
        return _read_parts(der, error)
    found = Reading(certificate)
    try:
        with guard(), quiet():
            found.extensions = {extension.oid.dotted_string: extension for extension in certificate.extensions}
    except UnreadableError:
        _read_extensions(_take_apart(reading.without_trust_settings(der)), found)
    return found


def _read_parts(der: bytes, refusal: UnreadableError) -> Reading:
    oddities: list[str] = []
    problems: list[str] = []
    try:
        original = reading.without_trust_settings(der)
        copy = rewritten(original)
        parts = _take_apart(copy)
        if copy != original:
            parts.signed = _take_apart(original).signed
            oddities.append("it has lengths that are longer than DER has them, or strings in pieces")
        if parts.version not in _VERSIONS:
            problems.append(str(refusal))
            # Told from a certificate of version 3 by the problem alone: `CertificateView.version_3` looks at it.
            parts.version = b""
        parts.rest = _readable_key(parts.rest, oddities)
        parts.validity = _readable_validity(parts.validity, oddities)
        issuer, subject = parts.issuer, parts.subject
        parts.issuer = parts.subject = _EMPTY_NAME
        parts.issuer = _readable_name(parts, issuer, "issuer", oddities, problems)
        parts.subject = _readable_name(parts, subject, "subject", oddities, problems)
        certificate = parts.certificate()
    except UnreadableError:
        # What the library said of the original tells more than what it says of the copy.
        raise refusal from None
    found = Reading(certificate, parts.signed, problems=problems, oddities=oddities)
    _read_extensions(parts, found)
    return found


def read_key(der: bytes) -> tuple[Any, str]:
    """The RSA key of a certificate whose key the library refuses, and what is odd about it.

    :raises UnreadableError: it cannot be read in another way either.
    """
    notes: list[str] = []
    key = next(elements(_readable_key(_take_apart(rewritten(reading.without_trust_settings(der))).rest, notes))).whole
    if not notes:
        raise UnreadableError("it cannot be read in another way")
    with guard():
        return serialization.load_der_public_key(key), notes[0]


def _readable_key(rest: bytes, oddities: list[str]) -> bytes:
    """The fields from subjectPublicKeyInfo on, with an RSA key as RFC 3279, section 2.3.1, has it."""
    info, *more = elements(rest)
    algorithm, bits, *_none = (*elements(info.content), _NOTHING, _NOTHING)
    kind = next(elements(algorithm.content), _NOTHING)
    if kind.content not in _RSA or bits.tag != BIT_STRING:
        return rest
    inner = next(elements(bits.content[1:]), _NOTHING)
    numbers = list(elements(inner.content))
    if [number.tag for number in numbers] != [INTEGER, INTEGER] or inner.tag != SEQUENCE:
        return rest
    # Also a modulus that lacks the octet of zeros which makes it positive.
    values = (b"\x00" + number.content.lstrip(b"\x00") for number in numbers)
    made = [encode(INTEGER, value if value[1:2] >= b"\x80" else value[1:] or b"\x00") for value in values]
    key = encode(SEQUENCE, _RSA_ALGORITHM, encode(BIT_STRING, b"\x00", encode(SEQUENCE, *made)))
    if key == info.whole:
        return rest
    oddities.append("its public key is an RSA key that is not written as DER and RFC 3279 want it")
    return key + b"".join(each.whole for each in more)


# --- Names and dates ----------------------------------------------------------------------------------


def _readable_name(parts: _Parts, name: bytes, what: str, oddities: list[str], problems: list[str]) -> bytes:
    """A name in which every field is one that the library reads; those that it never reads are left out."""
    rdns = list(elements(only(name, SEQUENCE).content))
    if len(rdns) > _MAX_FIELDS:
        raise UnreadableError(f"its {what} has {len(rdns)} fields; at most {_MAX_FIELDS} are read")

    def note(text: str) -> None:
        if f"its {what} has {text}" not in oddities:
            oddities.append(f"its {what} has {text}")

    made = []
    for rdn in rdns:
        pairs: list[bytes] = []
        for pair in elements(rdn.content):
            kind, value, *_more = (*elements(pair.content), _NOTHING, _NOTHING)
            field_ = encode(SEQUENCE, kind.whole, readable_string(value, note))
            try:
                _name_of(replace(parts, subject=encode(SEQUENCE, encode(SET, field_))))
            except UnreadableError as error:
                problems.append(f"a field of its {what} cannot be read: {error}")
            else:
                if field_ in pairs:
                    note("a field that stands there twice")
                else:
                    pairs.append(field_)
        if pairs:
            made.append(encode(SET, *pairs))
    return encode(SEQUENCE, *made)


def _name_of(parts: _Parts) -> x509.Name:
    certificate = parts.certificate()
    with guard(), quiet():
        return certificate.subject


def _readable_validity(validity: bytes, oddities: list[str]) -> bytes:
    """Dates before 2050 as UTCTime (RFC 5280, section 4.1.2.5); any other stays as it is."""
    made = []
    for each in elements(only(validity, SEQUENCE).content):
        text = each.content
        if each.tag == _GENERALIZED_TIME and re.fullmatch(rb"\d{14}Z", text) and b"1950" <= text[:4] < b"2050":
            oddities.append("a date of its validity is a GeneralizedTime before 2050, where UTCTime is wanted")
            made.append(encode(_UTC_TIME, text[2:]))
        else:
            made.append(each.whole)
    return encode(SEQUENCE, *made)


# --- Extensions ---------------------------------------------------------------------------------------


def _read_extensions(parts: _Parts, found: Reading) -> None:
    """Each extension for itself, so that one that cannot be read does not hide the others."""
    for raw in parts.extensions:
        try:
            oid, critical, value = _open(parts, raw, found)
        except UnreadableError as error:
            found.problems.append(f"one of its extensions cannot be read: {error}")
            found.extensions_known = False
            continue
        if oid in found.extensions or oid in found.unreadable:
            found.problems.append(f"its extension {extension_name(oid)} stands in it twice")
            found.extensions_known = False
            continue
        name = f"its extension {extension_name(oid)}"
        try:
            found.extensions[oid] = _alone(parts, _extension(raw, critical, value))
        except UnreadableError as refusal:
            extension, note = _in_another_way(parts, raw, (oid, critical, value))
            if extension is not None:
                found.extensions[oid] = extension
                found.oddities.append(f"{name} {note}")
                continue
            found.unreadable[oid] = str(refusal)
            severe = (critical or oid in NEEDED) and not (oid == _NAME_CONSTRAINTS and value == _EMPTY_NAME)
            found.extensions_known = found.extensions_known and not severe
            (found.problems if severe else found.oddities).append(f"{name} cannot be read: {refusal}")


def _in_another_way(
    parts: _Parts, raw: bytes, opened: tuple[str, bool, bytes]
) -> tuple[x509.Extension[Any] | None, str]:
    """An extension that the library refuses, read as its writer meant it, and what is odd about it."""
    oid, critical, value = opened
    try:
        for mended, note in repaired(oid, value):
            try:
                return _alone(parts, _extension(raw, critical, mended)), note
            except UnreadableError:
                continue
    except (UnreadableError, ValueError):
        pass  # nothing that may be read differently
    return None, ""


def _open(parts: _Parts, raw: bytes, found: Reading) -> tuple[str, bool, bytes]:
    """Identifier, criticality and value of an extension (RFC 5280, section 4.1)."""
    kind, *more = (*elements(only(raw, SEQUENCE).content),) or (_NOTHING,)
    critical = False
    if more and more[0].tag == BOOLEAN and len(more[0].content) == 1:
        critical = more.pop(0).content != b"\x00"
    if kind.tag != OID or len(more) != 1 or more[0].tag != OCTET_STRING:
        raise UnreadableError("its ASN.1 is damaged or not DER")
    oid = _dotted(parts, kind.whole)
    if not critical and len(list(elements(only(raw, SEQUENCE).content))) == 3:
        found.oddities.append(
            f"its extension {extension_name(oid)} says in full that it is not critical, which DER leaves out"
        )
    return oid, critical, more[0].content


def _dotted(parts: _Parts, oid: bytes) -> str:
    """An object identifier as text, read by the library as that of a distinguished name's field."""
    name = encode(SEQUENCE, encode(SET, encode(SEQUENCE, oid, encode(UTF8, b"xx"))))
    copy = replace(parts, subject=name)
    return next(iter(_name_of(copy))).oid.dotted_string


def _extension(raw: bytes, critical: bool, value: bytes) -> bytes:
    kind = next(elements(only(raw, SEQUENCE).content)).whole  # there is one: the extension was opened
    return encode(SEQUENCE, kind, b"\x01\x01\xff" if critical else b"", encode(OCTET_STRING, value))


def _alone(parts: _Parts, extension: bytes) -> x509.Extension[Any]:
    """An extension read in a copy of the certificate that has no other.

    :raises UnreadableError: the library does not read it.
    """
    copy = replace(parts, version=parts.version or _VERSION_3, issuer=_EMPTY_NAME, subject=_EMPTY_NAME)
    with guard(), quiet():
        return next(iter(copy.certificate([extension]).extensions))
