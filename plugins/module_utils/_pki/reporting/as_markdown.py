# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``fleet.md``: the report to mail; what there is to do comes first, and the long tail is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..values.lists import counted
from .facts import BAD, GOOD, ORPHANED, Fleet, SensorRow

NAME = "fleet.md"
MOST = 200
_WORDS = {GOOD: "All is well", BAD: "Something is wrong"}
# Whatever Markdown or the HTML in it could take for its own.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@])")
_SAFE = re.compile(r"[A-Za-z0-9 ,;/=.:@+()-]*\Z")


def render(fleet: Fleet) -> bytes:
    """The report as Markdown."""
    lines = ["# Certificates of the OT sensors", "", f"**{_WORDS.get(fleet.verdict, 'There is something to do')}.**"]
    lines += [_text(fleet.headline) + ".", "", f"Generated {fleet.generated}", ""]
    if fleet.problems:
        lines += ["## What could not be read", "", *_listed(_text(problem) for problem in fleet.problems), ""]
    lines += _uploads([row for row in fleet.sensors if row.upload.needed])
    lines += _findings(fleet.sensors)
    lines += _due([row for row in fleet.sensors if row.due or row.expired])
    orphans = [_text(row.name) for row in fleet.sensors if row.state == ORPHANED]
    if orphans:
        lines += [
            "## Not in the inventory any more",
            "",
            "The playbook `retire_sensors` revokes and removes what they have.",
            "",
        ]
        lines += [*_listed(orphans), ""]
    lines += _authorities(fleet)
    lines += _calendar(fleet)
    if fleet.changes is not None:
        lines += [f"## What happened since {fleet.since}", ""]
        rows = [(c["time"], c["sensor"], c["event"], c["reason"], c["actor"]) for c in fleet.changes]
        lines += _table(("Time", "Sensor", "Event", "Reason", "By"), rows)
    lines += _everybody(fleet.sensors)
    return ("\n".join(lines).rstrip() + "\n").encode("utf-8")


def _uploads(rows: Sequence[SensorRow]) -> list[str]:
    if not rows:
        return []
    cells = [
        (row.site, row.name, row.upload.certificate_name, _day(row.upload.since), row.upload.validation) for row in rows
    ]
    return [
        f"## {counted(len(rows), 'sensor')} to upload",
        "",
        "In each console: System settings > Basic > SSL/TLS certificate. The sheets in fleet.html say what to enter.",
        "",
        *_table(("Site", "Sensor", "Certificate name", "Waits since", "Validation"), cells),
    ]


def _findings(rows: Sequence[SensorRow]) -> list[str]:
    bad = [
        (row.name, finding["severity"], finding["id"], finding["message"], finding["hint"])
        for row in rows
        for finding in row.findings
        if finding["severity"] != "info"
    ]
    if not bad:
        return []
    bad.sort(key=lambda cells: cells[1] != "error")
    return ["## Findings", "", *_table(("Sensor", "Severity", "Check", "What", "What to do"), bad)]


def _due(rows: Sequence[SensorRow]) -> list[str]:
    if not rows:
        return []
    rows = sorted(rows, key=lambda row: row.not_after or "")
    cells = [(row.name, _day(row.due_on), _day(row.not_after), row.issuer) for row in rows]
    return ["## Due or expired", "", *_table(("Sensor", "Due on", "Ends", "Issuer"), cells)]


def _authorities(fleet: Fleet) -> list[str]:
    lines: list[str] = []
    if fleet.authorities:
        cells = [(ca.common_name, _day(ca.not_after), str(ca.sensors), str(ca.ends_first)) for ca in fleet.authorities]
        lines += ["## Authorities", "", *_table(("CA", "Ends", "Sensors", "Of which outlive it"), cells)]
    if fleet.crls:
        crls = [(crl.path, crl.state, str(crl.number), _day(crl.next_update)) for crl in fleet.crls]
        lines += ["## CRLs", "", *_table(("File", "State", "Number", "Next update"), crls)]
    return lines


def _calendar(fleet: Fleet) -> list[str]:
    cells = [(str(m["month"]), str(m["due"]), str(m["ends"])) for m in fleet.calendar if m["due"] or m["ends"]]
    return ["## Months ahead", "", *_table(("Month", "Come due", "End"), cells)] if cells else []


def _everybody(rows: Sequence[SensorRow]) -> list[str]:
    cells = [
        (row.name, row.state, row.issuer, _day(row.not_after), row.live.get("state") or "not looked at") for row in rows
    ]
    return ["## Sensors", "", *_table(("Sensor", "State", "Issuer", "Ends", "Console"), cells)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str | None]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(_text(cell or '') for cell in row)} |" for row in rows[:MOST]]
    if len(rows) > MOST:
        lines += ["", f"and {len(rows) - MOST} more; fleet.html and fleet.csv have them all."]
    return [*lines, ""]


def _listed(texts: Iterable[str]) -> list[str]:
    every = list(texts)
    lines = [f"- {text}" for text in every[:MOST]]
    return lines + ([f"- and {len(every) - MOST} more"] if len(every) > MOST else [])


def _day(moment: str | None) -> str:
    return moment[:10] if moment else ""


def _text(text: str) -> str:
    """A text from outside, which is no markup whatever it holds."""
    return text if _SAFE.match(text) and "://" not in text else _MARKUP.sub(r"\\\1", text)
