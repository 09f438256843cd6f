# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows of a report: what is known of each sensor, each CA and each CRL, as every format shows it.

Everything here is plain and harmless: texts from outside went through :func:`..._plain.texts.harmless` when the
rows were made, times are ISO 8601 in UTC, serial numbers and fingerprints are as everywhere. The keys of
:meth:`Fleet.to_dict` are those of ``fleet.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..delivery.sheet import Sheet
from ..values.lists import counted

SCHEMA = "ot_pki.fleet/1"
STAGED, PENDING, MISSING, ORPHANED = "staged", "pending", "missing", "orphaned"
STATES = (STAGED, PENDING, MISSING, ORPHANED)
GOOD, ATTENTION, BAD = "good", "attention", "bad"


@dataclass(frozen=True)
class SensorRow:
    """One sensor. What is not known is None.

    :ivar site: the innermost of its groups. :ivar issuer: whose certificate it is, by the name in the inventory.
    :ivar due_on: from when on the next run would renew it. :ivar due: that moment has come, and renewing would help.
    :ivar chain: the CA certificates that were staged with it, the issuing one first, and ``chain_not_after`` the first
        end among them.
    :ivar request: the oldest request that waits for its answer (``since``, ``issuer``), or None.
    :ivar live: ``state``, ``seen`` and ``confirmed`` (when the console was last seen with this very certificate).
    :ivar crl: ``state``, ``seen`` and ``url``.
    """

    name: str
    groups: tuple[str, ...]
    site: str
    common_name: str | None
    state: str
    issuer: str | None
    serial: str | None = None
    fingerprint: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    days_left: int | None = None
    due_on: str | None = None
    due: bool = False
    expired: bool = False
    key_bits: int | None = None
    sans: tuple[str, ...] = ()
    subject: str | None = None
    issuer_subject: str | None = None
    chain: tuple[str, ...] = ()
    chain_not_after: str | None = None
    findings: tuple[Mapping[str, Any], ...] = ()
    request: Mapping[str, Any] | None = None
    upload: Sheet = field(default_factory=Sheet)
    live: Mapping[str, Any] = field(default_factory=dict)
    crl: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()

    @property
    def failed(self) -> bool:
        """Something about it is an error."""
        return any(finding["severity"] == "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the keys of the schema."""
        data = dict(vars(self))
        for key in ("groups", "sans", "chain", "findings", "history"):
            data[key] = list(data[key])
        data["upload"] = self.upload.to_dict()
        return data


@dataclass(frozen=True)
class AuthorityRow:
    """A CA certificate that the fleet depends on.

    :ivar sensors: how many sensors' chains it is part of. :ivar ends_first: how many of their certificates outlive it.
    """

    subject: str
    common_name: str
    issuer: str
    issuer_common_name: str
    serial: str
    fingerprint: str
    not_before: str
    not_after: str
    days_left: int
    expired: bool
    key_bits: int | None
    root: bool
    path: str
    sensors: int = 0
    ends_first: int = 0


@dataclass(frozen=True)
class CrlRow:
    """A CRL in the folder of published ones.

    :ivar state: ``current``, ``due`` (in the last third of its life), ``expired`` or ``unreadable``.
    """

    path: str
    state: str
    issuer: str | None = None
    issuer_common_name: str | None = None
    number: int | None = None
    this_update: str | None = None
    next_update: str | None = None
    days_left: int | None = None
    entries: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Fleet:
    """Everything that a report tells.

    :ivar problems: what could not be read, in words; the report says it instead of keeping silent.
    :ivar changes: what happened since a moment that was asked for, newest first, or None.
    """

    generated: str
    sensors: tuple[SensorRow, ...]
    authorities: tuple[AuthorityRow, ...]
    crls: tuple[CrlRow, ...]
    calendar: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]
    problems: tuple[str, ...] = ()
    since: str | None = None
    changes: tuple[Mapping[str, Any], ...] | None = None

    @property
    def verdict(self) -> str:
        """The whole in a word: ``good``, ``attention`` (somebody has something to do) or ``bad``."""
        counts = self.summary
        if counts["failed"] or counts["expired"] or self.problems or any(a.expired for a in self.authorities):
            return BAD
        if any(crl.state in ("expired", "unreadable") for crl in self.crls):
            return BAD
        waits = ("missing", "pending", "to_upload", "due", "orphaned")
        return ATTENTION if any(counts[key] for key in waits) else GOOD

    @property
    def headline(self) -> str:
        """The whole on one line, fit for a notification."""
        counts = self.summary
        told = [f"{counts['staged']} staged"]
        words = {"to_upload": "to upload", "failed": "with errors"}
        for key in ("pending", "missing", "orphaned", "to_upload", "due", "expired", "failed"):
            if counts[key]:
                told.append(f"{counts[key]} {words.get(key, key)}")
        text = f"{counted(counts['sensors'], 'sensor')}: {', '.join(told)}"
        if counts["next_due"]:
            text += f"; next due {counts['next_due'][:10]}"
        return text + (f"; {counted(len(self.problems), 'part')} of the state cannot be read" if self.problems else "")

    def to_dict(self) -> dict[str, Any]:
        """As plain data, with the keys of the schema."""
        data: dict[str, Any] = {
            "schema": SCHEMA,
            "generated": self.generated,
            "verdict": self.verdict,
            "headline": self.headline,
            "summary": dict(self.summary),
            "sensors": [row.to_dict() for row in self.sensors],
            "authorities": [asdict(row) for row in self.authorities],
            "crls": [asdict(row) for row in self.crls],
            "calendar": [dict(month) for month in self.calendar],
            "problems": list(self.problems),
        }
        if self.changes is not None:
            data["since"] = self.since
            data["changes"] = [dict(entry) for entry in self.changes]
        return data
