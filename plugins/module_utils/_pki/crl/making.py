# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sign a CRL (RFC 5280, section 5): complete, version 2, with authority key identifier and CRL number."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from ..crypto import hashes, rsa, x509
from ..state.revocations import UNSPECIFIED, RevocationRecord

# Sensors' clocks are off; a CRL that is in force from this very moment is "not yet valid" on a slow one.
CLOCK_SKEW = datetime.timedelta(minutes=10)


def make_crl(
    issuer: x509.Certificate,
    key: rsa.RSAPrivateKey,
    number: int,
    revocations: Sequence[RevocationRecord],
    moment: datetime.datetime,
    lifetime: datetime.timedelta,
) -> x509.CertificateRevocationList:
    """A new CRL of a CA.

    :param lifetime: from ``moment`` to nextUpdate; never beyond the CA's own end.
    """
    extensions = {reason: [_reason(reason)] for reason in {entry.reason for entry in revocations} - {UNSPECIFIED}}
    # All entries at once: adding them to the builder one by one copies the list each time, and takes minutes.
    entries = [
        x509.RevokedCertificateBuilder(entry.serial, _naive(entry.revoked), extensions.get(entry.reason, [])).build()
        for entry in revocations
    ]
    next_update = min(moment + lifetime, issuer.not_valid_after_utc)
    this_update = max(moment - CLOCK_SKEW, issuer.not_valid_before_utc)
    builder = x509.CertificateRevocationListBuilder(
        issuer.subject, _naive(this_update), _naive(next_update), [], entries
    )
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .add_extension(x509.CRLNumber(number), critical=False)
        .sign(key, hashes.SHA256())
    )


def _reason(reason: str) -> x509.Extension[Any]:
    value = x509.CRLReason(x509.ReasonFlags(reason))
    return x509.Extension(value.oid, False, value)


def _naive(moment: datetime.datetime) -> datetime.datetime:
    """As the builders keep times: UTC without saying so."""
    return moment.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def crl_number(crl: x509.CertificateRevocationList) -> int:
    """The CRL number, 0 if there is none."""
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (x509.ExtensionNotFound, ValueError):
        return 0
