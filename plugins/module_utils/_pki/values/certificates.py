# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates read once and for all: what a parser refuses later on is known before a rule looks at it."""

from __future__ import annotations

import datetime
import functools
import hashlib
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..crypto import (
    UnreadableError,
    guard,
    quiet,
    serialization,
    x509,
)
from . import limits, reading, tolerant
from .der import SEQUENCE, VERSION, elements, only
from .lists import counted
from .signatures import verify_signature
from .source import Source
from .text import name_parts, pairs_text, refused_strings, show

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
# What can fail on access: its name, the access, and what stands for it then.
_FIELDS: tuple[tuple[str, Callable[[x509.Certificate], Any], Callable[[], Any]], ...] = (
    ("its subject", operator.attrgetter("subject"), lambda: x509.Name([])),
    ("its issuer", operator.attrgetter("issuer"), lambda: x509.Name([])),
    ("its notBefore date", operator.attrgetter("not_valid_before_utc"), lambda: _EPOCH),
    ("its notAfter date", operator.attrgetter("not_valid_after_utc"), lambda: _EPOCH),
    ("its serial number", operator.attrgetter("serial_number"), lambda: 0),
    ("its version", operator.attrgetter("version"), lambda: None),
)


class CertificateView:
    """A certificate with everything that can fail on access already tried; nothing here raises afterwards.

    :ivar certificate: the library's object. If not ``exact``, a copy for reading (:mod:`.tolerant`): never verify
        or write that one, but ``signed`` and ``der``.
    :ivar der: the certificate as it came. :ivar signed: what its signature covers, if it is not ``exact``.
    :ivar problems: what could not be read, in words; a rule that needs it does not run.
    :ivar oddities: what breaks a rule of encoding and was read all the same, in words.
    :ivar source: the file it came from; empty if it may have come from several.
    :ivar extensions: by dotted object identifier, in the certificate's order, but for those that cannot be read.
    :ivar unreadable: the extensions that cannot be read, by dotted object identifier, and why.
    :ivar extensions_known: False if an extension that matters cannot be read or stands there twice, so that nobody
        can say which are missing.
    :ivar subject_name: the subject, normalised for comparison; likewise ``issuer_name``.
    :ivar subject_pairs: the subject as pairs of short field name and text; likewise ``issuer_pairs``.
    :ivar common_names: all CNs of the subject, in its order.
    :ivar dns_names: the host names among the subject's alternative names.
    """

    __slots__ = (
        "certificate",
        "common_names",
        "der",
        "dns_names",
        "extensions",
        "extensions_known",
        "fingerprint",
        "issuer",
        "issuer_name",
        "issuer_pairs",
        "key_problem",
        "not_after",
        "not_before",
        "oddities",
        "problems",
        "public_key",
        "serial",
        "signed",
        "source",
        "spki",
        "subject",
        "subject_name",
        "subject_pairs",
        "title",
        "unreadable",
        "version_3",
    )

    def __init__(self, certificate: x509.Certificate, source: str) -> None:
        der = certificate.public_bytes(serialization.Encoding.DER)
        self._fill(tolerant.read(der), der, source)

    @classmethod
    def from_der(cls, der: bytes, source: str) -> CertificateView:
        """The certificate in these octets.

        :raises UnreadableError: it is none, or so damaged that nothing can be said about it.
        """
        view = cls.__new__(cls)
        view._fill(tolerant.read(der), reading.without_trust_settings(der), source)
        return view

    def _fill(self, found: tolerant.Reading, der: bytes, source: str) -> None:
        self.der = der
        self.fingerprint = hashlib.sha256(der).hexdigest()
        self.certificate = found.certificate
        self.signed = found.signed
        self.source = source
        self.problems: list[str] = found.problems
        self.oddities: list[str] = found.oddities
        self.extensions: dict[str, x509.Extension[Any]] = found.extensions
        self.unreadable: dict[str, str] = found.unreadable
        self.extensions_known = found.extensions_known
        with quiet():
            self._read_fields()
            self._read_key()
        self.dns_names: list[str] = self.alternative_names(x509.DNSName)

    def _read_fields(self) -> None:
        certificate = self.certificate
        try:
            with guard():
                fields = [access(certificate) for _what, access, _otherwise in _FIELDS]
        except UnreadableError:
            # One of them; the others are known all the same.
            fields = [self._try(*field) for field in _FIELDS]
        self.subject, self.issuer, self.not_before, self.not_after, self.serial, version = fields
        for what, name in (("subject", self.subject), ("issuer", self.issuer)):
            self.problems += [f"its {what} has {text}" for text in refused_strings(name)]
        self.version_3 = version == x509.Version.v3
        self.subject_pairs, self.subject_name = name_parts(self.subject)
        self.issuer_pairs, self.issuer_name = name_parts(self.issuer)
        self.common_names = [value for short, value in self.subject_pairs if short == "CN"]
        names = [name for name in self.common_names if name]
        self.title = show(names[-1]) if names else pairs_text(self.subject_pairs)

    def _read_key(self) -> None:
        self.public_key: CertificatePublicKeyTypes | None = None
        self.key_problem: str | None = None
        self.spki = b""
        try:
            with guard():
                key = self._key()
                problem = limits.key_problem(key)
                if problem is not None:
                    raise UnreadableError(problem)
                self.spki = key.public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                self.public_key = key
        except UnreadableError as error:
            self.key_problem = str(error)

    def _key(self) -> CertificatePublicKeyTypes:
        try:
            with guard():
                return self.certificate.public_key()
        except UnreadableError as refusal:
            try:
                key, note = tolerant.read_key(self.der)
            except UnreadableError:
                raise refusal from None
            self.oddities.append(note)
            return key  # type: ignore[no-any-return]

    def _try(self, what: str, access: Callable[[x509.Certificate], Any], otherwise: Callable[[], Any]) -> Any:
        try:
            with guard(what):
                return access(self.certificate)
        except UnreadableError as error:
            self.problems.append(str(error))
            return otherwise()

    @property
    def exact(self) -> bool:
        """Whether the library reads the certificate itself, and not only a copy."""
        return self.signed is None

    def value(self, oid: str) -> Any:
        """The parsed value of an extension, or None."""
        extension = self.extensions.get(oid)
        return None if extension is None else extension.value

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name."""
        return bool(self.subject_name == self.issuer_name)

    def subject_key_identifier(self) -> bytes | None:
        """The subjectKeyIdentifier, or None."""
        value = self.value("2.5.29.14")
        return None if value is None else value.digest

    def authority_key_identifier(self) -> bytes | None:
        """The key identifier of authorityKeyIdentifier, or None."""
        value = self.value("2.5.29.35")
        return None if value is None else value.key_identifier

    @property
    def says_ca(self) -> bool:
        """Whether its basicConstraints say that it is a CA's (RFC 5280, section 4.2.1.9)."""
        constraints = self.value("2.5.29.19")
        return constraints is not None and bool(constraints.ca)

    def alternative_names(self, kind: Any) -> list[Any]:
        """The values of one type of subject alternative name."""
        value = self.value("2.5.29.17")
        return [] if value is None else list(value.get_values_for_type(kind))


@functools.lru_cache(maxsize=1024)
def signed_by(certificate: CertificateView, issuer: CertificateView) -> bool:
    """Whether the issuer's key made the certificate's signature. Names are not compared here."""
    if issuer.public_key is None:
        return False
    try:
        with guard(), quiet():
            signed = certificate.signed
            if signed is None:
                signed, inner, outer, value = _signature_parts(certificate.der)
                if inner != outer or value[:1] != b"\x00":
                    return False  # of a signature every bit is used
            # With the key that was read once: the library's own check of a certificate reads it anew each time.
            verify_signature(certificate.certificate, signed, issuer.public_key)
    except UnreadableError:
        # A signature that is wrong is one of the library's exceptions too.
        return False
    return True


def _signature_parts(certificate: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """What a signature covers, both statements of its algorithm (RFC 5280, sections 4.1.1.2 and 4.1.2.3), itself."""
    body, outer, value = elements(only(certificate, SEQUENCE).content)
    fields = elements(body.content)
    if next(fields).tag == VERSION:
        next(fields)
    return body.whole, next(fields).whole, outer.whole, value.content


@dataclass(frozen=True)
class CertificateFile:
    """The certificates of a file.

    :ivar problems: blocks that should be certificates and cannot be read, in words.
    :ivar content: what the file is.
    """

    views: tuple[CertificateView, ...]
    problems: tuple[str, ...]
    content: reading.Content


def read_certificates(data: bytes, source: str) -> CertificateFile:
    """Every certificate of a file, PEM or DER, in its order; never fails."""
    content = reading.read_content(data)
    views = []
    problems = []
    blocks = content.of_kind(reading.CERTIFICATE)
    for position, block in enumerate(blocks, start=1):
        where = f"block {position}: " if len(blocks) > 1 else ""
        if block.der is None:
            problems.append(f"{where}{block.problem}")
            continue
        try:
            views.append(CertificateView.from_der(block.der, source))
        except UnreadableError as error:
            length = reading.declared_length(block.der)
            if length is not None and length > len(block.der):
                why = f"the data is cut off: {counted(length, 'byte')} announced, {len(block.der)} there"
            elif length is not None and length < len(block.der):
                why = f"after its end there is too much: {counted(len(block.der) - length, 'byte')}"
            else:
                why = str(error)
            problems.append(f"{where}{why}")
    return CertificateFile(tuple(views), tuple(problems), content)


@functools.lru_cache(maxsize=256)
def _read_shared(data: bytes) -> CertificateFile:
    return read_certificates(data, "")


def read_shared_certificates(source: Source) -> CertificateFile:
    """Like :func:`read_certificates`, for chains and roots: the same for many sensors, down to the byte.

    The views are the same objects whatever file they were read from, so what is known of one (its signature, say)
    is known for all; therefore they do not name their file.
    """
    return _read_shared(source.data or b"")


def read_own_certificates(source: Source) -> CertificateFile:
    """Like :func:`read_certificates`, for a bundle's own file."""
    return read_certificates(source.data or b"", source.path)
