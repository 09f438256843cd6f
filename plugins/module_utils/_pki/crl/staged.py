# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the staged certificates name a CRL, and which the record says are revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._plain.texts import harmless
from ..state.fleet import FleetState
from ..values import reading
from ..values.text import serial_text
from .judging import urls_of

# 2.5.29.31, cRLDistributionPoints, as it is encoded (RFC 5280, section 4.2.1.13).
_POINTS = bytes.fromhex("0603551d1f")


def staged_certificates(state: FleetState, sensors: Sequence[str]) -> list[dict[str, Any]]:
    """The staged certificates with a CRL URL, in the form of the option ``certificates`` of ``crl_reachable``.

    Sensors for which nothing is staged, or a certificate without a URL, are left out; a damaged bundle is the matter
    of ``cert_validate``.
    """
    return [
        {"name": sensor, "certificate": entry.path, "issuer_certificates": [entry.chain_path]}
        for sensor, entry in state.staged(sensors, only=_may_name_a_crl).items()
        if urls_of(entry.view)
    ]


def recorded_revocations(state: FleetState, sensors: Sequence[str]) -> dict[str, str]:
    """Which staged certificates the record says are revoked, and what that means, by sensor.

    The record knows at once; a CRL knows it when it was published, and a certificate that names none is never listed.
    """
    found: dict[str, str] = {}
    # Nothing need be read where nothing was ever revoked.
    for sensor, entry in state.staged(sensors).items() if state.index.revocations else ():
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
