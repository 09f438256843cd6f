# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read from the inventory which name leads to which sensor."""

from __future__ import annotations

from typing import Any

from ..module_utils._plain.errors import InputError
from ..module_utils._plain.hosts_file_entries import normal_address, parse_entries
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import SENSOR_PREFIX

ADDRESS = "hosts_entries_ip"
NAME = f"{SENSOR_PREFIX}common_name"


class ActionModule(ControllerAction):
    """The ``sensor_names`` module."""

    ARGUMENT_SPEC = {"group": {"type": "str", "default": "sensors"}}

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Gather the addresses and names; a sensor's fault concerns that sensor only."""
        variables = HostVariables(self, task_vars, roles=("sensor_certificates", "hosts_entries"))
        entries: list[dict[str, Any]] = []
        without: list[str] = []
        warnings: list[str] = []
        for host in task_vars["groups"].get(params["group"], []):
            values, errors = variables.read(host, [ADDRESS, NAME, "ansible_host"])
            if ADDRESS in errors:
                warnings.append(f"{host}: {ADDRESS} cannot be evaluated: {errors[ADDRESS]}")
                continue
            given = values.get(ADDRESS) or values.get("ansible_host")
            addresses = [str(one) for one in (given if isinstance(given, list) else [given or host])]
            # A host name as ansible_host is no fault: such a sensor is in DNS already.
            if (
                not isinstance(given, list)
                and normal_address(addresses[0]) is None
                and not _looks_like_one(addresses[0])
            ):
                without.append(host)
                continue
            for address in addresses:
                raw = {"ip": address, "names": [str(values.get(NAME) or host)], "label": host}
                try:
                    parse_entries([raw], True, warnings)
                except InputError as error:
                    warnings.append(str(error))
                else:
                    entries.append(raw)
        entries = _without_contradictions(entries, warnings)
        # If none has an address, names are no matter of this inventory.
        if without and entries:
            shown = ", ".join(without[:10]) + (f" and {len(without) - 10} more" if len(without) > 10 else "")
            warnings.append(f"no hosts entry for {shown}: neither {ADDRESS} nor ansible_host is an IP address")
        return {
            "changed": False,
            "msg": f"{len(entries)} hosts entries",
            "entries": [{"ip": entry["ip"], "names": entry["names"]} for entry in entries],
            "without_address": without,
            "warnings": warnings,
        }


def _looks_like_one(text: str) -> bool:
    """Whether somebody meant an address, so that a misspelt one is told."""
    return bool(text) and (":" in text or text.replace(".", "").isdigit() or "%" in text)


def _without_contradictions(entries: list[dict[str, Any]], warnings: list[str]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    first: dict[tuple[str, bool], dict[str, Any]] = {}
    for entry in entries:
        key = (entry["names"][0].lower(), ":" in entry["ip"])
        other = first.setdefault(key, entry)
        if other is not entry and normal_address(other["ip"]) != normal_address(entry["ip"]):
            warnings.append(
                f"{entry['label']} and {other['label']} have the name {entry['names'][0]} with different addresses; "
                f"only {other['ip']} is written"
            )
            continue
        kept.append(entry)
    return kept
