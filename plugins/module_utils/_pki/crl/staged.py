# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the staged certificates name a CRL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._plain.errors import FileError
from ..state.store import Store, find_files
from ..validation.model import Source
from ..values.certificates import read_own_certificates
from .judging import urls_of


def staged_certificates(store: Store, sensors: Sequence[str]) -> list[dict[str, Any]]:
    """The staged certificates with a CRL URL, in the form of the option ``certificates`` of ``crl_reachable``.

    Sensors for which nothing is staged, or a certificate without a URL, are left out.
    """
    found = (_entry(store, sensor) for sensor in sensors)
    return [entry for entry in found if entry is not None]


def _entry(store: Store, sensor: str) -> dict[str, Any] | None:
    try:
        current = store.current(sensor)
        if current is None:
            return None
        files = find_files(store.visible(sensor))
    except FileError:
        return None  # a damaged bundle is the matter of cert_validate
    views = read_own_certificates(Source.read(files.crt)).views
    if not views or not urls_of(views[0]):
        return None
    return {"name": sensor, "certificate": files.crt, "issuer_certificates": [files.pem]}
