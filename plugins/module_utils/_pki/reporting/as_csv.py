# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``fleet.csv``: a line for each sensor, for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import Any

from ..._plain.texts import cell
from .facts import Fleet, SensorRow

NAME = "fleet.csv"
COLUMNS = (
    "name",
    "site",
    "groups",
    "common_name",
    "state",
    "issuer",
    "serial",
    "fingerprint",
    "not_before",
    "not_after",
    "days_left",
    "due_on",
    "due",
    "expired",
    "key_bits",
    "sans",
    "errors",
    "warnings",
    "findings",
    "upload_needed",
    "upload_since",
    "certificate_name",
    "live_state",
    "live_seen",
    "crl_state",
)


def render(fleet: Fleet) -> bytes:
    """The report as CSV (RFC 4180), UTF-8 with the mark by which spreadsheets know it."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for row in fleet.sensors:
        writer.writerow([_cell(value) for value in _values(row)])
    return b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8")


def _values(row: SensorRow) -> list[Any]:
    severities = [finding["severity"] for finding in row.findings]
    ids = list(dict.fromkeys(str(finding["id"]) for finding in row.findings))
    return [
        row.name,
        row.site,
        " ".join(row.groups),
        row.common_name,
        row.state,
        row.issuer,
        row.serial,
        row.fingerprint,
        row.not_before,
        row.not_after,
        row.days_left,
        row.due_on,
        row.due,
        row.expired,
        row.key_bits,
        " ".join(row.sans),
        severities.count("error"),
        severities.count("warning"),
        " ".join(ids),
        row.upload.needed,
        row.upload.since,
        row.upload.certificate_name,
        row.live.get("state"),
        row.live.get("seen"),
        row.crl.get("state"),
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Numbers of our own are left alone; a text from outside is never a formula.
    return cell(value) if isinstance(value, str) else str(value)
