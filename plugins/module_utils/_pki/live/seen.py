# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen of consoles becomes part of the record: an upload is waited for until its certificate was seen."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ..._plain.errors import PkiError
from ..state import events
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.uploads import waiting
from ..values import moments

# A state that stays the same is recorded once a day at most, so that a look every hour does not fill the disk.
_AGAIN_AFTER = datetime.timedelta(hours=23)


def record_seen(state: FleetState, results: Sequence[Mapping[str, Any]], moment: datetime.datetime) -> str | None:
    """Record what a look at consoles has shown.

    :param results: of ``live_check``.
    :returns: the path of the record, or None if nothing new was seen.
    :raises FileError: it could not be recorded.
    """
    if state.ledger is None:
        return None
    last = {event.sensor: event for event in state.events(events.SEEN)}
    entries = [
        Event(
            events.SEEN,
            str(result["sensor"]),
            reason=str(result["state"]),
            serial=result.get("serial"),
            fingerprint=result.get("fingerprint"),
            details={"host": result.get("host"), "port": result.get("port")},
        )
        for result in results
        if result.get("sensor") and _is_news(last.get(str(result["sensor"])), result, moment)
    ]
    if not entries:
        return None
    state.ledger.prepare()
    return events.record(state.ledger, events.SEEN, entries, moment)


def still_waiting(state: FleetState, results: Sequence[Mapping[str, Any]], moment: datetime.datetime) -> list[str]:
    """The sensors whose upload is needed after this look.

    :param results: of ``live_check``; those for which no certificate was given do not count.
    """
    fingerprints = {
        str(result["sensor"]): str(result["expected_fingerprint"])
        for result in results
        if result.get("expected_fingerprint")
    }
    seen = [
        Event(events.SEEN, str(result["sensor"]), time=moments.iso(moment), fingerprint=result.get("fingerprint"))
        for result in results
    ]
    try:
        recorded = state.events(events.STAGED, events.SEEN)
    except PkiError:
        recorded = []
    return waiting(fingerprints, [*recorded, *seen])


def _is_news(last: Event | None, result: Mapping[str, Any], moment: datetime.datetime) -> bool:
    if last is None or last.reason != result["state"] or last.fingerprint != result.get("fingerprint"):
        return True
    try:
        seen = datetime.datetime.fromisoformat(last.time.replace("Z", "+00:00"))
    except ValueError:
        return True
    return moment - seen >= _AGAIN_AFTER
