# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where valid certificates send sensors for the CRL: names that stay when the URL is changed or taken away."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Collection, Sequence

from ..._plain.errors import FileError
from ..._plain.files import read_file
from ..crypto import x509
from ..state.ledger import Ledger
from ..values import moments, reading
from ..values import x509_parts as parts
from ..values.limits import MAX_CRL_BYTES
from ..values.lists import counted
from .sources import file_name


def valid(ledger: Ledger, issuer_key: str, moment: datetime.datetime) -> list[x509.Certificate]:
    """The recorded certificates of an issuer that have not ended."""
    found = []
    for names in ledger.index().records.values():
        for name in names:
            with contextlib.suppress(FileError):
                record = ledger.read(f"{ledger.folder}/{name}")
                certificate = record.certificate
                if certificate is None or record.issuer_key != issuer_key:
                    continue
                if certificate.not_valid_after_utc > moment:
                    found.append(certificate)
    return found


def named(ledger: Ledger, issuer_key: str, moment: datetime.datetime, tier: str) -> dict[str, list[x509.Certificate]]:
    """These certificates by the name of the file to which they send sensors; without those that name no CRL."""
    found: dict[str, list[x509.Certificate]] = {}
    for certificate in valid(ledger, issuer_key, moment):
        url = parts.crl_url(certificate)
        if url is not None:
            found.setdefault(file_name(url, tier), []).append(certificate)
    return found


def files(folder: str, without: Collection[str], issuer: x509.Certificate) -> list[str]:
    """Files in the publish folder that are CRLs of a CA.

    :param without: names that are not looked at.
    """
    found = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(folder)):
            if name in without or name.startswith(".") or name.endswith(".pem"):
                continue
            with contextlib.suppress(FileError, ValueError):
                if parts.crl_signed_by(reading.load_crl(read_file(os.path.join(folder, name), MAX_CRL_BYTES)), issuer):
                    found.append(name)
    return found


def text(path: str, certificates: Sequence[x509.Certificate]) -> str:
    """Why a CRL is still published under a name that nobody asks for any more."""
    last = max(certificate.not_valid_after_utc for certificate in certificates)
    many = f"{counted(len(certificates), 'certificate')}, the last until {moments.iso(last)}"
    return f"{path} is kept fresh as well, since it is named by {many}"
