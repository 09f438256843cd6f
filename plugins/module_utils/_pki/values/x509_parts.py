# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""X.509 building blocks that the CA and the sensors' certificates share."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from ..._plain.errors import InputError
from ..crypto import NameOID, UnreadableError, ec, guard, hashes, rsa, serialization, x509
from .signatures import verify_signature
from .text import name_text

# Clocks of appliances are off; a certificate that starts "now" is not yet valid on a slow one.
BACKDATE = datetime.timedelta(hours=1)


def name_oids() -> dict[str, x509.ObjectIdentifier]:
    """OpenSSL's short names for the subject fields that this collection writes."""
    return {
        "C": NameOID.COUNTRY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "L": NameOID.LOCALITY_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "CN": NameOID.COMMON_NAME,
        "emailAddress": NameOID.EMAIL_ADDRESS,
    }


def build_name(fields: list[tuple[str, str]]) -> x509.Name:
    """A distinguished name of one attribute each, in the given order.

    :param fields: pairs of OpenSSL short name and value.
    """
    oids = name_oids()
    return x509.Name([x509.NameAttribute(oids[short], value) for short, value in fields])


def spki_id(spki: bytes) -> str:
    """SHA-256 of a SubjectPublicKeyInfo (DER), lower-case hexadecimal."""
    return hashlib.sha256(spki).hexdigest()


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def subject_key_identifier(public_key: rsa.RSAPublicKey) -> bytes:
    """SHA-1 of the public key's bits (RFC 5280 section 4.2.1.2, method 1)."""
    return x509.SubjectKeyIdentifier.from_public_key(public_key).digest


def pem(certificate: x509.Certificate) -> bytes:
    """The certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: str | None) -> bytes:
    """The private key as PEM (PKCS#8), encrypted if a passphrase is given."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def new_key(bits: int) -> rsa.RSAPrivateKey:
    """A new RSA key with the usual public exponent."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_key_of(kind: str, bits: int) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """A new key of a kind.

    :param kind: ``rsa`` or ``ec``. :param bits: of the modulus, or of the curve (256, 384, 521).
    """
    if kind == "ec":
        curves: dict[int, type[Any]] = {256: ec.SECP256R1, 384: ec.SECP384R1, 521: ec.SECP521R1}
        return ec.generate_private_key(curves[bits]())
    return new_key(bits)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the certificate's signature, and its name is the issuer's subject."""
    try:
        with guard():
            if certificate.issuer != issuer.subject:
                return False
            verify_signature(certificate, certificate.tbs_certificate_bytes, issuer.public_key())
    except UnreadableError:
        return False
    return True


def crl_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """Whether a CA's RSA key made a CRL's signature; one whose algorithm is unknown it has not made."""
    try:
        with guard():
            return crl.is_signature_valid(rsa_public_key(issuer))
    except UnreadableError:
        return False


def distribution_point(url: str) -> x509.CRLDistributionPoints:
    """A CRL distribution point with one URL (RFC 5280 section 4.2.1.13)."""
    point = x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url)], relative_name=None, reasons=None, crl_issuer=None
    )
    return x509.CRLDistributionPoints([point])


def crl_url(certificate: x509.Certificate) -> str | None:
    """The first URL of the certificate's CRL distribution points."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return None
    for point in points:
        for name in point.full_name or []:
            if isinstance(name, x509.UniformResourceIdentifier):
                return str(name.value)
    return None


def permitted_names(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    """The DNS domains and IP networks of the certificate's permitted subtrees."""
    try:
        value = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return [], []
    subtrees = value.permitted_subtrees or []
    dns = [str(name.value) for name in subtrees if isinstance(name, x509.DNSName)]
    networks = [str(name.value) for name in subtrees if isinstance(name, x509.IPAddress)]
    return dns, networks


def rsa_public_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    """The certificate's public key.

    :raises InputError: it is of another kind than RSA, which sensors do not know.
    """
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError(f"{name_text(certificate.subject)} has a public key of another kind than RSA")
    return key
