# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates read once and for all: what a parser refuses later on is known before a rule looks at it."""

from __future__ import annotations

import datetime
import functools
import hashlib
import unicodedata
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..crypto import InvalidSignature, UnsupportedAlgorithm, dsa, ec, ed448, ed25519, padding, rsa, serialization, x509
from ..validation.model import Source
from . import reading

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    NormalName = tuple[tuple[tuple[str, Any], ...], ...]

_SHORT_NAMES = {
    "2.5.4.6": "C",
    "2.5.4.8": "ST",
    "2.5.4.7": "L",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.3": "CN",
    "1.2.840.113549.1.9.1": "emailAddress",
    "2.5.4.5": "serialNumber",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "2.5.4.4": "SN",
    "2.5.4.42": "GN",
    "2.5.4.9": "street",
    "2.5.4.17": "postalCode",
    "2.5.4.12": "title",
    "2.5.4.97": "organizationIdentifier",
}

_EXTENSION_NAMES = {
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.35": "authorityKeyIdentifier",
    "2.5.29.19": "basicConstraints",
    "2.5.29.15": "keyUsage",
    "2.5.29.37": "extendedKeyUsage",
    "2.5.29.17": "subjectAltName",
    "2.5.29.18": "issuerAltName",
    "2.5.29.31": "cRLDistributionPoints",
    "2.5.29.46": "freshestCRL",
    "2.5.29.32": "certificatePolicies",
    "2.5.29.33": "policyMappings",
    "2.5.29.36": "policyConstraints",
    "2.5.29.54": "inhibitAnyPolicy",
    "2.5.29.30": "nameConstraints",
    "1.3.6.1.5.5.7.1.1": "authorityInfoAccess",
}


def field_name(oid: str) -> str:
    """OpenSSL's short name of a subject field, or its dotted object identifier."""
    return _SHORT_NAMES.get(oid, oid)


def extension_name(oid: str) -> str:
    """The name of an extension as RFC 5280 writes it, or its dotted object identifier."""
    return _EXTENSION_NAMES.get(oid, oid)


def show(text: str, limit: int = 120) -> str:
    """A text from a certificate for a message: control characters replaced, length bounded."""
    clean = text
    if not text.isprintable():
        clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def show_time(moment: datetime.datetime) -> str:
    """A moment for a message, to the second in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _fold(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    return " ".join(value.split()).casefold()


def normal_name(name: x509.Name) -> NormalName:
    """A distinguished name in a form that compares as RFC 5280, section 7.1, wants it: case and blanks do not count."""
    parts = []
    for rdn in name.rdns:
        pairs = [(attribute.oid.dotted_string, _fold(attribute.value)) for attribute in rdn]
        parts.append(tuple(sorted(pairs, key=repr)) if len(pairs) > 1 else (pairs[0],))
    return tuple(parts)


def name_pairs(name: x509.Name) -> list[tuple[str, str]]:
    """A distinguished name as pairs of short field name and text, in its own order."""
    return [
        (
            field_name(attribute.oid.dotted_string),
            attribute.value if isinstance(attribute.value, str) else attribute.value.hex(),
        )
        for attribute in name
    ]


def name_text(name: x509.Name) -> str:
    """A distinguished name on one line, in its own order."""
    return show(", ".join(f"{short}={value}" for short, value in name_pairs(name)), 200) or "(empty name)"


class CertificateView:
    """A certificate with everything that can fail on access already tried.

    :ivar problems: what could not be read, in words; a rule that needs it does not run.
    :ivar source: the file it came from; empty if it may have come from several.
    :ivar extensions: by dotted object identifier, in the certificate's order; empty if one of them is damaged.
    :ivar subject_name: the subject, normalised for comparison; likewise ``issuer_name``.
    """

    __slots__ = (
        "certificate",
        "der",
        "extensions",
        "fingerprint",
        "issuer",
        "issuer_name",
        "key_problem",
        "not_after",
        "not_before",
        "problems",
        "public_key",
        "serial",
        "source",
        "spki",
        "subject",
        "subject_name",
        "title",
        "version_3",
    )

    def __init__(self, certificate: x509.Certificate, source: str) -> None:
        self.certificate = certificate
        self.source = source
        self.problems: list[str] = []
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = hashlib.sha256(self.der).hexdigest()
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
        extensions = self._try("its extensions", lambda: list(certificate.extensions), [])
        self.extensions: dict[str, x509.Extension[Any]] = {
            extension.oid.dotted_string: extension for extension in extensions
        }
        self.public_key: CertificatePublicKeyTypes | None = None
        self.key_problem: str | None = None
        self.spki = b""
        try:
            self.public_key = certificate.public_key()
            self.spki = self.public_key.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            self.key_problem = reading.explain(error)
        names = [value for short, value in name_pairs(self.subject) if short == "CN" and value]
        self.title = show(names[-1]) if names else name_text(self.subject)

    def _try(self, what: str, access: Any, otherwise: Any) -> Any:
        try:
            return access()
        except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
            self.problems.append(f"{what} cannot be read: {reading.explain(error)}")
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
        return [] if value is None else value.get_values_for_type(kind)


@functools.lru_cache(maxsize=1024)
def signed_by(certificate: CertificateView, issuer: CertificateView) -> bool:
    """Whether the issuer's key made the certificate's signature. Names are not compared here."""
    if issuer.public_key is None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                # Compares both statements of the algorithm as well.
                certificate.certificate.verify_directly_issued_by(issuer.certificate)
            except ValueError as error:
                if "outer" in str(error):
                    raise
                # The same name in other letters or string types, or a hash so weak that only this way is left.
                verify_signature(
                    certificate.certificate, certificate.certificate.tbs_certificate_bytes, issuer.public_key
                )
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def verify_signature(signed: Any, content: bytes, key: Any) -> None:
    """Check the signature of a certificate, CRL or request.

    :param content: the bytes that were signed.
    :raises InvalidSignature: made with another key, or the content was altered.
    :raises UnsupportedAlgorithm: this algorithm or kind of key cannot be checked (ValueError and TypeError likewise).
    """
    algorithm = signed.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey):
        parameters = signed.signature_algorithm_parameters or padding.PKCS1v15()
        key.verify(signed.signature, content, parameters, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signed.signature, content, ec.ECDSA(algorithm))
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signed.signature, content)
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signed.signature, content, algorithm)
    else:
        raise UnsupportedAlgorithm("this kind of key does not sign certificates")


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
            views.append(CertificateView(reading.load_certificate(block.der), source))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            length = reading.declared_length(block.der)
            if length is not None and length > len(block.der):
                why = f"the data is cut off: {length} bytes are announced, {len(block.der)} are there"
            elif length is not None and length < len(block.der):
                why = f"there are {len(block.der) - length} bytes too many after its end"
            else:
                why = reading.explain(error)
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
