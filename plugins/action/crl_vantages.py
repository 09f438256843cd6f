# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which staged certificates name CRLs, and from which hosts these are to be fetched."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.crl.judging import urls_of
from ..module_utils._pki.state.store import Store, find_files
from ..module_utils._pki.validation.model import Source
from ..module_utils._pki.values.certificates import read_own_certificates
from ..module_utils._plain.errors import FileError, InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import store_of

VARIABLE = "crl_access_vantage"
CONTROL_NODE = "localhost"


class ActionModule(ControllerAction):
    """The ``crl_vantages`` module."""

    ARGUMENT_SPEC = {
        "stage_dir": {"type": "path", "required": True},
        "sensors": {"type": "list", "elements": "str"},
        "known": {"type": "dict"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Look into every staged bundle and group the sensors by vantage."""
        sensors = params["sensors"]
        if sensors is None:
            sensors = list(task_vars["ansible_play_hosts"])
        store = store_of(params["stage_dir"])
        known = params["known"]
        if known is None:
            known = self._read(sensors, task_vars)
        vantages: dict[str, dict[str, Any]] = {}
        without = []
        for sensor in sensors:
            entry = _entry(store, sensor)
            if entry is None:
                without.append(sensor)
                continue
            named = str(known.get(sensor) or "")
            vantage = vantages.setdefault(
                named, {"vantage": named or CONTROL_NODE, "named": bool(named), "certificates": []}
            )
            vantage["certificates"].append(entry)
        return {
            "changed": False,
            "msg": f"{len(sensors) - len(without)} of {len(sensors)} sensors have a certificate with a CRL URL",
            "vantages": list(vantages.values()),
            "without_url": without,
        }

    def _read(self, sensors: list[str], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The variable as each sensor sees it."""
        variables = HostVariables(self, task_vars, roles=("crl_access",))
        known = {}
        for sensor in filter(variables.knows, sensors):
            values, errors = variables.read(sensor, [VARIABLE])
            if VARIABLE in errors:
                raise InputError(f"{VARIABLE} cannot be evaluated for {sensor}: {errors[VARIABLE]}")
            known[sensor] = values.get(VARIABLE)
        return known


def _entry(store: Store, sensor: str) -> dict[str, Any] | None:
    """A sensor's staged certificate for crl_reachable, or None if nothing is staged or it names no CRL."""
    try:
        current = store.current(sensor)
        if current is None:
            return None
        files = find_files(store.visible(sensor))
    except FileError:
        return None  # a damaged bundle is the matter of cert_validate
    views = read_own_certificates(Source.read(files.crt)).views
    if not views or not urls_of(views[0]):
        return None
    return {"name": sensor, "certificate": files.crt, "issuer_certificates": [files.pem]}
