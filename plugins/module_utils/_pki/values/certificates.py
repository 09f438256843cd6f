# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates read once and for all: what a parser refuses later on is known before a rule looks at it."""

from __future__ import annotations

import datetime
import functools
import hashlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..crypto import (
    UnreadableError,
    guard,
    serialization,
    x509,
)
from . import limits, reading, tolerant
from .signatures import verify_signature
from .source import Source
from .text import name_pairs, name_text, normal_name, show

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


class CertificateView:
    """A certificate with everything that can fail on access already tried; nothing here raises afterwards.

    :ivar certificate: the library's object. If not ``exact``, a copy for reading (:mod:`.tolerant`): never verify
        or write that one, but ``signed`` and ``der``.
    :ivar der: the certificate as it came, and ``signed``: what its signature covers.
    :ivar problems: what could not be read, in words; a rule that needs it does not run.
    :ivar oddities: what breaks a rule of encoding and was read all the same, in words.
    :ivar source: the file it came from; empty if it may have come from several.
    :ivar extensions: by dotted object identifier, in the certificate's order, but for those that cannot be read.
    :ivar unreadable: the extensions that cannot be read, by dotted object identifier, and why.
    :ivar extensions_known: False if an extension that matters cannot be read or stands there twice, so that nobody
        can say which are missing.
    :ivar subject_name: the subject, normalised for comparison; likewise ``issuer_name``.
    """

    __slots__ = (
        "certificate",
        "der",
        "exact",
        "extensions",
        "extensions_known",
        "fingerprint",
        "issuer",
        "issuer_name",
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
        "title",
        "unreadable",
        "version_3",
    )

    def __init__(self, certificate: x509.Certificate, source: str) -> None:
        self._fill(tolerant.read(certificate.public_bytes(serialization.Encoding.DER)), source)
        self._keep(certificate.public_bytes(serialization.Encoding.DER))

    @classmethod
    def from_der(cls, der: bytes, source: str) -> CertificateView:
        """The certificate in these octets.

        :raises UnreadableError: it is none, or so damaged that nothing can be said about it.
        """
        view = cls.__new__(cls)
        found = tolerant.read(der)
        view._fill(found, source)
        view._keep(reading.without_trust_settings(der))
        return view

    def _keep(self, der: bytes) -> None:
        self.der = der
        self.fingerprint = hashlib.sha256(der).hexdigest()

    def _fill(self, found: tolerant.Reading, source: str) -> None:
        self.certificate = found.certificate
        self.exact = found.exact
        self.signed = found.signed
        self.source = source
        self.problems: list[str] = list(found.problems)
        self.oddities: list[str] = list(found.oddities)
        self.extensions: dict[str, x509.Extension[Any]] = found.extensions
        self.unreadable: dict[str, str] = found.unreadable
        self.extensions_known = found.extensions_known
        with warnings.catch_warnings():
            # Odd values (an empty CN, a country of three letters) are warned of on stderr; rules report them.
            warnings.simplefilter("ignore")
            self._read_fields()

    def _read_fields(self) -> None:
        certificate = self.certificate
        empty = x509.Name([])
        self.subject = self._try("its subject", lambda: certificate.subject, empty)
        self.issuer = self._try("its issuer", lambda: certificate.issuer, empty)
        self.subject_name = normal_name(self.subject)
        self.issuer_name = self.subject_name if self.issuer == self.subject else normal_name(self.issuer)
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        self.not_before = self._try("its notBefore date", lambda: certificate.not_valid_before_utc, epoch)
        self.not_after = self._try("its notAfter date", lambda: certificate.not_valid_after_utc, epoch)
        self.serial = self._try("its serial number", lambda: certificate.serial_number, 0)
        self.version_3 = self._try("its version", lambda: certificate.version == x509.Version.v3, False)
        self.public_key: CertificatePublicKeyTypes | None = None
        self.key_problem: str | None = None
        self.spki = b""
        try:
            with guard():
                key = certificate.public_key()
                problem = limits.key_problem(key)
                if problem is not None:
                    raise UnreadableError(problem)
                self.spki = key.public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                self.public_key = key
        except UnreadableError as error:
            self.key_problem = str(error)
        names = [value for short, value in name_pairs(self.subject) if short == "CN" and value]
        self.title = show(names[-1]) if names else name_text(self.subject)

    def _try(self, what: str, access: Any, otherwise: Any) -> Any:
        try:
            with guard(what):
                return access()
        except UnreadableError as error:
            self.problems.append(str(error))
            return otherwise

    def value(self, oid: str) -> Any:
        """The parsed value of an extension, or None."""
        extension = self.extensions.get(oid)
        return None if extension is None else extension.value

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name."""
        return bool(self.subject_name == self.issuer_name)

    @property
    def common_names(self) -> list[str]:
        """All CNs of the subject, in its order."""
        return [value for short, value in name_pairs(self.subject) if short == "CN"]

    def subject_key_identifier(self) -> bytes | None:
        """The subjectKeyIdentifier, or None."""
        value = self.value("2.5.29.14")
        return None if value is None else value.digest

    def authority_key_identifier(self) -> bytes | None:
        """The key identifier of authorityKeyIdentifier, or None."""
        value = self.value("2.5.29.35")
        return None if value is None else value.key_identifier

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
        with guard(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if not (certificate.exact and issuer.exact):
                    raise ValueError("the library holds copies for reading, which nobody signed")
                # Compares both statements of the algorithm as well.
                certificate.certificate.verify_directly_issued_by(issuer.certificate)
            except ValueError as error:
                if "outer" in str(error):
                    raise
                # The same name in other letters or string types, or a hash so weak that only this way is left.
                verify_signature(certificate.certificate, certificate.signed, issuer.public_key)
    except UnreadableError:
        # A signature that is wrong is one of the library's exceptions too.
        return False
    return True


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
                why = f"the data is cut off: {length} bytes are announced, {len(block.der)} are there"
            elif length is not None and length < len(block.der):
                why = f"there are {len(block.der) - length} bytes too many after its end"
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
