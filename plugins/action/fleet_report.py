# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Report on a fleet, from the state alone."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.parallel import usable_processors
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.reporting.gather import Places
from ..module_utils._pki.reporting.task import NEVER, Order, run
from ..module_utils._pki.state.fleet import FleetState
from ..module_utils._pki.state.stage_folder import StageFolder
from ..module_utils._pki.values import moments
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import folder_of, ledger_of


class ActionModule(ControllerAction):
    """The ``fleet_report`` module."""

    ARGUMENT_SPEC = {
        "sensors": {"type": "list", "elements": "raw", "default": []},
        "group": {"type": "str", "default": "sensors"},
        "stage_dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
        "ca_dir": {"type": "path"},
        "crl_dir": {"type": "path"},
        "dest": {"type": "path", "required": True},
        "formats": {"type": "list", "elements": "str", "default": []},
        "sheets": {"type": "bool", "default": False},
        "handover": {"type": "path"},
        "query": {"type": "str"},
        "since": {"type": "str"},
        "fail_on": {"type": "str", "default": NEVER},
        "profile": {"type": "str", "default": "defender_iot"},
        "most": {"type": "int", "default": 10},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Gather and write."""
        profile = load_profile(params["profile"])
        ca_dir = folder_of(params["ca_dir"], "local_ca_dir") if params["ca_dir"] else None
        stage_dir = folder_of(params["stage_dir"], "sensor_certificates_stage_dir")
        state = FleetState(
            StageFolder(stage_dir, profile.extensions), ledger_of(ca_dir, params["ledger_dir"], stage_dir)
        )
        order = Order(
            folder=folder_of(params["dest"], "fleet_report_dir"),
            formats=params["formats"],
            query=params["query"] or "",
            fail_on=params["fail_on"],
            since=params["since"] or "",
            sheets=params["sheets"],
            handover=folder_of(params["handover"], "fleet_report_handover_dir") if params["handover"] else "",
            most=max(params["most"], 1),
            group=params["group"],
            check_mode=self.check_mode,
            places=Places(ca_dir, folder_of(params["crl_dir"], "crl_publication_dir") if params["crl_dir"] else None),
        )
        sensors = [_described(sensor, position) for position, sensor in enumerate(params["sensors"])]
        result = run(order, sensors, state, profile, moments.now(), usable_processors())
        if self.diff_mode and result.get("differing"):
            after = "".join(f"{name}\n" for name in result["differing"])
            result["diff"] = {"before_header": order.folder, "after_header": order.folder, "before": "", "after": after}
        result.pop("differing", None)
        return result


def _described(sensor: Any, position: int) -> dict[str, Any]:
    """A sensor: a dictionary with C(name), or its name alone."""
    if isinstance(sensor, str) and sensor:
        return {"name": sensor}
    if not isinstance(sensor, dict) or not isinstance(sensor.get("name"), str) or not sensor["name"]:
        raise InputError(f"sensors[{position}] is not usable; wanted: a name, or a dictionary with name")
    return sensor
