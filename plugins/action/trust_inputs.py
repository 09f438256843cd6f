# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out once for a run which authorities workstations are to trust."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.trust.judge import Judged, judge, parse_fingerprints
from ..module_utils._pki.values import x509_parts as parts
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import LOCAL_CA_PREFIX, SENSOR_PREFIX, folder_of

FOLDER = "workstations"


class ActionModule(ControllerAction):
    """The ``trust_inputs`` module."""

    ARGUMENT_SPEC = {
        "group": {"type": "str", "default": "sensors"},
        "certificates": {"type": "list", "elements": "str", "default": []},
        "fingerprints": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "folder": {"type": "str", "default": ""},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Find the files, judge them, and say where the ready folder is."""
        sensors = list(task_vars["groups"].get(params["group"], []))
        variables = HostVariables(self, task_vars, roles=("sensor_certificates", "local_ca"))
        seen, errors = {}, {}
        if sensors:
            seen, errors = variables.read(sensors[0], [f"{LOCAL_CA_PREFIX}dir", f"{SENSOR_PREFIX}stage_dir"])
        result: dict[str, Any] = {"changed": False, "folder": params["folder"], "authorities": [], "certificates": []}
        result["planned"] = False
        if not params["folder"] and seen.get(f"{SENSOR_PREFIX}stage_dir"):
            # Beside the stage directory, never in it: every entry there is a sensor.
            stage_dir = folder_of(seen[f"{SENSOR_PREFIX}stage_dir"], f"{SENSOR_PREFIX}stage_dir")
            result["folder"] = os.path.join(os.path.dirname(stage_dir), FOLDER)
        paths = params["certificates"]
        optional: list[str] = []
        if not paths and not (params["state"] == "absent" and params["fingerprints"]):
            if f"{LOCAL_CA_PREFIX}dir" in errors or not seen.get(f"{LOCAL_CA_PREFIX}dir"):
                raise InputError(
                    "trust_store_certificates is empty, and there is no sensor whose local_ca_dir names the CA; "
                    "wanted: paths of CA certificates"
                )
            ca_dir = folder_of(seen[f"{LOCAL_CA_PREFIX}dir"], f"{LOCAL_CA_PREFIX}dir")
            paths, optional = [os.path.join(ca_dir, "root.crt")], [os.path.join(ca_dir, "issuing.crt")]
            if not os.path.exists(paths[0]):
                return self._without_authority(result, paths[0])
        moment, present = parts.now(), params["state"] == "present"
        expected = parse_fingerprints(params["fingerprints"])
        judged = judge(paths, moment, present, expected)
        others = judge([path for path in optional if os.path.exists(path)], moment, present)
        # Linux needs the root alone; Windows and Java applications are helped by the issuing CA.
        result["certificates"] = list(dict.fromkeys(one.source for one in judged))
        result["authorities"] = [_described(one) for one in [*judged, *others]]
        result["msg"] = ", ".join(one.label for one in judged) or "certificates by their fingerprints"
        return result

    def _without_authority(self, result: dict[str, Any], path: str) -> dict[str, Any]:
        if not self.check_mode:
            raise InputError(
                f"there is no CA at {path} that workstations could trust; set trust_store_certificates, or make the CA"
            )
        return {**result, "planned": True, "msg": f"{path} is yet to be made"}


def _described(one: Judged) -> dict[str, Any]:
    return {**one.described(), "label": one.label, "name": one.name, "pem": one.pem}
