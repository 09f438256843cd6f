# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the staged certificates name a CRL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..state.fleet import FleetState
from .judging import urls_of


def staged_certificates(state: FleetState, sensors: Sequence[str]) -> list[dict[str, Any]]:
    """The staged certificates with a CRL URL, in the form of the option ``certificates`` of ``crl_reachable``.

    Sensors for which nothing is staged, or a certificate without a URL, are left out; a damaged bundle is the matter
    of ``cert_validate``.
    """
    return [
        {"name": sensor, "certificate": entry.path, "issuer_certificates": [entry.chain_path]}
        for sensor, entry in state.staged(sensors).items()
        if urls_of(entry.view)
    ]
