# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the module ``hosts_entry``."""

from __future__ import annotations

from typing import Any

from .hosts_file import DEFAULT_MARKER

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "ip": {"type": "str"},
    "names": {"type": "list", "elements": "str"},
    "entries": {
        "type": "list",
        "elements": "dict",
        "options": {
            "ip": {"type": "str"},
            "names": {"type": "list", "elements": "str", "required": True},
        },
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "path": {"type": "path", "default": "/etc/hosts"},
    "backup": {"type": "bool", "default": False},
    "conflict": {"type": "str", "choices": ["move", "keep", "fail"], "default": "move"},
    "style": {"type": "str", "choices": ["lines", "block"], "default": "lines"},
    "marker": {"type": "str", "default": DEFAULT_MARKER},
}
