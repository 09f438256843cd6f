# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does a sensor still need its upload? A fact from the record: staged, and seen on the console or not.

An upload is needed from the moment a bundle is staged until a look at the console has seen its certificate there,
and again from the first look that sees another one. A console that merely does not answer says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import events
from .events import Event

# The states of live_check that compare; they are recorded as the event's reason.
MATCHES, OTHER = "matches", "other"


@dataclass(frozen=True)
class Upload:
    """Whether a sensor's visible bundle is still to be uploaded.

    :ivar since: from when on (ISO 8601, UTC), or None if it is not needed or nobody recorded when.
    :ivar confirmed: when the console was last seen with this very certificate, or None.
    """

    needed: bool
    since: str | None = None
    confirmed: str | None = None


@dataclass(frozen=True)
class Live:
    """What the last look at a console has shown.

    :ivar state: of ``live_check``, held against the certificate that is staged now; None: nobody has looked.
    :ivar seen: when (ISO 8601, UTC).
    """

    state: str | None = None
    seen: str | None = None
    fingerprint: str | None = None


def upload_of(fingerprint: str, history: Sequence[Event]) -> Upload:
    """Whether the certificate of this fingerprint is still to be uploaded.

    :param history: of the sensor, oldest first.
    """
    confirmed = since = None
    for event in history:
        if event.event == events.SEEN and event.fingerprint:
            if event.fingerprint == fingerprint:
                confirmed, since = event.time, None
            elif confirmed and since is None:
                since = event.time  # somebody put another one there
    if confirmed and since is None:
        return Upload(False, None, confirmed)
    if since is None:
        since = _staged_at(fingerprint, history)
    return Upload(True, since, confirmed)


def _staged_at(fingerprint: str, history: Sequence[Event]) -> str | None:
    own = [event for event in history if event.fingerprint == fingerprint and event.event != events.SEEN]
    staged = [event for event in own if event.event == events.STAGED]
    # A bundle of an earlier version was recorded when it was issued, and not when it was staged.
    return next((event.time for event in [*staged, *own]), None)


def live_of(fingerprint: str | None, history: Sequence[Event]) -> Live:
    """What the last look has shown, held against the certificate that is staged now."""
    last = next((event for event in reversed(history) if event.event == events.SEEN), None)
    if last is None:
        return Live()
    state = last.reason or None
    if last.fingerprint and last.fingerprint == fingerprint:
        state = MATCHES
    elif state == MATCHES:
        state = OTHER  # it was right then, and another bundle was staged since
    return Live(state, last.time, last.fingerprint)


def waiting(fingerprints: dict[str, str], recorded: Sequence[Event]) -> list[str]:
    """The sensors whose upload is needed, in the order given.

    :param fingerprints: of the visible certificates, by sensor.
    :param recorded: staged and seen events of any sensors, oldest first.
    """
    histories: dict[str, list[Event]] = {sensor: [] for sensor in fingerprints}
    for event in recorded:
        if event.sensor in histories:
            histories[event.sensor].append(event)
    return [sensor for sensor, value in fingerprints.items() if upload_of(value, histories[sensor]).needed]
