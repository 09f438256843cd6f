# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about where the sensors' consoles are, and what was staged for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..module_utils._pki.live.targets import port_of
from ..module_utils._pki.state.stage_folder import StageFolder as Store
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import LOCAL_CA_PREFIX, SENSOR_PREFIX, folder_of, ledger_of

PREFIX = "live_check_"
COMMON_NAME = f"{SENSOR_PREFIX}common_name"
OWN_VARIABLES = (f"{PREFIX}host", "ansible_host", f"{PREFIX}port", COMMON_NAME)
# One for a run: every sensor must see the same value.
SHARED_VARIABLES = (f"{SENSOR_PREFIX}stage_dir", f"{LOCAL_CA_PREFIX}dir", f"{LOCAL_CA_PREFIX}ledger_dir")


class ActionModule(ControllerAction):
    """The ``live_targets`` module."""

    ARGUMENT_SPEC = {"hosts": {"type": "list", "elements": "str"}}

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Gather."""
        variables = HostVariables(self, task_vars, roles=("sensor_certificates", "local_ca", "live_check"))
        hosts = params["hosts"] if params["hosts"] is not None else list(task_vars["ansible_play_hosts"])
        unknown = [host for host in hosts if not variables.knows(host)]
        if unknown:
            raise InputError(f"hosts has {unknown[0]!r}, which is not in the inventory")
        read = {host: variables.read(host, [*OWN_VARIABLES, *SHARED_VARIABLES]) for host in hosts}
        shared = _shared((host, *values) for host, values in read.items())
        stage_dir = folder_of(shared[SHARED_VARIABLES[0]], SHARED_VARIABLES[0])
        store = Store(stage_dir)
        targets, failures = [], {}
        for host, (values, errors) in read.items():
            problems = _problems(values, errors)
            if problems:
                failures[host] = "; ".join(problems)
                continue
            name = values.get(COMMON_NAME) or host
            targets.append(
                {
                    "sensor": host,
                    "host": values.get(f"{PREFIX}host") or values.get("ansible_host") or name,
                    "port": port_of(values.get(f"{PREFIX}port")),
                    "name": name,
                    "certificate": store.visible(host),
                }
            )
        ca_dir = shared[SHARED_VARIABLES[1]]
        return {
            "changed": False,
            "msg": f"{len(targets)} of {len(hosts)} sensors can be looked at",
            "targets": targets,
            "failures": failures,
            "stage_dir": stage_dir,
            "ledger_dir": ledger_of(folder_of(ca_dir, SHARED_VARIABLES[1]), shared[SHARED_VARIABLES[2]]).folder
            if ca_dir or shared[SHARED_VARIABLES[2]]
            else None,
        }


def _problems(values: dict[str, Any], errors: dict[str, str]) -> list[str]:
    """Why a sensor cannot be looked at, naming the variables."""
    problems = [f"{variable} cannot be evaluated: {text}" for variable, text in errors.items()]
    port = values.get(f"{PREFIX}port")
    if port_of(port) is None:
        problems.append(f"{PREFIX}port is {port!r}; wanted: a number from 1 to 65535")
    for variable in (f"{PREFIX}host", COMMON_NAME):
        if not isinstance(values.get(variable, ""), str):
            problems.append(f"{variable} is {values[variable]!r}; wanted: a text")
    return problems


def _shared(hosts: Iterable[tuple[str, dict[str, Any], dict[str, str]]]) -> dict[str, Any]:
    """The values that are one for a run.

    :raises InputError: two hosts disagree, or a value cannot be evaluated.
    """
    first: dict[str, tuple[str, Any]] = {}
    for host, values, errors in hosts:
        for variable in SHARED_VARIABLES:
            if variable in errors:
                raise InputError(f"{variable} cannot be evaluated for {host}: {errors.pop(variable)}")
            holder, value = first.setdefault(variable, (host, values.get(variable)))
            if value != values.get(variable):
                raise InputError(
                    f"{variable} differs between {holder} and {host} ({value!r} and {values.get(variable)!r}), "
                    "but it is one for a run; set it for all, or use one inventory for each"
                )
    return {variable: first.get(variable, ("", None))[1] for variable in SHARED_VARIABLES}
