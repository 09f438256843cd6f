# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sensor's certificate: the sample's fields in the sample's order, made fit for its place.

The article's sample carries SKI, AKI, basicConstraints, keyUsage and extendedKeyUsage (clientAuth, then
serverAuth). It says ``CA:TRUE``, which has no place on an appliance; SAN and CRL URL follow at the end,
so that the sample's order is kept.
"""

from __future__ import annotations

import ipaddress

from ..crypto import ExtendedKeyUsageOID, hashes, rsa, x509
from ..planning.plan import subject_fields
from ..planning.request import SensorRequest
from ..planning.terms import Validity
from ..values import x509_parts as parts


def build_certificate(
    request: SensorRequest,
    public_key: rsa.RSAPublicKey,
    issuer: x509.Certificate | None,
    issuer_key: rsa.RSAPrivateKey,
    period: Validity,
    crl_url: str | None,
) -> x509.Certificate:
    """Sign a sensor's certificate.

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
    for extension, critical in sensor_extensions(request, public_key, _issuer_identifier(public_key, issuer)):
        builder = builder.add_extension(extension, critical)
    if crl_url:
        builder = builder.add_extension(parts.distribution_point(crl_url), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _issuer_identifier(public_key: rsa.RSAPublicKey, issuer: x509.Certificate | None) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def sensor_extensions(
    request: SensorRequest, public_key: rsa.RSAPublicKey, authority: x509.AuthorityKeyIdentifier | None
) -> list[tuple[x509.ExtensionType, bool]]:
    """The extensions of a sensor's certificate in the sample's order, each with whether it is critical.

    :param authority: None in a request, which cannot know it.
    """
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.ip_addresses]
    found: list[tuple[x509.ExtensionType, bool]] = [(x509.SubjectKeyIdentifier.from_public_key(public_key), False)]
    if authority is not None:
        found.append((authority, False))
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=True,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    return [
        *found,
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (purposes, False),
        (x509.SubjectAlternativeName(alternatives), False),
    ]
