# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about the fleet, gathered and checked before anything is made."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.batches.issue import check_inputs, refused
from ..module_utils._pki.issuers.local_ca.ensure import check_may_be_made
from ..module_utils._pki.issuers.local_ca.opened import folder_state, public_certificates
from ..module_utils._pki.issuers.local_ca.settings import AuthoritySettings, parse_settings
from ..module_utils._pki.planning.limits import Limits, limits_of, planned_limits
from ..module_utils._pki.planning.request import OPTIONS
from ..module_utils._plain.errors import InputError, PkiError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import (
    LOCAL_CA_PREFIX,
    SENSOR_PREFIX,
    SETTINGS_SPEC,
    crl_url_of,
    folder_of,
    ledger_of,
    store_of,
)

SENSOR_VARIABLES = [SENSOR_PREFIX + option for option in OPTIONS if option != "name"]
VANTAGE = "crl_access_vantage"
# One for a run: every sensor must see the same value.
SHARED_VARIABLES = [
    f"{SENSOR_PREFIX}stage_dir",
    *(LOCAL_CA_PREFIX + option for option in SETTINGS_SPEC),
    f"{LOCAL_CA_PREFIX}dir",
    f"{LOCAL_CA_PREFIX}ledger_dir",
    f"{LOCAL_CA_PREFIX}crl_url",
    f"{LOCAL_CA_PREFIX}create",
]


class ActionModule(ControllerAction):
    """The ``fleet_inputs`` module."""

    ARGUMENT_SPEC = {
        "group": {"type": "str", "default": "sensors"},
        "hosts": {"type": "list", "elements": "str"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Gather, compare, check."""
        variables = HostVariables(self, task_vars, roles=("sensor_certificates", "local_ca", "crl_access"))
        selected = params["hosts"] if params["hosts"] is not None else list(task_vars["ansible_play_hosts"])
        unknown = [host for host in selected if not variables.knows(host)]
        if unknown:
            raise InputError(f"hosts has {unknown[0]!r}, which is not in the inventory")
        group = list(task_vars["groups"].get(params["group"], []))
        chosen = set(selected)
        raws, others, shared = [], [], _Shared()
        vantages: dict[str, str] = {}
        for host in [*selected, *(host for host in group if host not in chosen)]:
            values, errors = variables.read(host, [*SENSOR_VARIABLES, *SHARED_VARIABLES, VANTAGE])
            # Not the certificate's matter, but reading every host's variables once more costs seconds.
            if host in chosen and values.get(VANTAGE):
                vantages[host] = str(values[VANTAGE])
            shared.add(host, values, errors)
            raw = _sensor(host, values, errors)
            if host in chosen:
                raws.append(raw)
            else:
                others.append({"name": host, "common_name": raw.get("common_name", host)})
        return {**self._judge(raws, others, shared), "crl_vantages": vantages}

    def _judge(self, raws: list[dict[str, Any]], others: list[dict[str, Any]], shared: _Shared) -> dict[str, Any]:
        problems = shared.problems
        limits = None
        if not problems:
            problems, limits = _common_problems(shared.values)
        requests, messages = check_inputs(raws, others, limits, SENSOR_PREFIX)
        faulty = [refused(raw, errors).to_dict() for raw, errors in zip(raws, messages) if errors]
        lines = _grouped(faulty)
        if problems:
            text = "; ".join(problems)
            if lines:
                text += f". Besides, {len(faulty)} of {len(raws)} sensors cannot be done: {_some(lines)}"
            raise InputError(text)
        fit = []
        for raw, request in zip(raws, requests):
            if request is not None:
                if raw.pop("key_passphrase", None):
                    raw["key_passphrase_variable"] = f"{SENSOR_PREFIX}key_passphrase"
                fit.append(raw)
        return {
            "changed": False,
            "msg": f"{len(fit)} of {len(raws)} sensors are described well",
            "sensors": fit,
            "others": others,
            "refused": faulty,
            "warnings": [f"{len(faulty)} of {len(raws)} sensors cannot be done: {_some(lines)}"] if lines else [],
        }


class _Shared:
    """Variables that are one for a run, and the first host that was seen with each value."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[str] = []
        self._first: dict[str, str] = {}

    def add(self, host: str, values: dict[str, Any], errors: dict[str, str]) -> None:
        """Compare one more host with those before it; each variable is reported once."""
        for variable in SHARED_VARIABLES:
            if any(problem.startswith(f"{variable} ") for problem in self.problems):
                continue
            if variable in errors:
                self.problems.append(f"{variable} cannot be evaluated for {host}: {errors[variable]}")
                continue
            value = values.get(variable)
            if variable not in self._first:
                self._first[variable] = host
                self.values[variable] = value
            elif value != self.values[variable]:
                shown = "two values" if "passphrase" in variable else f"{self.values[variable]!r} and {value!r}"
                self.problems.append(
                    f"{variable} differs between {self._first[variable]} and {host} ({shown}), "
                    "but it is one for a run; set it for all, or use one inventory for each"
                )


def _sensor(host: str, values: dict[str, Any], errors: dict[str, str]) -> dict[str, Any]:
    raw: dict[str, Any] = {"name": host}
    for variable in SENSOR_VARIABLES:
        if variable in values:
            raw[variable[len(SENSOR_PREFIX) :]] = values[variable]
    broken = {variable[len(SENSOR_PREFIX) :]: text for variable, text in errors.items() if variable in SENSOR_VARIABLES}
    if broken:
        raw["variable_errors"] = broken
    return raw


def _common_problems(values: dict[str, Any]) -> tuple[list[str], Limits | None]:
    """Everything that concerns all sensors, told at once."""
    problems: list[str] = []
    settings_raw = {option: values.get(LOCAL_CA_PREFIX + option) for option in SETTINGS_SPEC}
    settings, faults = parse_settings(settings_raw)
    problems += [fault.text(LOCAL_CA_PREFIX) for fault in faults]
    store = None
    limits = None
    try:
        crl_url_of(values.get(f"{LOCAL_CA_PREFIX}crl_url"))
    except PkiError as error:
        problems.append(str(error))
    try:
        store = store_of(values.get(f"{SENSOR_PREFIX}stage_dir"))
    except PkiError as error:
        problems.append(str(error))
    try:
        limits = _limits(values, settings, store)
    except PkiError as error:
        problems.append(str(error))
    return problems, limits


def _limits(values: dict[str, Any], settings: AuthoritySettings | None, store: Any) -> Limits | None:
    """What the CA sets: the one that is there, or the one that is to be made."""
    folder = folder_of(values.get(f"{LOCAL_CA_PREFIX}dir"), f"{LOCAL_CA_PREFIX}dir")
    if folder_state(folder) == "present":
        return limits_of(public_certificates(folder)[0])
    if values.get(f"{LOCAL_CA_PREFIX}create") not in (True, "true", "True", "yes"):
        check_may_be_made(folder, ledger_of(folder, values.get(f"{LOCAL_CA_PREFIX}ledger_dir")), store)
    return planned_limits(settings) if settings else None


def _grouped(faulty: list[dict[str, Any]]) -> list[str]:
    """The errors, each text once with the sensors that have it."""
    names: dict[str, list[str]] = {}
    for result in faulty:
        for error in result["errors"]:
            names.setdefault(error, []).append(result["name"])
    return [f"{_some(holders, 20, ', ')}: {error}" for error, holders in names.items()]


def _some(texts: list[str], most: int = 40, separator: str = "; ") -> str:
    rest = len(texts) - most
    return separator.join(texts[:most]) + (f"{separator}and {rest} more" if rest > 0 else "")
