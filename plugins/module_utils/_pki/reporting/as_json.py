# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``fleet.json``: everything, for programs. Its schema is ``fleet.schema.json`` beside this file."""

from __future__ import annotations

import json

from .facts import Fleet

NAME = "fleet.json"


def render(fleet: Fleet) -> bytes:
    """The report as JSON, one value a line where that keeps it readable, ASCII alone."""
    data = fleet.to_dict()
    sensors = data.pop("sensors")
    head = json.dumps(data, indent=1)
    # One sensor a line: ten thousand of them stay readable with tools that know lines, and a diff shows who changed.
    rows = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in sensors)
    body = f"[\n  {rows}\n ]" if sensors else "[]"
    return f'{head[:-2]},\n "sensors": {body}\n}}\n'.encode("ascii")
