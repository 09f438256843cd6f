# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the modules that are inner steps of others: C(crl_fetch) and C(tls_probe)."""

from __future__ import annotations

from typing import Any

CRL_FETCH: dict[str, dict[str, Any]] = {
    "urls": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "float", "default": 10.0},
    "connect_timeout": {"type": "float", "default": 5.0},
    "retries": {"type": "int", "default": 2},
    "max_bytes": {"type": "int", "default": 20 * 1024 * 1024},
    "proxy": {"type": "str"},
    "credentials": {"type": "str", "no_log": True},
    "no_proxy": {"type": "str"},
    "allow_networks": {"type": "list", "elements": "str", "default": []},
}
TLS_PROBE: dict[str, dict[str, Any]] = {
    "endpoints": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "default": 443},
            "server_name": {"type": "str"},
        },
    },
    "timeout": {"type": "float", "default": 10.0},
    "parallel": {"type": "int", "default": 256},
}
