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
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.texts import harmless
from ..crypto import UnreadableError, guard, quiet, x509
from . import reading
from .der import (
    BOOLEAN,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    VERSION,
    Element,
    elements,
    encode,
    only,
)
from .oids import extension_name
from .repairs import repaired

_UTF8, _NUMERIC, _PRINTABLE, _T61, _IA5, _VISIBLE = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_EMPTY_NAME = encode(SEQUENCE)
_NOTHING = Element(0, b"", b"")
_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_VERSIONS = (b"", b"\xa0\x03\x02\x01\x00", b"\xa0\x03\x02\x01\x01", _VERSION_3)
# A UTF8String that is none is refused by other software too.
_STRING_NAMES = {
    _NUMERIC: "NumericString", _PRINTABLE: "PrintableString", _T61: "T61String", _IA5: "IA5String",
    _VISIBLE: "VisibleString",
}  # fmt: skip
# X.680, section 41.4.
_PRINTABLE_TEXT = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*\Z")

_MAX_EXTENSIONS = 64
_MAX_FIELDS = 64

# What TLS software evaluates in any certificate: damaged, it refuses the certificate, critical or not.
NEEDED = frozenset(
    {
        "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33",
        "2.5.29.35", "2.5.29.36", "2.5.29.37", "2.5.29.54",
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
        parts = _take_apart(reading.without_trust_settings(der))
        if parts.version not in _VERSIONS:
            problems.append(str(refusal))
            # Told from a certificate of version 3 by the problem alone: `CertificateView.version_3` looks at it.
            parts.version = b""
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


# --- Names and dates ----------------------------------------------------------------------------------


def _readable_name(parts: _Parts, name: bytes, what: str, oddities: list[str], problems: list[str]) -> bytes:
    """A name in which every field is one that the library reads; those that it never reads are left out."""
    rdns = list(elements(only(name, SEQUENCE).content))
    if len(rdns) > _MAX_FIELDS:
        raise UnreadableError(f"its {what} has {len(rdns)} fields; at most {_MAX_FIELDS} are read")
    made = []
    for rdn in rdns:
        pairs = []
        for pair in elements(rdn.content):
            kind, value, *_more = (*elements(pair.content), _NOTHING, _NOTHING)
            field_ = encode(SEQUENCE, kind.whole, _readable_string(value, what, oddities))
            try:
                _name_of(replace(parts, subject=encode(SEQUENCE, encode(SET, field_))))
            except UnreadableError as error:
                problems.append(f"a field of its {what} cannot be read: {error}")
            else:
                pairs.append(field_)
        if pairs:
            made.append(encode(SET, *pairs))
    return encode(SEQUENCE, *made)


def _name_of(parts: _Parts) -> x509.Name:
    certificate = parts.certificate()
    with guard(), quiet():
        return certificate.subject


def _readable_string(value: Element, what: str, oddities: list[str]) -> bytes:
    kind = _STRING_NAMES.get(value.tag)
    if kind is None or _is_sound(value):
        return value.whole
    try:
        text = value.content.decode("utf-8" if value.tag == _PRINTABLE else "latin-1")
    except UnicodeDecodeError:
        # Not what the standard says T61String is, but what everybody writes into it.
        text = value.content.decode("latin-1")
    note = f"its {what} has '{harmless(text, 80)}' as {kind}, which does not hold such characters"
    if note not in oddities:
        oddities.append(note)
    return encode(_UTF8, unicodedata.normalize("NFC", text).encode())


def _is_sound(value: Element) -> bool:
    if value.tag == _PRINTABLE:
        return bool(_PRINTABLE_TEXT.match(value.content))
    # The library reads ASCII in any of the other kinds.
    return value.content.isascii()


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
        name, note = f"its extension {extension_name(oid)}", None
        try:
            extension = _alone(parts, _extension(raw, critical, value))
        except UnreadableError as refusal:
            try:
                mended, note = repaired(oid, value)
                extension = _alone(parts, _extension(raw, critical, mended))
            except (UnreadableError, ValueError):
                found.unreadable[oid] = str(refusal)
                severe = critical or oid in NEEDED
                found.extensions_known = found.extensions_known and not severe
                (found.problems if severe else found.oddities).append(f"{name} cannot be read: {refusal}")
                continue
        if note is not None:
            found.oddities.append(f"{name} {note}")
        found.extensions[oid] = extension


def _open(parts: _Parts, raw: bytes, found: Reading) -> tuple[str, bool, bytes]:
    """Identifier, criticality and value of an extension (RFC 5280, section 4.1)."""
    kind, *more = (*elements(only(raw, SEQUENCE).content),) or (_NOTHING,)
    critical = False
    if more and more[0].tag == BOOLEAN:
        critical = more.pop(0).content not in (b"", b"\x00")
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
    name = encode(SEQUENCE, encode(SET, encode(SEQUENCE, oid, encode(_UTF8, b"xx"))))
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
