# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose certificate is it? What the targets, the stage directory and the CA's ledger know of one that was seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..._plain.errors import PkiError
from ..state.fleet import FleetState
from ..values.certificates import CertificateView
from .targets import Target


@dataclass
class Known:
    """The certificates that are known, looked up by what was seen.

    The stage directory is only read if something was seen that no target's certificate explains: in the
    usual case, everything as it should be, it costs nothing.
    """

    targets: Iterable[Target]
    state: FleetState
    _given: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._given = {}
        for target in self.targets:
            if target.expected.view is not None:
                self._given.setdefault(target.expected.view.fingerprint, target.sensor)

    def owner(self, view: CertificateView) -> str | None:
        """The sensor for which this very certificate was made, or None if nobody knows it."""
        return self._given.get(view.fingerprint) or self._staged(view) or self._recorded(view)

    def revoked(self, view: CertificateView) -> bool:
        """Whether the ledger has this very certificate as revoked."""
        return self._recorded(view) is not None and self.state.revocation_of(view.certificate) is not None

    def _staged(self, view: CertificateView) -> str | None:
        try:
            return self.state.owners.get(view.fingerprint)
        except PkiError:
            return None

    def _recorded(self, view: CertificateView) -> str | None:
        """The sensor in the ledger's record; a record of the same serial number by another CA does not count."""
        if view.serial <= 0:
            return None
        try:
            record = self.state.record_of(view.certificate)
        except PkiError:
            return None
        return record.sensor if record is not None else None
