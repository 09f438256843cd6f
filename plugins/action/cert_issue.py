# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan, obtain and store the certificates of many sensors in one call, each from its own issuer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..module_utils._pki.batches.obtain import (
    FAILED,
    ISSUED,
    KEPT,
    PENDING,
    Batch,
    Obtaining,
    SensorOutcome,
    failed_names,
)
from ..module_utils._pki.conversion.task import passphrase_from
from ..module_utils._pki.issuers.base import Run, Tools
from ..module_utils._pki.issuers.kinds import check_described, known_names, make_issuers
from ..module_utils._pki.parallel import usable_processors
from ..module_utils._pki.planning.request import LOCAL_CA
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.state.fleet import FleetState
from ..module_utils._pki.state.ledger import Ledger
from ..module_utils._pki.values import moments
from ..module_utils._plain.errors import InputError
from ..plugin_utils import http_caller
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables, add_passphrases
from ..plugin_utils.masking import hidden
from ..plugin_utils.options import (
    SENSOR_PREFIX,
    common_warnings,
    counts_text,
    crl_url_of,
    diffs_of,
    folder_of,
    ledger_of,
    passphrase_of,
    stage_of,
    summary_counts,
)
from ..plugin_utils.secrets import Secrets

RECEIVED_SPEC: dict[str, dict[str, Any]] = {
    "src": {"type": "list", "elements": "path"},
    "ca_files": {"type": "list", "elements": "path", "default": []},
    "passphrases": {"type": "list", "elements": "str", "no_log": True, "default": []},
    "passphrases_variable": {"type": "str", "no_log": False},
    "passphrase_files": {"type": "list", "elements": "path", "no_log": False, "default": []},
    "trusted_roots": {"type": "list", "elements": "path", "default": []},
    "trust_any": {"type": "bool", "default": False},
}


class ActionModule(ControllerAction):
    """The ``cert_issue`` module."""

    ARGUMENT_SPEC = {
        "sensors": {"type": "list", "elements": "raw", "required": True, "no_log": False},
        "others": {"type": "list", "elements": "raw", "default": []},
        "sliced": {"type": "bool", "default": False},
        "stage_dir": {"type": "path", "required": True},
        "ca_dir": {"type": "path"},
        "ca_passphrase": {"type": "str", "no_log": True},
        "ca_passphrase_variable": {"type": "str", "no_log": False},
        "ledger_dir": {"type": "path"},
        "crl_url": {"type": "str"},
        "crl_dir": {"type": "path"},
        "issuers": {"type": "dict", "no_log": True, "default": {}},
        "issuers_variable": {"type": "str"},
        "variables_of": {"type": "str"},
        "received": {"type": "dict", "options": RECEIVED_SPEC},
        "ot_pki_dir": {"type": "path"},
        "max_changes": {"type": "int"},
        "profile": {"type": "str", "default": "defender_iot"},
        "lock_timeout": {"type": "float", "default": 30.0},
        "variable_prefix": {"type": "str", "default": ""},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Obtain what is to be obtained."""
        if params["max_changes"] is not None and params["max_changes"] < 0:
            raise InputError(f"max_changes is {params['max_changes']}; wanted: 0 or more sensors")
        sensors = [_described(sensor, position) for position, sensor in enumerate(params["sensors"])]
        passphrase_variables = {sensor.get("name"): sensor.get("key_passphrase_variable") for sensor in sensors}
        variables = HostVariables(self, task_vars, roles=("sensor_certificates", "local_ca", "import_certificates"))
        add_passphrases(variables, sensors, "key_passphrase")
        add_passphrases(variables, sensors, "received_passphrase")
        secrets = Secrets(variables, str(params["variables_of"] or task_vars.get("inventory_hostname") or ""))
        described = check_described(
            params["issuers"] or secrets.value(params["issuers_variable"]), f"{SENSOR_PREFIX}issuers"
        )
        profile = load_profile(params["profile"])
        stage, ledger, run = (
            stage_of(params["stage_dir"], profile),
            _ledger(params),
            self._run(params, sensors, secrets),
        )
        used = dict.fromkeys(str(sensor.get("issuer") or LOCAL_CA) for sensor in sensors)
        names = known_names(described)
        issuers = make_issuers([name for name in used if name in names], described, run)
        if issuers.broken and not issuers.by_name:
            # Nobody can be done, and for one reason: it is told once.
            raise InputError("; ".join(dict.fromkeys(issuers.broken.values())))
        state = FleetState(stage, ledger)
        workers = usable_processors()
        tools = Tools(run.moment, state, workers, self.check_mode, params["variable_prefix"])
        batch = Batch(
            issuer_names=names,
            prefix=params["variable_prefix"],
            lock_timeout=params["lock_timeout"],
            workers=workers,
            max_changes=params["max_changes"],
            profile=profile,
            sliced=params["sliced"],
            progress=self.progress,
        )
        obtaining = Obtaining(stage, ledger, issuers, tools, batch)
        outcomes = obtaining.run(sensors, params["others"])
        result = self._result(outcomes, passphrase_variables)
        result["problems"] = [text for issuer in issuers.by_name.values() for text in issuer.problems]
        result["lines"] = [*obtaining.lines, *(text for issuer in issuers.by_name.values() for text in issuer.lines)]
        return result

    def _run(self, params: dict[str, Any], sensors: Sequence[dict[str, Any]], secrets: Secrets) -> Run:
        local_ca: dict[str, Any] = {}
        if any((sensor.get("issuer") or LOCAL_CA) == LOCAL_CA for sensor in sensors):
            local_ca = {
                "dir": folder_of(params["ca_dir"], "ca_dir"),
                "passphrase": passphrase_of(params["ca_passphrase"] or secrets.value(params["ca_passphrase_variable"])),
                "crl_url": crl_url_of(params["crl_url"]),
                "crl_dir": params["crl_dir"],
            }
        received = dict(params["received"] or {})
        files = received.pop("passphrase_files", None) or []
        named = secrets.value(received.pop("passphrases_variable", None)) or []
        received["passphrases"] = [
            *(received.get("passphrases") or []),
            *([named] if isinstance(named, str) else named),
            *(hidden(passphrase_from(path, "passphrase_files")) for path in files),
        ]
        return Run(
            moment=moments.now(),
            check_mode=self.check_mode,
            profile=load_profile(params["profile"]),
            ot_pki_dir=params["ot_pki_dir"],
            ledger=_ledger(params),
            local_ca=local_ca,
            received=received,
            http=http_caller.call,
        )

    def _result(self, outcomes: list[SensorOutcome], passphrase_variables: dict[Any, Any]) -> dict[str, Any]:
        results = [outcome.to_dict() for outcome in outcomes]
        result: dict[str, Any] = {
            "changed": any(outcome.changed for outcome in outcomes),
            "msg": counts_text(summary_counts(results)),
            "results": results,
            "bundles": [
                _bundle(outcome, passphrase_variables.get(outcome.name))
                for outcome in outcomes
                # What a sensor with an open request has stays as it is, whatever it is.
                if outcome.action in (KEPT, ISSUED)
                or (outcome.action == PENDING and outcome.files and outcome.since is None)
            ],
            "failed_sensors": failed_names(outcomes),
            "warnings": common_warnings(outcomes),
        }
        if self.diff_mode:
            result["diff"] = diffs_of(
                (outcome.name, outcome.changes or [_whole(outcome)])
                for outcome in outcomes
                if outcome.changed and outcome.action != FAILED
            )
        return result


def _whole(outcome: SensorOutcome) -> tuple[str, str, str]:
    """What to show where no single field differs."""
    if outcome.reasons == ("missing",):
        return ("certificate", "none", "a first one")
    return ("certificate", "the one before", f"a new one ({'; '.join(outcome.reasons)})")


def _ledger(params: dict[str, Any]) -> Ledger:
    """The ledger: where it is said to be, else beside the CA's folder, else beside the stage directory."""
    ca_dir = folder_of(params["ca_dir"], "ca_dir") if params["ca_dir"] else None
    return ledger_of(ca_dir, params["ledger_dir"], params["stage_dir"])


def _bundle(outcome: SensorOutcome, passphrase_variable: Any) -> dict[str, Any]:
    """Options for the ``cert_stage`` module; what says no more than its absence is left out, since fleets are large."""
    files = outcome.files
    options = {
        "name": outcome.name,
        "certificate": files.crt if files else None,
        "private_key": files.key if files else None,
        "chain": files.pem if files else None,
        "expected_common_name": outcome.common_name,
        "key_passphrase_variable": passphrase_variable,
        "issuer": outcome.issuer,
        "trusted_roots": list(outcome.trusted_roots),
        "tolerated": list(outcome.tolerated),
        "planned": files is None,
    }
    return {key: value for key, value in options.items() if value}


def _described(sensor: Any, position: int) -> dict[str, Any]:
    if not isinstance(sensor, dict):
        # Not its value: a text that stands here by mistake may be a passphrase.
        raise InputError(
            f"sensors[{position}] is a {type(sensor).__name__}; wanted: a dictionary that describes a sensor"
        )
    return dict(sensor)
