# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about the fleet, gathered once and checked before anything is made."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.values.lists import counted, some
from ..module_utils._plain.errors import InputError
from ..plugin_utils import fleet_checks, fleet_run, pki_folder
from ..plugin_utils import fleet_sensors as sensors_of
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.fleet_members import group_of, lead_of, without_sensors
from ..plugin_utils.host_variables import ROLES, HostVariables, values_of
from ..plugin_utils.known_variables import Unknown, known_variables
from ..plugin_utils.slices import Slice, require_whole, slice_of

MEMBERS, CERTIFICATES, RECEIVED, CONSOLES, RUN, NAMES, REPORT, FILES = (
    "members",
    "certificates",
    "received",
    "consoles",
    "run",
    "names",
    "report",
    "files",
)
# Whose hosts are no sensors, and have variables of ours all the same.
_OTHER_GROUPS = ("trust_hosts", "crl_web_servers")


class ActionModule(ControllerAction):
    """The ``fleet_inputs`` module."""

    ARGUMENT_SPEC = {
        "group": {"type": "str"},
        "hosts": {"type": "list", "elements": "str"},
        "whole_group": {"type": "bool", "default": False},
        "purpose": {
            "type": "str",
            "choices": [MEMBERS, CERTIFICATES, RECEIVED, CONSOLES, RUN, NAMES, REPORT, FILES],
            "default": CERTIFICATES,
        },
        "also": {"type": "list", "elements": "str", "default": []},
        "whole": {"type": "str"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Gather, compare, check."""
        variables = HostVariables(self, task_vars, roles=sorted(os.listdir(ROLES)))
        part = slice_of(task_vars, os.environ, self._templar.template)
        if params["whole"]:
            require_whole(part, params["whole"])
        if params["purpose"] == MEMBERS:
            group = params["group"] or group_of(variables, task_vars["groups"].get("all", []))
            lead, sensors = lead_of(variables.fleet, group, params["also"], task_vars, part is not None)
            text = f"{counted(len(sensors), 'sensor')} of the group {group}"
            return {"changed": False, "msg": text, "group": group, "lead": lead, "slice": _told(part)}
        if params["purpose"] == FILES:
            return self._files(variables, params["group"], task_vars, part is not None)
        group = params["group"] or "sensors"
        members = list(task_vars["groups"].get(group, []))
        if params["purpose"] == NAMES:
            return {**self._names(variables, members), "slice": _told(part)}
        # A report is on the fleet, whatever --limit selects: a part of it would take the place of the whole.
        selected = members if params["purpose"] == REPORT else self._selected(params, variables, group, task_vars)
        chosen = set(selected)
        every = [*selected, *(host for host in members if host not in chosen)]
        gathered = _Gathered(variables, params["purpose"])
        for read, host in enumerate(every):
            self.progress("hosts' variables read", read, len(every))
            gathered.look(host, host in chosen)
        for host in sorted(
            {host for name in _OTHER_GROUPS for host in task_vars["groups"].get(name, [])}.difference(every)
        ):
            gathered.look_aside(host)
        return {"group": group, "slice": _told(part), **gathered.result(_default_folder(task_vars))}

    @staticmethod
    def _selected(params: dict[str, Any], variables: HostVariables, group: str, task_vars: dict[str, Any]) -> list[str]:
        if params["whole_group"]:
            return variables.fleet.selected(group)
        selected = params["hosts"] if params["hosts"] is not None else list(task_vars["ansible_play_hosts"])
        unknown = [host for host in selected if not variables.knows(host)]
        if unknown:
            raise InputError(f"hosts has {unknown[0]!r}, which is not in the inventory")
        return selected

    @staticmethod
    def _files(variables: HostVariables, group: str | None, task_vars: dict[str, Any], sliced: bool) -> dict[str, Any]:
        """The group whose sensors' files are judged, if there is an inventory."""
        found = group or group_of(variables, task_vars["groups"].get("all", []))
        told = without_sensors(found, task_vars, sliced)
        unknown = Unknown(known_variables(variables.defaults))
        unknown.look(str(task_vars["inventory_hostname"]), task_vars)
        members = task_vars["groups"].get(found, [])
        return {
            "changed": False,
            "msg": f"{counted(len(members), 'sensor')} of the group {found}",
            "group": found,
            "warnings": [*([told] if told else []), *unknown.warnings()],
        }

    @staticmethod
    def _names(variables: HostVariables, members: list[str]) -> dict[str, Any]:
        names = sensors_of.Names()
        for host in members:
            names.add(host, *variables.read(host, sensors_of.NAME_VARIABLES))
        found = names.result()
        warnings = [*found.pop("warnings")]
        # If none has an address, names are no matter of this inventory.
        told = sensors_of.address_warning(found) if found["entries"] else None
        return {
            "changed": False,
            "msg": f"{counted(len(found['entries']), 'hosts entry', 'hosts entries')}",
            "names": found,
            "warnings": [*warnings, *([told] if told else [])],
        }


class _Gathered:
    """Everything that any step of a run needs, read in one pass over the hosts."""

    def __init__(self, variables: HostVariables, purpose: str) -> None:
        self._variables = variables
        self._purpose = purpose
        self._unknown = Unknown(known_variables(variables.defaults))
        self._shared = fleet_run.Shared()
        self._names = sensors_of.Names()
        self._consoles = sensors_of.Consoles()
        self._vantages: dict[str, str] = {}
        self._selected: list[str] = []
        self._raws: list[dict[str, Any]] = []
        self._others: list[dict[str, Any]] = []
        self._issuers: dict[str, None] = {}
        self._first = ""

    def look(self, host: str, chosen: bool) -> None:
        """Read one host; ``chosen``: it is one of this run, not only one of the group."""
        view = self._variables.view(host)
        self._first = self._first or host
        self._unknown.look(host, view.raws)
        self._shared.add(view)
        wanted = (*sensors_of.SENSOR_VARIABLES, *sensors_of.NAME_VARIABLES, sensors_of.VANTAGE)
        values, errors = values_of(view, dict.fromkeys(wanted))
        self._names.add(host, values, errors)
        default = sensors_of.RECEIVED if self._purpose == RECEIVED else sensors_of.LOCAL_CA
        raw = sensors_of.sensor_of(host, values, errors, self._variables.fleet.groups_of(host), default)
        self._issuers[str(raw["issuer"])] = None
        if not chosen or (self._purpose == RECEIVED and raw["issuer"] != sensors_of.RECEIVED):
            self._others.append(sensors_of.brief(raw))
            return
        self._selected.append(host)
        self._raws.append(raw)
        if values.get(sensors_of.VANTAGE):
            self._vantages[host] = str(values[sensors_of.VANTAGE])
        if self._purpose == CONSOLES:
            own, faults = values_of(view, sensors_of.CONSOLE_VARIABLES)
            self._consoles.add(host, own, faults)

    def look_aside(self, host: str) -> None:
        """Look at the variables of a host that is no sensor, for names that are misspelt."""
        self._unknown.look(host, self._variables.view(host).raws)

    def result(self, default_folder: str) -> dict[str, Any]:
        """What was gathered.

        :raises InputError: what concerns every sensor is not fit.
        """
        problems, fit, faulty = self._judged()
        groups = {raw["name"]: raw.get("groups", []) for raw in self._raws} if faulty else {}
        faulty = [{**one, "groups": groups[one["name"]]} for one in faulty]
        lines = _grouped(faulty)
        cannot = f"{len(faulty)} of {counted(len(self._raws), 'sensor')} cannot be done: {some(lines, 40, '; ')}"
        if problems:
            text = "; ".join(problems)
            raise InputError(f"{text}. Besides, {cannot}" if lines else text)
        values = self._shared.values
        run = fleet_run.described(values, self._first, default_folder)
        run["local_ca"]["used"] = sensors_of.LOCAL_CA in self._issuers
        run["authorities"] = fleet_run.authorities(run, self._issuers)
        names = self._names.result()
        result: dict[str, Any] = {
            "changed": False,
            "msg": f"{len(fit)} of {counted(len(self._raws), 'sensor')} are described well",
            "sensors": [sensors_of.registered(raw) for raw in fit],
            "issuers": sorted({str(raw["issuer"]) for raw in fit}),
            "others": self._others,
            "refused": faulty,
            "proceed": bool(fit) or not faulty,
            "run": run,
            "vantages": sensors_of.vantages_of(self._vantages, [raw["name"] for raw in fit]),
            "warnings": [*names.pop("warnings"), *self._unknown.warnings()],
            "names": names,
        }
        if self._purpose == CONSOLES:
            result["consoles"] = self._consoles.result(run["stage_dir"])
        return result

    def _judged(self) -> tuple[list[str], list[dict[str, Any]], list[dict[str, Any]]]:
        """What is wrong for everybody, the sensors that are fit, and the others with their errors."""
        problems = [*self._shared.problems, *self._received_problems()]
        if self._purpose != CERTIFICATES or not self._raws:
            faulty = []
            if self._purpose == RECEIVED:
                faulty = [one for one in map(_unreadable, self._raws) if one is not None]
            bad = {one["name"] for one in faulty}
            return problems, [raw for raw in self._raws if raw["name"] not in bad], faulty
        limits = None
        issuers, described_badly = fleet_checks.issuer_names(self._shared.values)
        if not problems:
            problems = [*fleet_checks.stage_problems(self._shared.values), *described_badly]
            if any(raw["issuer"] == sensors_of.LOCAL_CA for raw in self._raws):
                more, limits = fleet_checks.authority_problems(self._shared.values)
                problems += [problem for problem in more if problem not in problems]
        return (problems, *fleet_checks.judged(self._raws, self._others, limits, issuers))

    def _received_problems(self) -> list[str]:
        """Whom to trust is said for certificates that come from outside, and by nobody else."""
        received = [raw for raw in self._raws if raw["issuer"] == sensors_of.RECEIVED]
        if self._purpose == RECEIVED and not received:
            return [
                "there is nobody to work for: no sensor of this run gets its certificate from outside, since "
                f"{sensors_of.ISSUER} names another issuer for each of them; wanted: {sensors_of.RECEIVED}, or not set"
            ]
        if self._purpose not in (CERTIFICATES, RECEIVED) or not received:
            return []
        values = self._shared.values
        roots, anybody = (f"{fleet_run.IMPORT_PREFIX}{option}" for option in ("trusted_roots", "trust_any"))
        if values.get(roots) or values.get(anybody) in (True, "true", "True", "yes"):
            return []
        return [
            f"{roots} is not set; wanted: files with the roots to which every chain must lead, "
            f"or {anybody}: true if any CA will do"
        ]


def _told(part: Slice | None) -> dict[str, Any]:
    return part.to_dict() if part is not None else {}


def _unreadable(raw: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a sensor some of whose variables cannot be evaluated."""
    errors = [
        f"{sensors_of.SENSOR_PREFIX}{option} cannot be evaluated: {text}"
        for option, text in raw.get("variable_errors", {}).items()
    ]
    return {"name": raw["name"], "errors": errors} if errors else None


def _default_folder(task_vars: dict[str, Any]) -> str:
    if not task_vars.get("inventory_dir"):
        return ""
    sources = [str(source) for source in task_vars.get("ansible_inventory_sources") or []]
    return pki_folder.beside(str(task_vars["inventory_dir"]), sources)


def _grouped(faulty: list[dict[str, Any]]) -> list[str]:
    """Each text once, with the sensors it concerns; a mistake in a group's variables is one line, not a thousand."""
    by_text: dict[str, list[str]] = {}
    for result in faulty:
        for error in result["errors"]:
            by_text.setdefault(error, []).append(result["name"])
    return [f"{some(names, 20)}: {text}" for text, names in by_text.items()]
