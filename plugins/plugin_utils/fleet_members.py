# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who there is to work for, and what to say if there is nobody."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._pki.values.lists import counted
from ..module_utils._plain.errors import InputError
from .ansible_internals import GIVEN, NOT_NAMED, Fleet, inventory_named
from .host_variables import HostVariables, Unusable
from .options import SENSOR_PREFIX

GROUP = f"{SENSOR_PREFIX}group"


def group_of(variables: HostVariables, hosts: Iterable[str]) -> str:
    """The inventory group of the sensors, as C(sensor_certificates_group) says wherever it is set.

    :raises InputError: two hosts name different groups.
    """
    default = str(variables.defaults[GROUP])
    seen: set[tuple[str, ...]] = set()
    named: dict[str, str] = {}
    for host in hosts:
        # Hosts of the same groups have the same group variables; one of them is asked.
        groups = tuple(variables.fleet.groups_of(host))
        if groups in seen:
            continue
        seen.add(groups)
        try:
            value = variables.view(host).value(GROUP)
        except Unusable as error:
            raise InputError(f"{GROUP} cannot be evaluated for {host}: {error}") from None
        if value and value != default:
            named.setdefault(str(value), host)
    if len(named) > 1:
        (one, first), (other, second) = list(named.items())[:2]
        raise InputError(
            f"{GROUP} differs between {first} and {second} ({one!r} and {other!r}), "
            "but it is one for a run; set it for all"
        )
    return next(iter(named), default)


def lead_of(
    fleet: Fleet, group: str, also: Iterable[str], task_vars: Mapping[str, Any], sliced: bool = False
) -> tuple[str, list[str]]:
    """The host that stands for the run, and the sensors of the run.

    :param also: further groups whose hosts are somebody to work for when C(--limit) leaves no sensor.
    :param sliced: the inventory is a share of the whole one, which need not have a sensor.
    :raises InputError: there is nobody to work for.
    """
    members = list(task_vars["groups"].get(group, []))
    if not members and sliced and group in task_vars["groups"]:
        return str(task_vars["inventory_hostname"]), []
    if not members:
        raise InputError(_without_group(group, task_vars))
    sensors = fleet.selected(group)
    others = [host for name in also for host in fleet.selected(name)]
    if not sensors and not others:
        alternatives = "".join(f", nor of {name}" for name in also if task_vars["groups"].get(name))
        raise InputError(
            f"there is nobody to work for: --limit {task_vars.get('ansible_limit', '')} selects none of the "
            f"{counted(len(members), 'host')} of the group {group}{alternatives}"
        )
    return (sensors or others)[0], sensors


def without_sensors(group: str, task_vars: Mapping[str, Any], sliced: bool = False) -> str:
    """What to say where files are judged, for which an inventory need not be there; empty if nothing is to be said.

    :raises InputError: an inventory is meant to say whose the files are, and has no sensors.
    """
    named = inventory_named(task_vars)
    hosts = set(task_vars["groups"].get("all", []))
    if task_vars["groups"].get(group) or named == NOT_NAMED or (sliced and group in task_vars["groups"]):
        return ""
    if hosts and not hosts.difference({"localhost"}):
        return ""
    text = f"{_without_group(group, task_vars)}. To judge files without an inventory leave it out"
    if named == GIVEN or not hosts:
        raise InputError(text)
    return f"files are judged without names and passphrases of the inventory, since {text}"


def _without_group(group: str, task_vars: Mapping[str, Any]) -> str:
    sources = ", ".join(str(source) for source in task_vars.get("ansible_inventory_sources") or [])
    groups = {name: hosts for name, hosts in task_vars["groups"].items() if name not in ("all", "ungrouped")}
    text = f"there is nobody to work for: no host is in the group {group}"
    if not task_vars["groups"].get("all"):
        read = f"nothing could be read from {sources}" if sources else "no inventory is given"
        wanted = "-i with the path of an inventory that Ansible can read"
        return f"{text}, since the inventory has no hosts ({read}); wanted: {wanted}"
    if group in groups:
        return f"{text}, which is empty in {sources}; wanted: the sensors as its hosts"
    near = difflib.get_close_matches(group, groups, 1, 0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return (
        f"{text}, which the inventory ({sources}) does not have{hint} Wanted: the sensors in a group {group}, "
        f"or {GROUP} with the name of their group"
    )
