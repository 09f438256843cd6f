# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell people what a run did."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.reporting import to_upload
from ..module_utils._pki.reporting.summary import Run, recap_line, summarize
from ..module_utils._pki.state.fleet import FleetState, fleet_state
from ..module_utils._plain.errors import PkiError
from ..plugin_utils.controller_action import ControllerAction, plain


class ActionModule(ControllerAction):
    """The ``fleet_summary`` module."""

    ARGUMENT_SPEC = {
        "inputs": {"type": "dict", "default": {}},
        "local_ca": {"type": "dict", "default": {}},
        "issued": {"type": "dict", "default": {}},
        "staged": {"type": "dict", "default": {}},
        "inputs_variable": {"type": "str"},
        "issued_variable": {"type": "str"},
        "staged_variable": {"type": "str"},
        "workstations": {"type": "dict", "default": {}},
        "crl_publication": {"type": "dict", "default": {}},
        "crl_copies": {"type": "dict", "default": {}},
        "crl_access": {"type": "dict", "default": {}},
        "stage_dir": {"type": "path"},
        "ledger_dir": {"type": "path"},
        "sheets_dir": {"type": "path"},
        "lead": {"type": "str", "default": ""},
        "most": {"type": "int", "default": 10},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Put the results into lines and figures."""
        state = fleet_state(params["stage_dir"], params["ledger_dir"])
        inputs, issued, staged = (_result(params, task_vars, step) for step in ("inputs", "issued", "staged"))
        run = Run(
            inputs=inputs,
            local_ca=params["local_ca"],
            issued=issued,
            staged=staged,
            crl_publication=params["crl_publication"],
            crl_copies=params["crl_copies"],
            crl_access=params["crl_access"],
            stage_dir=params["stage_dir"],
            check_mode=self.check_mode,
            workstations=params["workstations"],
            orphaned=_orphaned(state, inputs),
        )
        summary = summarize(run, params["most"])
        uploads = to_upload.after_run(
            state,
            issued.get("results") or [],
            staged.get("results") or [],
            self.check_mode,
        )
        lines = [
            *summary.lines,
            *to_upload.line(uploads, params["most"], params["sheets_dir"] or ""),
            *recap_line(params["lead"], summary.counts.total),
        ]
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


def _orphaned(state: FleetState, inputs: dict[str, Any]) -> list[str]:
    """Who left the inventory, if the run knows all of it: a slice would take everybody else for gone."""
    known = {sensor["name"] for part in ("sensors", "others", "refused") for sensor in inputs.get(part) or []}
    if not known or inputs.get("slice"):
        return []
    try:
        return [name for name in state.staged_names() if name not in known]
    except PkiError:
        return []  # a folder that cannot be read is told elsewhere


def _result(params: dict[str, Any], task_vars: dict[str, Any], step: str) -> dict[str, Any]:
    """A step's result: as it was given, or as it was registered.

    Evaluating a template with the results of thousands of sensors takes longer than everything that is done here.
    """
    variable = params[f"{step}_variable"]
    found = plain(task_vars.get(variable)) if variable else params[step]
    return found if isinstance(found, dict) else {}
