# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate bundles and make those that pass visible in the stage directory."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.batches.stage import FAILED, STAGED, StageOptions, StageOutcome, stage_batch
from ..module_utils._pki.parallel import usable_processors
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.state.ledger import Ledger
from ..module_utils._pki.validation.model import INFO, Policy
from ..module_utils._pki.values.source import Source
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables, add_passphrases
from ..plugin_utils.options import common_warnings, counts_text, diffs_of, folder_of, stage_of, summary_counts


class ActionModule(ControllerAction):
    """The ``cert_stage`` module."""

    ARGUMENT_SPEC = {
        "sensors": {"type": "list", "elements": "dict", "required": True},
        "stage_dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
        "trusted_roots": {"type": "list", "elements": "path", "default": []},
        "keep_previous": {"type": "int", "default": 1},
        "profile": {"type": "str", "default": "defender_iot"},
        "sliced": {"type": "bool", "default": False},
        "lock_timeout": {"type": "float", "default": 30.0},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Stage what passes."""
        if params["keep_previous"] < 0:
            raise InputError(f"keep_previous is {params['keep_previous']}; wanted: 0 or more earlier bundles")
        sensors = [dict(sensor) for sensor in params["sensors"]]
        add_passphrases(HostVariables(self, task_vars), sensors, "private_key_passphrase", "key_passphrase_variable")
        profile = load_profile(params["profile"])
        roots = tuple(Source.read(path) for path in params["trusted_roots"]) if not self._planned(sensors) else ()
        options = StageOptions(
            trusted_roots=roots,
            keep_previous=params["keep_previous"],
            lock_timeout=params["lock_timeout"],
            workers=usable_processors(),
            progress=self.progress,
            sliced=params["sliced"],
            # Which of the sample's optional fields a subject has is the user's choice; no run should warn of it.
            policy=Policy(profile, severities={"subject.field-order": INFO}),
        )
        ledger = Ledger(folder_of(params["ledger_dir"], "ledger_dir")) if params["ledger_dir"] else None
        stage = stage_of(params["stage_dir"], profile)
        outcomes, report = stage_batch(sensors, stage, options, ledger, self.check_mode)
        return self._result(outcomes, report.expiring)

    def _planned(self, sensors: list[dict[str, Any]]) -> bool:
        """In check mode the CA itself may be yet to be made; then there is nothing to validate either."""
        return self.check_mode and all(sensor.get("planned") for sensor in sensors)

    def _result(self, outcomes: list[StageOutcome], expiring: list[dict[str, Any]]) -> dict[str, Any]:
        results = [outcome.to_dict() for outcome in outcomes]
        counts = summary_counts(results)
        result: dict[str, Any] = {
            "changed": any(entry["changed"] for entry in results),
            "msg": counts_text(counts),
            "results": results,
            "failed_sensors": [outcome.name for outcome in outcomes if outcome.action == FAILED],
            "expiring": expiring,
            "warnings": common_warnings(outcomes),
        }
        if self.diff_mode:
            result["diff"] = diffs_of(
                (outcome.name, [("bundle shown for the upload", "the one before, or none", "the new one")])
                for outcome in outcomes
                if outcome.action == STAGED
            )
        return result
