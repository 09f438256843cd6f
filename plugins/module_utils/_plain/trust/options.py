# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of ``ca_trust``, for the action that judges and the module that works."""

from __future__ import annotations

from typing import Any

from .stores import KINDS

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "certificates": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "stores": {"type": "list", "elements": "str", "choices": list(KINDS)},
    "fingerprints": {"type": "list", "elements": "str", "default": []},
    "remove_former": {"type": "bool", "default": False},
    "java_keystores": {"type": "list", "elements": "path", "no_log": False, "default": []},
    "java_password": {"type": "str", "no_log": True, "default": "changeit"},
    "nss_databases": {"type": "list", "elements": "path", "default": []},
    "nss_users": {"type": "list", "elements": "str", "default": []},
    "bundles": {"type": "list", "elements": "path", "default": []},
    "timeout": {"type": "float", "default": 120.0},
    "judged": {
        "type": "list",
        "elements": "dict",
        "options": {
            "pem": {"type": "str", "required": True},
            "fingerprint": {"type": "str", "required": True},
            "label": {"type": "str", "required": True},
            "self_signed": {"type": "bool", "required": True},
        },
    },
}
