# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of one sensor's certificate."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..planning.due import Renewal, renewal_time
from ..planning.plan import Change
from ..planning.request import SensorRequest
from ..state.bundles import BundleFiles
from ..values import moments, text
from ..values.certificates import CertificateView

KEPT, ISSUED, PENDING, FAILED = "kept", "issued", "pending", "failed"


class CertificateFacts(NamedTuple):
    """What an outcome tells of a certificate; unlike a view it goes from process to process."""

    serial: int
    fingerprint: str
    not_before: datetime.datetime
    not_after: datetime.datetime


@dataclass(frozen=True)
class SensorOutcome:
    """What became of one sensor. ``files`` and ``view`` are ``None`` where nothing was made (yet).

    :ivar issuer: the issuer's name in the inventory.
    :ivar tolerated: ids of findings that are what was asked for.
    :ivar altered: what the issuer gave otherwise than it was asked: field, asked, given.
    :ivar received: the files that it came from, if it came in files.
    """

    name: str
    action: str
    common_name: str | None = None
    issuer: str | None = None
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    altered: tuple[Change, ...] = ()
    files: BundleFiles | None = None
    view: CertificateView | CertificateFacts | None = None
    visible: bool = False
    renewal: Renewal | None = None
    trusted_roots: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    since: str | None = None
    changed: bool = False

    def portable(self) -> SensorOutcome:
        """The same for another process."""
        view = self.view
        if view is None:
            return self
        return replace(self, view=CertificateFacts(view.serial, view.fingerprint, view.not_before, view.not_after))

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data, without anything secret."""
        view = self.view
        data: dict[str, Any] = {
            "name": self.name,
            "action": self.action,
            "changed": self.changed,
            "common_name": self.common_name,
            "issuer": self.issuer,
            "reasons": list(self.reasons),
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "altered": [{"field": field, "asked": asked, "given": given} for field, asked, given in self.altered],
            "received": list(self.received),
            "certificate": self.files.crt if self.files else None,
            "private_key": self.files.key if self.files else None,
            "chain": self.files.pem if self.files else None,
            "requested": self.since,
            "serial": None,
            "fingerprint": None,
            "not_before": None,
            "not_after": None,
            "renew_after": None,
        }
        if view is not None:
            data.update(
                serial=text.serial_text(view.serial),
                fingerprint=view.fingerprint,
                not_before=moments.iso(view.not_before),
                not_after=moments.iso(view.not_after),
                renew_after=moments.iso(renewal_time(view.not_before, view.not_after, self.renewal)),
            )
        return data


def refused(raw: Mapping[str, Any], errors: list[str]) -> SensorOutcome:
    """The outcome of a sensor whose inputs are not fit."""
    common_name = raw.get("common_name")
    return SensorOutcome(
        name=str(raw.get("name")),
        action=FAILED,
        common_name=common_name if isinstance(common_name, str) else None,
        errors=tuple(errors),
    )


def failed(request: SensorRequest, *errors: str) -> SensorOutcome:
    """The outcome of a sensor that cannot be done."""
    return SensorOutcome(request.name, FAILED, request.common_name, request.issuer, errors=errors)
