# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revoke certificates of the embedded CA, in the ledger."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.batches.revoke import FAILED, OPTIONS, REVOKED, RevocationOutcome, Revoking
from ..module_utils._pki.issuers.local_ca.opened import (
    folder_state,
    former_certificates,
    public_certificates,
)
from ..module_utils._pki.values import moments
from ..module_utils._pki.values import text as texts
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import diff_of, folder_of, ledger_of

_SINGLE_SPEC: dict[str, dict[str, Any]] = {
    "serial": {"type": "raw"},
    "certificate": {"type": "path"},
    "sensor": {"type": "str"},
    "reason": {"type": "str"},
    "revoked_at": {"type": "str"},
}


class ActionModule(ControllerAction):
    """The ``cert_revoke`` module."""

    ARGUMENT_SPEC = {
        **_SINGLE_SPEC,
        "revocations": {"type": "list", "elements": "dict", "options": _SINGLE_SPEC},
        "ca_dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Record the revocations."""
        requests = _requests(params)
        ca_dir = folder_of(params["ca_dir"], "ca_dir")
        if folder_state(ca_dir) == "absent":
            raise InputError(f"there is no CA in {ca_dir}; name the folder of the CA that issued the certificates")
        revoking = Revoking(
            ledger=ledger_of(ca_dir, params["ledger_dir"]),
            authorities=(*public_certificates(ca_dir), *former_certificates(ca_dir)),
            moment=moments.now(),
            check_mode=self.check_mode,
        )
        return self._result(revoking.run(requests))

    def _result(self, outcomes: list[RevocationOutcome]) -> dict[str, Any]:
        errors = [error for outcome in outcomes for error in outcome.errors]
        revoked = [entry for outcome in outcomes for entry in outcome.certificates if entry.new]
        kept = sum(not entry.new for outcome in outcomes for entry in outcome.certificates)
        verb = "to be revoked" if self.check_mode else "revoked"
        failed = sum(outcome.action == FAILED for outcome in outcomes)
        text = f"{len(revoked)} {verb}, {kept} were revoked before, {failed} failed"
        result: dict[str, Any] = {
            "changed": any(outcome.action == REVOKED for outcome in outcomes),
            "failed": bool(errors),
            "msg": "; ".join([text, *errors]),
            "results": [outcome.to_dict() for outcome in outcomes],
            "warnings": [warning for outcome in outcomes for warning in outcome.warnings],
        }
        if self.diff_mode:
            result["diff"] = [
                diff_of(
                    f"{texts.name_text(entry.certificate.subject)}",
                    [("status", "valid", f"revoked, {entry.record.text}")],
                )
                for entry in revoked
            ]
        return result


def _requests(params: dict[str, Any]) -> list[dict[str, Any]]:
    single = {key: params[key] for key in OPTIONS if params[key] is not None}
    if params["revocations"] is None:
        return [single]
    if single.keys() & {"serial", "certificate", "sensor"}:
        raise InputError("revocations is given with serial, certificate or sensor; wanted: one of them")
    # What is given once is the default for each entry of the list.
    return [
        {**single, **{key: value for key, value in entry.items() if value is not None}}
        for entry in params["revocations"]
    ]
