# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the staged certificates name a CRL, and which the record says are revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._plain.texts import harmless
from ..state.fleet import FleetState, Staged
from ..values import reading
from ..values.text import serial_text
from .judging import urls_of

# 2.5.29.31, cRLDistributionPoints, as it is encoded (RFC 5280, section 4.2.1.13).
_POINTS = bytes.fromhex("0603551d1f")


def concerned(state: FleetState, sensors: Sequence[str]) -> dict[str, Staged]:
    """The staged certificates of which a CRL or the record may say something, by sensor."""
    # Where nothing was ever revoked, most need not even be parsed.
    return state.staged(sensors) if state.index.revocations else state.staged(sensors, only=_may_name_a_crl)


def with_crl(staged: Mapping[str, Staged]) -> list[dict[str, Any]]:
    """Those with a CRL URL, in the form of the option ``certificates`` of ``crl_reachable``.

    Sensors for which nothing is staged, or a certificate without a URL, are left out; a damaged bundle is the matter
    of ``cert_validate``.
    """
    return [
        {"name": sensor, "certificate": entry.path, "issuer_certificates": [entry.chain_path]}
        for sensor, entry in staged.items()
        if urls_of(entry.view)
    ]


def recorded_revocations(state: FleetState, staged: Mapping[str, Staged]) -> dict[str, str]:
    """Which of them the record says are revoked, and what that means, by sensor.

    The record knows at once; a CRL knows it when it was published, and a certificate that names none is never listed.
    """
    found: dict[str, str] = {}
    for sensor, entry in staged.items():
        revoked = state.revocation_of(entry.view.certificate) if entry.view.exact else None
        if revoked is not None:
            found[sensor] = (
                f"revoked: the staged certificate {serial_text(entry.view.serial)} was revoked "
                f"({harmless(revoked.text)}). What to do: run deploy_certs, which obtains a new one, and upload that."
            )
    return found


def _may_name_a_crl(crt: bytes) -> bool:
    """Whether a certificate has the extension at all; told without parsing it, since in most fleets none has."""
    return any(_POINTS in (block.der or b"") for block in reading.read_content(crt).of_kind(reading.CERTIFICATE))
