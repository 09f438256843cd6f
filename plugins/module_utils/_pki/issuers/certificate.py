# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An appliance's certificate or request as its profile's template says, in the sample's order."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..crypto import ec, hashes, rsa, x509
from ..planning.plan import subject_fields
from ..planning.request import SensorRequest
from ..planning.terms import Validity
from ..values import x509_parts as parts

if TYPE_CHECKING:
    PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# RFC 5280, section 4.2.1.3, by the names of cryptography's arguments.
_KEY_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}


def build_certificate(
    request: SensorRequest,
    public_key: PublicKey,
    issuer: x509.Certificate | None,
    issuer_key: PrivateKey,
    period: Validity,
    crl_url: str | None,
) -> x509.Certificate:
    """Sign an appliance's certificate.

    Serial numbers are random, 159 bits (RFC 5280 section 4.1.2.2 allows 20 octets).

    :param issuer: the certificate of the CA that signs; None: self-signed.
    """
    subject = parts.build_name(subject_fields(request))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.not_before)
        .not_valid_after(period.not_after)
    )
    for extension, critical in extensions_of(request, public_key, _issuer_identifier(public_key, issuer), crl_url):
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, _hash(request))


def build_request(request: SensorRequest, key: PrivateKey) -> x509.CertificateSigningRequest:
    """A certificate signing request that asks for the same (RFC 2986); the issuer adds what only it can know."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(parts.build_name(subject_fields(request)))
    for extension, critical in extensions_of(request, key.public_key(), None, None):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, _hash(request))


def key_usages_of(usage: x509.KeyUsage) -> list[str]:
    """The usages that a certificate allows, by their names in RFC 5280, section 4.2.1.3."""
    # The last two mean something, and can be asked for, only beside keyAgreement.
    skipped = () if usage.key_agreement else ("encipher_only", "decipher_only")
    return [name for argument, name in _KEY_USAGES.items() if argument not in skipped and getattr(usage, argument)]


def _hash(request: SensorRequest) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    algorithms: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
        "sha256": hashes.SHA256,
        "sha384": hashes.SHA384,
        "sha512": hashes.SHA512,
    }
    return algorithms[request.profile.template.signature_hash]()


def _issuer_identifier(public_key: PublicKey, issuer: x509.Certificate | None) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        # An organization's root may have signed the issuing CA without one.
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_public_key_of(issuer))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _public_key_of(certificate: x509.Certificate) -> Any:
    return certificate.public_key()


def extensions_of(
    request: SensorRequest,
    public_key: PublicKey,
    authority: x509.AuthorityKeyIdentifier | None,
    crl_url: str | None,
) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions in the template's order, each with whether it is critical; those without content are left out.

    :param authority: None in a request, which cannot know it.
    """
    template = request.profile.template
    makers: Mapping[str, Callable[[], x509.ExtensionType | None]] = {
        "2.5.29.14": lambda: x509.SubjectKeyIdentifier.from_public_key(public_key),
        "2.5.29.35": lambda: authority,
        "2.5.29.19": lambda: x509.BasicConstraints(ca=False, path_length=None),
        "2.5.29.15": lambda: x509.KeyUsage(
            **{argument: name in template.key_usages for argument, name in _KEY_USAGES.items()}
        ),
        "2.5.29.37": lambda: x509.ExtendedKeyUsage(
            [x509.ObjectIdentifier(purpose) for purpose in template.extended_key_usages]
        ),
        "2.5.29.17": lambda: _alternative_names(request),
        "2.5.29.31": lambda: parts.distribution_point(crl_url) if crl_url else None,
    }
    found = []
    for oid in template.extensions:
        extension = makers[oid]()
        if extension is not None:
            found.append((extension, oid in template.critical))
    return found


def _alternative_names(request: SensorRequest) -> x509.SubjectAlternativeName | None:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.ip_addresses]
    return x509.SubjectAlternativeName(names) if names else None
