# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sensor's certificate: the sample's fields in the sample's order, made fit for its place.

The article's sample carries SKI, AKI, basicConstraints, keyUsage and extendedKeyUsage (clientAuth, then
serverAuth). It says ``CA:TRUE``, which has no place on an appliance; SAN and CRL URL follow at the end,
so that the sample's order is kept.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from ...crypto import ExtendedKeyUsageOID, hashes, rsa, x509
from ...planning.request import SensorRequest
from ...values import x509_parts as parts
from .opened import Authority


@dataclass(frozen=True)
class Validity:
    """The period a certificate gets; ``clamped`` when the issuing CA ends before what was asked."""

    not_before: datetime.datetime
    not_after: datetime.datetime
    clamped: bool


def validity(authority: Authority, days: int, moment: datetime.datetime) -> Validity:
    """From a little in the past until ``days`` from now, within the issuing CA's own lifetime."""
    wanted = moment + datetime.timedelta(days=days)
    end = authority.certificate.not_valid_after_utc
    start = max(moment - parts.BACKDATE, authority.certificate.not_valid_before_utc)
    return Validity(start, min(wanted, end), wanted > end)


def subject_fields(request: SensorRequest) -> list[tuple[str, str]]:
    """The subject in the sample's order: C, ST, L, O, OU, CN, emailAddress."""
    fields = list(request.subject)
    at = next((place for place, (short, _value) in enumerate(fields) if short == "emailAddress"), len(fields))
    fields.insert(at, ("CN", request.common_name))
    return fields


def build_certificate(
    request: SensorRequest,
    public_key: rsa.RSAPublicKey,
    authority: Authority,
    crl_url: str | None,
    moment: datetime.datetime,
) -> x509.Certificate:
    """Sign a sensor's certificate.

    Serial numbers are random, 159 bits (RFC 5280 section 4.1.2.2 allows 20 octets).
    """
    period = validity(authority, request.validity_days, moment)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.ip_addresses]
    issuer_identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(parts.build_name(subject_fields(request)))
        .issuer_name(authority.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(period.not_before)
        .not_valid_after(period.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=True,
                data_encipherment=False,
                key_agreement=True,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    if crl_url:
        builder = builder.add_extension(parts.distribution_point(crl_url), critical=False)
    return builder.sign(authority.key, hashes.SHA256())
