# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what endpoints present with what they should; looked at from the task's host, judged here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._pki.live.known import Known
from ..module_utils._pki.live.seen import record_seen, still_waiting
from ..module_utils._pki.live.targets import Target
from ..module_utils._pki.live.task import ARGUMENT_SPEC, run
from ..module_utils._pki.reporting.to_upload import line
from ..module_utils._pki.state.fleet import fleet_state
from ..module_utils._pki.values import moments
from ..module_utils._plain.errors import PkiError
from ..module_utils._plain.tls_probe import Endpoint, Probe, from_plain, probe_all
from ..plugin_utils.controller_action import ControllerAction

PROBE_MODULE = "ot_pki.defender_iot.tls_probe"


class ActionModule(ControllerAction):
    """The ``live_check`` module.

    Certificates, stage directory and ledger stay on the control node; the vantage host gets addresses and
    names, and returns the certificates that it saw.
    """

    _requires_connection = True
    ARGUMENT_SPEC = ARGUMENT_SPEC

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Look and judge."""

        state, moment = fleet_state(params["stage_dir"], params["ledger_dir"]), moments.now()

        def known(targets: Sequence[Target]) -> Known:
            return Known(targets, state)

        def fetch(endpoints: Sequence[Endpoint], timeout: float, parallel: int) -> list[Probe]:
            if self._connection.transport == "local":
                return probe_all(endpoints, timeout, parallel, self.progress)
            return self._from_vantage(endpoints, timeout, parallel, task_vars)

        result = run(params, known, fetch, moment)
        if params["ledger_dir"] is not None:
            result["to_upload"] = still_waiting(state, result["results"], moment)
            result["lines"] += line(result["to_upload"], 10)
        if not self.check_mode:
            try:
                record_seen(state, result["results"], moment)
            except PkiError as error:
                result["warnings"] = [str(error)]
        return result

    def _from_vantage(
        self, endpoints: Sequence[Endpoint], timeout: float, parallel: int, task_vars: dict[str, Any]
    ) -> list[Probe]:
        arguments = {"endpoints": [vars(endpoint) for endpoint in endpoints], "timeout": timeout, "parallel": parallel}
        try:
            result = self._execute_module(module_name=PROBE_MODULE, module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            # Otherwise Ansible would call the sensor unreachable for which the task runs.
            raise PkiError(f"the vantage host cannot be reached, so nothing was looked at: {error.message}") from None
        if result.get("failed") or "probes" not in result:
            raise PkiError(f"the vantage host could not look: {result.get('msg') or 'no reason was given'}")
        try:
            probes = from_plain(result)
        except ValueError as error:
            raise PkiError(f"the vantage host returned what cannot be read: {error}") from None
        if len(probes) != len(endpoints):
            raise PkiError(f"the vantage host returned {len(probes)} results for {len(endpoints)} endpoints")
        return probes
