# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Retire sensors that left the fleet."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.batches.retire import FAILED, RETIRED, RetireOutcome, Retiring, check_confirmed
from ..module_utils._pki.batches.revoke import Revoking
from ..module_utils._pki.issuers.local_ca.opened import folder_state, public_certificates
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.values import moments
from ..module_utils._pki.values.lists import counted, some
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import diff_of, folder_of, ledger_of, stage_of
from ..plugin_utils.slices import require_whole, slice_of


class ActionModule(ControllerAction):
    """The ``fleet_retire`` module."""

    ARGUMENT_SPEC = {
        "names": {"type": "list", "elements": "str"},
        "present": {"type": "list", "elements": "str", "required": True},
        "confirm": {"type": "bool", "default": False},
        "stage_dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
        "ca_dir": {"type": "path"},
        "profile": {"type": "str", "default": "defender_iot"},
        "lock_timeout": {"type": "float", "default": 30.0},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Revoke, remove, record."""
        moment = moments.now()
        ca_dir = folder_of(params["ca_dir"], "local_ca_dir") if params["ca_dir"] else None
        stage = stage_of(params["stage_dir"], load_profile(params["profile"]))
        ledger = ledger_of(ca_dir, params["ledger_dir"], params["stage_dir"])
        revoking = None
        if ca_dir and folder_state(ca_dir) != "absent":
            revoking = Revoking(ledger, public_certificates(ca_dir), moment, self.check_mode)
        retiring = Retiring(
            stage, ledger, frozenset(params["present"]), revoking, moment, params["lock_timeout"], self.check_mode
        )
        if params["names"] is not None and any(not name for name in params["names"]):
            raise InputError("retire_sensors_names has an empty name; wanted: names of sensors")
        if not params["names"]:
            # Whoever is in another slice would count as gone.
            require_whole(slice_of(task_vars, os.environ, self._templar.template), "retire_sensors")
        names = list(dict.fromkeys(params["names"])) if params["names"] else retiring.orphaned()
        check_confirmed(names, params["confirm"], self.check_mode)
        result = self._result(retiring.run(names))
        result["warnings"] = retiring.problems
        return result

    def _result(self, outcomes: list[RetireOutcome]) -> dict[str, Any]:
        done = [one for one in outcomes if one.action == RETIRED]
        verb = "to be retired" if self.check_mode else "retired"
        revoked = sum(len(one.revoked) for one in done)
        text = f"{counted(len(done), 'sensor')} {verb}, {counted(revoked, 'certificate')} revoked"
        lines = [text + (" (check mode: nothing was done)" if self.check_mode else "")]
        lines += [f"{verb.capitalize()}: {some([one.to_dict()['name'] for one in done], 50)}"] if done else []
        for one in outcomes:
            name = one.to_dict()["name"]
            lines += [f"{name}: {other}: this CA did not issue it; have its issuer revoke it" for other in one.others]
            lines += [f"{name}: {warning}" for warning in one.warnings]
            lines += [f"FAILED {name}: {error}" for error in one.errors]
        failed = [one for one in outcomes if one.action == FAILED]
        errors = [f"{one.to_dict()['name']}: {error}" for one in failed for error in one.errors]
        result: dict[str, Any] = {
            "changed": bool(done),
            "failed": bool(errors),
            "msg": "; ".join([text, *errors]),
            "lines": lines,
            "errors": errors,
            "results": [one.to_dict() for one in outcomes],
        }
        if self.diff_mode:
            result["diff"] = [
                diff_of(
                    one.to_dict()["name"],
                    [
                        *(("certificate", f"{serial} valid", f"{serial} revoked") for serial in one.revoked),
                        *((what, "kept", "removed") for what in one.removed),
                    ],
                )
                for one in done
            ]
        return result
