# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happened to sensors' certificates besides being issued and revoked: requested, staged, uploaded,
seen live, retired.

One file for all sensors to which the same thing happened in a run, ``events/<time>-<event>-<mark>.json`` in the
ledger, written once and never changed. A weekly look at ten thousand consoles is one file, not ten thousand.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FOLDER, PUBLIC_FILE, make_folder, read_file, why, write_once
from ..values import moments
from .ledger import FORMAT, ISSUED, RECEIVED, Ledger, actor, content_of, damaged

FOLDER = "events"
REQUESTED, WITHDRAWN, STAGED, SEEN, RETIRED = "requested", "withdrawn", "staged", "seen", "retired"
# What a sensor's own command was made to do; only a look at the console tells whether it worked.
UPLOADED = "uploaded"
# Those of a certificate's own record.
ISSUING = (ISSUED, RECEIVED)
MAX_BYTES = 64 * 1024 * 1024
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
_NAME = re.compile(r"(?P<time>[0-9]{8}T[0-9]{6}Z)-(?P<event>[a-z-]+)-[0-9a-f]{16}\.json\Z")


@dataclass(frozen=True)
class Event:
    """One thing that happened to one sensor.

    :ivar time: ISO 8601, UTC. :ivar serial: upper-case hexadecimal, or None where no certificate is concerned.
    :ivar details: what else is known, as plain data.
    """

    event: str
    sensor: str
    time: str = ""
    actor: str = ""
    reason: str = ""
    serial: str | None = None
    fingerprint: str | None = None
    issuer: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for a report's history."""
        return {
            "time": self.time,
            "event": self.event,
            "actor": self.actor,
            "reason": self.reason,
            "serial": self.serial,
            "fingerprint": self.fingerprint,
            "issuer": self.issuer,
            **({"details": dict(self.details)} if self.details else {}),
        }


def record(ledger: Ledger, event: str, entries: Sequence[Event], moment: datetime.datetime) -> str | None:
    """Record what happened in a run.

    :param entries: one for each sensor; their own time and actor do not count.
    :returns: the path, or None if nothing happened.
    :raises FileError: it could not be recorded.
    """
    if not entries:
        return None
    folder = os.path.join(ledger.folder, FOLDER)
    name = f"{moment.strftime('%Y%m%dT%H%M%SZ')}-{event}-{secrets.token_hex(8)}.json"
    content = {
        "format": FORMAT,
        "event": event,
        "time": moments.iso(moment),
        "actor": actor(),
        "sensors": [
            {
                key: value
                for key, value in (
                    ("sensor", entry.sensor),
                    ("reason", entry.reason),
                    ("serial", entry.serial),
                    ("fingerprint", entry.fingerprint),
                    ("issuer", entry.issuer),
                    ("details", dict(entry.details)),
                )
                if value
            }
            for entry in entries
        ],
    }
    path = os.path.join(folder, name)
    try:
        make_folder(folder, PRIVATE_FOLDER)
        write_once(path, json.dumps(content, indent=0).encode() + b"\n", PUBLIC_FILE)
    except OSError as error:
        raise FileError(f"what happened could not be recorded in {folder}: {why(error)}") from error
    return path


def read(ledger: Ledger, kinds: Iterable[str] = ()) -> tuple[list[Event], list[str]]:
    """Every event of these kinds, oldest first, and what could not be read, in words.

    :param kinds: no kind: all of them.
    :raises FileError: the folder cannot be read.
    """
    wanted = frozenset(kinds)
    folder = os.path.join(ledger.folder, FOLDER)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise FileError(f"the ledger's {folder} cannot be read: {why(error)}") from error
    found: list[Event] = []
    problems: list[str] = []
    for name in names:
        match = _NAME.match(name)
        if match is None or (wanted and match["event"] not in wanted):
            continue
        path = os.path.join(folder, name)
        try:
            found += _parse(path, read_file(path, MAX_BYTES))
        except FileError as error:
            problems.append(str(error))
    return found, problems


def newest(ledger: Ledger) -> datetime.datetime | None:
    """When the last event was recorded, by the clock of that run; None if nothing was, or it cannot be told."""
    try:
        names = os.listdir(os.path.join(ledger.folder, FOLDER))
    except OSError:
        return None
    times = [match["time"] for match in map(_NAME.match, names) if match is not None]
    try:
        return datetime.datetime.strptime(max(times), "%Y%m%dT%H%M%S%z") if times else None
    except ValueError:
        return None


def _parse(path: str, data: bytes) -> list[Event]:
    content = content_of(path, data)
    try:
        found = [
            Event(
                event=content["event"],
                sensor=entry["sensor"],
                time=content["time"],
                actor=content["actor"],
                reason=entry.get("reason", ""),
                serial=entry.get("serial"),
                fingerprint=entry.get("fingerprint"),
                issuer=entry.get("issuer"),
                details=entry.get("details") or {},
            )
            for entry in content["sensors"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise FileError(damaged(path)) from error
    if not all(map(_is_sound, found)):
        raise FileError(damaged(path))
    return found


def _is_sound(event: Event) -> bool:
    """Whether everything in it is of its kind: what is read from it decides what people are told to do."""
    texts = (event.event, event.sensor, event.time, event.actor, event.reason)
    perhaps = (event.serial, event.fingerprint, event.issuer)
    return (
        all(isinstance(value, str) for value in texts)
        and all(value is None or isinstance(value, str) for value in perhaps)
        and isinstance(event.details, dict)
        and _TIME.match(event.time) is not None
    )
