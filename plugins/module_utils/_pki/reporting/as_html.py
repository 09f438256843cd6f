# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``fleet.html``: the report for people, one file that needs no network and no other file.

What is the same for many sensors (issuers, chains, findings, times of one run) stands in the page once: five thousand
sensors are below four megabytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..values.lists import counted
from . import pages
from .facts import BAD, GOOD, Fleet, SensorRow

NAME = "fleet.html"
MAX_FINDINGS = 200
MAX_HISTORY = 30
MAX_CHANGES = 500
MAX_SITES = 500
_VERDICTS = {GOOD: ("✓", "All is well"), BAD: ("✗", "Something is wrong")}


class _Pool:
    """Values that stand in the page once; what uses them has their number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def add(self, value: Any) -> int:
        key = json.dumps(value, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def render(fleet: Fleet) -> bytes:
    """The report as a page."""
    pool = _Pool()
    rows = [_row(row, pool) for row in fleet.sensors]
    sign, words = _VERDICTS.get(fleet.verdict, ("!", "There is something to do"))
    values = {
        "fleet": fleet,
        "sign": sign,
        "words": words,
        "sites": _sites(fleet.sensors),
        "changes": (fleet.changes or ())[:MAX_CHANGES],
        "data": pages.data_of(
            {"pool": pool.values, "rows": rows, "months": [month["month"] for month in fleet.calendar]}
        ),
    }
    return pages.render("fleet.html", values, script="fleet.js")


def _row(row: SensorRow, pool: _Pool) -> list[Any]:
    """One sensor, in the order in which the page's script reads it (``unpack`` in fleet.js)."""
    common_name = row.common_name or ""
    upload = row.upload
    name_given = upload.certificate_name == f"{common_name}-{(row.not_before or '')[:10]}"
    return [
        row.name,
        0 if common_name == row.name else common_name,
        pool.add(
            [
                row.site,
                list(row.groups),
                row.state,
                row.issuer,
                row.issuer_subject,
                list(row.chain),
                row.chain_not_after,
            ]
        ),
        row.serial or 0,
        row.fingerprint or 0,
        pool.add([row.not_before, row.not_after, row.due_on, row.due, row.expired, row.days_left, row.key_bits]),
        0 if row.sans == (common_name,) else list(row.sans),
        pool.add(_without(row.subject or "", common_name)),
        [pool.add(entry) for entry in _findings(row)],
        [
            pool.add([upload.needed, upload.since, upload.passphrase, upload.crl_check, upload.validation, upload.why]),
            0 if name_given else upload.certificate_name,
            _files(upload.files, row.name, common_name, pool),
        ],
        pool.add([row.live.get("state"), row.live.get("seen"), row.live.get("confirmed"), dict(row.crl), row.request]),
        [
            [
                pool.add([e["time"], e["event"], e["actor"], e["reason"]]),
                0 if e["serial"] == row.serial else e["serial"] or 1,
            ]
            for e in _history(row.history)
        ],
    ]


def _without(text: str, common_name: str) -> str:
    """A text with a mark in place of the name that only this sensor has."""
    return text.replace(common_name, "\x01") if common_name else text


def _findings(row: SensorRow) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = list(row.findings[:MAX_FINDINGS])
    rest = len(row.findings) - MAX_FINDINGS
    if rest > 0:
        more = {
            "id": "report.more",
            "severity": "info",
            "message": f"and {counted(rest, 'more finding')}, see fleet.json",
        }
        found.append({**more, "hint": "", "upload_error": None, "source": None})
    return found


def _files(files: Sequence[Mapping[str, str]], name: str, common_name: str, pool: _Pool) -> list[Any]:
    """Fields and paths (with marks for the names) once, and the hashes."""
    shared = [[one["field"], one["path"].replace(name, "\x02").replace(common_name or name, "\x01")] for one in files]
    hashes = [one["sha256"] for one in files]
    # The chain is the same for many; a key's and a certificate's file is one sensor's.
    return [
        pool.add(shared),
        *(pool.add(value) if one["kind"] == "pem" else value for one, value in zip(files, hashes)),
    ]


def _history(history: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest events; of looks that saw the same again and again, the last."""
    found: list[Mapping[str, Any]] = []
    for event in history:
        last = found[-1] if found else None
        if last and event["event"] == last["event"] == "seen" and event["reason"] == last["reason"]:
            continue
        found.append(event)
        if len(found) == MAX_HISTORY:
            break
    return found


def _sites(rows: Sequence[SensorRow]) -> list[dict[str, Any]]:
    """What there is at each site."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        counts = found.setdefault(
            row.site,
            {
                "site": row.site or "(none)",
                "sensors": 0,
                "to_upload": 0,
                "due": 0,
                "failed": 0,
                "ends": None,
                "next_due": None,
            },
        )
        counts["sensors"] += 1
        counts["to_upload"] += row.upload.needed
        counts["due"] += row.due
        counts["failed"] += row.failed
        for key, value in (("ends", row.not_after), ("next_due", row.due_on)):
            if value and (counts[key] is None or value < counts[key]):
                counts[key] = value
    return sorted(found.values(), key=lambda counts: str(counts["site"]))[:MAX_SITES]
