# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write what people need who trust the CA by hand."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.trust.folder import write_folder
from ..module_utils._pki.trust.judge import judge
from ..module_utils._pki.values import x509_parts as parts
from ..module_utils._plain.hosts_file_entries import parse_entries
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import folder_of


class ActionModule(ControllerAction):
    """The ``workstation_folder`` module."""

    ARGUMENT_SPEC = {
        "dir": {"type": "str", "required": True},
        "certificates": {"type": "list", "elements": "str", "required": True},
        "entries": {"type": "list", "elements": "dict", "default": []},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge, then write what differs."""
        folder = folder_of(params["dir"], "trust_store_folder")
        judged = judge(params["certificates"], parts.now(), present=True)
        warnings: list[str] = []
        entries = parse_entries(params["entries"], True, warnings)
        written = write_folder(folder, judged, entries, check_mode=self.check_mode)
        result: dict[str, Any] = {
            "changed": bool(written),
            "msg": f"{folder}: {len(written)} files change" if written else f"{folder} is up to date",
            "dir": folder,
            "files": written,
            "warnings": warnings,
        }
        if self.diff_mode and written:
            after = "".join(f"{name}\n" for name in written)
            result["diff"] = {"before_header": folder, "after_header": folder, "before": "", "after": after}
        return result
