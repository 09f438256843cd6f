# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``fleet.json``: everything, for programs. Its schema is ``fleet.schema.json`` beside this file."""

from __future__ import annotations

import json
from dataclasses import replace

from .facts import Fleet

NAME = "fleet.json"


def render(fleet: Fleet) -> bytes:
    """The report as JSON, one value a line where that keeps it readable, ASCII alone."""
    # One sensor a line: ten thousand of them stay readable with tools that know lines, and a diff shows who changed.
    # Each goes into the text by itself, so that they are never in memory as data all at once.
    head = json.dumps(replace(fleet, sensors=()).to_dict(), indent=1).encode("ascii")
    mark = b'"sensors": ['
    start, end = head.split(mark, 1)
    rows = [json.dumps(row.to_dict(), separators=(",", ":")).encode("ascii") for row in fleet.sensors]
    body = b"\n  " + b",\n  ".join(rows) + b"\n " if rows else b""
    return b"".join((start, mark, body, end, b"\n"))
