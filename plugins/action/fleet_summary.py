# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell people what a run did."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.reporting import to_upload
from ..module_utils._pki.reporting.summary import Run, summarize
from ..module_utils._pki.state.fleet import fleet_state
from ..plugin_utils.controller_action import ControllerAction


class ActionModule(ControllerAction):
    """The ``fleet_summary`` module."""

    ARGUMENT_SPEC = {
        "inputs": {"type": "dict", "default": {}},
        "local_ca": {"type": "dict", "default": {}},
        "issued": {"type": "dict", "default": {}},
        "staged": {"type": "dict", "default": {}},
        "workstations": {"type": "dict", "default": {}},
        "crl_publication": {"type": "dict", "default": {}},
        "crl_copies": {"type": "dict", "default": {}},
        "crl_access": {"type": "dict", "default": {}},
        "stage_dir": {"type": "path"},
        "ledger_dir": {"type": "path"},
        "sheets_dir": {"type": "path"},
        "most": {"type": "int", "default": 10},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put the results into lines and figures."""
        run = Run(
            inputs=params["inputs"],
            local_ca=params["local_ca"],
            issued=params["issued"],
            staged=params["staged"],
            crl_publication=params["crl_publication"],
            crl_copies=params["crl_copies"],
            crl_access=params["crl_access"],
            stage_dir=params["stage_dir"],
            check_mode=self.check_mode,
            workstations=params["workstations"],
        )
        summary = summarize(run, params["most"])
        uploads = to_upload.after_run(
            fleet_state(params["stage_dir"], params["ledger_dir"]),
            params["issued"].get("results") or [],
            params["staged"].get("results") or [],
            self.check_mode,
        )
        lines = [*summary.lines, *to_upload.line(uploads, params["most"], params["sheets_dir"] or "")]
        return {
            "changed": False,
            "msg": summary.lines[0],
            "lines": lines,
            "to_upload": uploads,
            "kept": summary.counts.kept,
            "issued": summary.counts.issued,
            "pending": summary.counts.pending,
            "failed_count": summary.counts.failed,
            "next_due": summary.next_due,
        }
