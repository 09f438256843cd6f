# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The figures of a report: how many of what, what comes in which month, and what happened since a day."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._plain.texts import harmless
from ..state.events import Event
from .facts import MISSING, ORPHANED, PENDING, STAGED, SensorRow

MAX_MONTHS = 120
MAX_CHANGES = 20_000


def summary_of(rows: Sequence[SensorRow]) -> dict[str, Any]:
    """How many there are of each; the four states add up to the sensors."""
    states = collections.Counter(row.state for row in rows)
    upcoming = [row.due_on for row in rows if row.due_on and row.state == STAGED]
    return {
        "sensors": len(rows),
        "staged": states[STAGED],
        "pending": states[PENDING],
        "missing": states[MISSING],
        "failed": sum(row.failed for row in rows),
        "to_upload": sum(row.upload.needed for row in rows),
        "due": sum(row.due for row in rows),
        "expired": sum(row.expired for row in rows if row.state == STAGED),
        "orphaned": states[ORPHANED],
        "next_due": min(upcoming, default=None),
    }


def calendar_of(rows: Iterable[SensorRow], moment: datetime.datetime) -> tuple[dict[str, Any], ...]:
    """The months ahead, without a gap: how many come due and how many end. What is overdue counts for the first."""
    first = moment.strftime("%Y-%m")
    due: collections.Counter[str] = collections.Counter()
    ends: collections.Counter[str] = collections.Counter()
    for row in rows:
        if row.state == STAGED and row.due_on and row.not_after:
            due[max(row.due_on[:7], first)] += 1
            ends[max(row.not_after[:7], first)] += 1
    last = max([*due, *ends, first])
    months: list[dict[str, Any]] = []
    month = first
    while month <= last and len(months) < MAX_MONTHS:
        months.append({"month": month, "due": due[month], "ends": ends[month]})
        month = following(month)
    return tuple(months)


def following(month: str) -> str:
    """The month after one, both as ``2026-11``."""
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def changes_since(histories: Mapping[str, Sequence[Event]], since: str) -> tuple[dict[str, Any], ...]:
    """What happened from a moment on (ISO 8601, UTC), newest first.

    A look that saw what the one before saw is no change.
    """
    found = []
    for sensor, history in histories.items():
        seen: tuple[str, str | None] | None = None
        own: list[dict[str, Any]] = []
        for event in history:
            if event.event == "seen":
                now = (event.reason, event.fingerprint)
                same, seen = now == seen, now
                if same:
                    continue
            if event.time >= since:
                own.append(
                    {
                        "time": harmless(event.time, 40),
                        "sensor": harmless(sensor),
                        "event": harmless(event.event, 40),
                        "actor": harmless(event.actor, 200),
                        "reason": harmless(event.reason, 500),
                        "serial": harmless(event.serial, 100) if event.serial else None,
                    }
                )
        found += reversed(own)
    found.sort(key=lambda entry: str(entry["sensor"]))
    found.sort(key=lambda entry: str(entry["time"]), reverse=True)
    return tuple(found[:MAX_CHANGES])
