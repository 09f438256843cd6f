# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says of each sensor: for its certificate, its name in hosts files, its console."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._pki.live.targets import port_of
from ..module_utils._pki.planning import request as asked
from ..module_utils._pki.values.faults import shown
from ..module_utils._pki.values.lists import some
from ..module_utils._plain.errors import InputError
from ..module_utils._plain.hosts_file_entries import normal_address, parse_entries
from .options import SENSOR_PREFIX

LOCAL_CA, RECEIVED = "local_ca", "received"
ISSUER = f"{SENSOR_PREFIX}issuer"
NAME = f"{SENSOR_PREFIX}common_name"
KEY_PASSPHRASE = f"{SENSOR_PREFIX}key_passphrase"
ADDRESS = "hosts_entries_ip"
HOST = "ansible_host"
VANTAGE = "crl_access_vantage"
CONSOLE_HOST, CONSOLE_PORT = "live_check_host", "live_check_port"
# Of one sensor's own received files; it has another prefix than what describes the sensor.
RECEIVED_PASSPHRASE = "import_certificates_passphrase"  # noqa: S105 - a variable's name
_RECEIVED_OPTION = "received_passphrase"
SENSOR_VARIABLES = (
    *(SENSOR_PREFIX + option for option in asked.OPTIONS if option not in ("name", _RECEIVED_OPTION)),
    RECEIVED_PASSPHRASE,
)
NAME_VARIABLES = (NAME, ADDRESS, HOST)
CONSOLE_VARIABLES = (CONSOLE_HOST, HOST, CONSOLE_PORT, NAME)
_FACTS = frozenset(asked.FACTS)


def sensor_of(
    host: str, values: Mapping[str, Any], errors: Mapping[str, str], groups: list[str], default_issuer: str
) -> dict[str, Any]:
    """A sensor as the batches take it, its passphrase among it.

    :param default_issuer: whose it is if its variables do not say.
    """
    raw: dict[str, Any] = {"name": host}
    for variable in SENSOR_VARIABLES:
        if variable in values:
            raw[_option(variable)] = values[variable]
    raw["issuer"] = raw.get("issuer") or default_issuer
    address = next((one for one in _addresses(host, values) if normal_address(one) is not None), None)
    for fact, value in (("groups", groups), ("ip", address)):
        if fact in _FACTS:
            raw[fact] = value
    broken = {_option(variable): text for variable, text in errors.items() if variable in SENSOR_VARIABLES}
    if broken:
        raw["variable_errors"] = broken
    return raw


def _option(variable: str) -> str:
    return _RECEIVED_OPTION if variable == RECEIVED_PASSPHRASE else variable[len(SENSOR_PREFIX) :]


# What is told of a sensor that a run leaves alone: enough to keep names apart, and for a report.
_BRIEF = ("common_name", "groups", "issuer", "renew_before_days", "renew_spread_days")


def brief(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A sensor of the group that is not part of the run."""
    return {"name": raw["name"], "common_name": raw["name"], **{key: raw[key] for key in _BRIEF if key in raw}}


def registered(raw: dict[str, Any]) -> dict[str, Any]:
    """A sensor as it may be registered: its passphrases' variables in place of the passphrases.

    Options that say no more than their absence are left out: Ansible walks through all that is registered several
    times for each task, and in a large fleet that is a part of what a run takes.
    """
    for option, variable in (("key_passphrase", KEY_PASSPHRASE), (_RECEIVED_OPTION, RECEIVED_PASSPHRASE)):
        if raw.pop(option, None):
            raw[f"{option}_variable"] = variable
    return {key: value for key, value in raw.items() if value is not False and value not in (None, "", [])}


def _addresses(host: str, values: Mapping[str, Any]) -> list[str]:
    given = values.get(ADDRESS) or values.get(HOST)
    return [str(one) for one in (given if isinstance(given, list) else [given or host])]


class Names:
    """The sensors' names and addresses, for hosts files."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._without: list[str] = []
        self._warnings: list[str] = []

    def add(self, host: str, values: Mapping[str, Any], errors: Mapping[str, str]) -> None:
        """One more sensor; its fault concerns it only."""
        if ADDRESS in errors:
            self._warnings.append(f"{host}: {ADDRESS} cannot be evaluated: {errors[ADDRESS]}")
            return
        addresses = _addresses(host, values)
        many = isinstance(values.get(ADDRESS) or values.get(HOST), list)
        # A host name as ansible_host is no fault: such a sensor is in DNS already.
        if not many and normal_address(addresses[0]) is None and not _looks_like_one(addresses[0]):
            self._without.append(host)
            return
        for address in addresses:
            raw = {"ip": address, "names": [str(values.get(NAME) or host)], "label": host}
            try:
                parse_entries([raw], True, self._warnings)
            except InputError as error:
                self._warnings.append(str(error))
            else:
                self._entries.append(raw)

    def result(self) -> dict[str, Any]:
        """``entries``, ``without_address`` and ``warnings``."""
        warnings = list(self._warnings)
        entries = _without_contradictions(self._entries, warnings)
        return {
            "entries": [{"ip": entry["ip"], "names": entry["names"]} for entry in entries],
            "without_address": self._without,
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


def vantages_of(named: Mapping[str, str], sensors: Iterable[str]) -> list[dict[str, Any]]:
    """Which sensors' CRLs are to be fetched from where.

    :param named: the vantage host of each sensor that names one; the others' is the control node.
    """
    vantages: dict[str, dict[str, Any]] = {}
    for sensor in sensors:
        name = named.get(sensor, "")
        vantage = vantages.setdefault(name, {"vantage": name or "localhost", "named": bool(name), "sensors": []})
        vantage["sensors"].append(sensor)
    return list(vantages.values())


class Consoles:
    """Where the sensors' consoles are and what was staged for them."""

    def __init__(self) -> None:
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._failures: dict[str, str] = {}

    def add(self, host: str, values: Mapping[str, Any], errors: Mapping[str, str]) -> None:
        """One more sensor; its fault concerns it only."""
        problems = _console_problems(values, errors)
        if problems:
            self._failures[host] = "; ".join(problems)
        else:
            self._seen[host] = values

    def result(self, stage_dir: str) -> dict[str, Any]:
        """``targets`` for the module C(live_check), and ``failures``."""
        targets = []
        for host, values in self._seen.items():
            name = values.get(NAME) or host
            targets.append(
                {
                    "sensor": host,
                    "host": values.get(CONSOLE_HOST) or values.get(HOST) or name,
                    "port": port_of(values.get(CONSOLE_PORT)),
                    "name": name,
                    "certificate": os.path.join(stage_dir, host),
                }
            )
        return {"targets": targets, "failures": self._failures}


def _console_problems(values: Mapping[str, Any], errors: Mapping[str, str]) -> list[str]:
    """Why a sensor cannot be looked at, naming the variables."""
    problems = [f"{variable} cannot be evaluated: {text}" for variable, text in errors.items()]
    port = values.get(CONSOLE_PORT)
    if port_of(port) is None:
        problems.append(f"{CONSOLE_PORT} is {shown(port)}; wanted: a number from 1 to 65535")
    for variable in (CONSOLE_HOST, NAME):
        if not isinstance(values.get(variable, ""), str):
            problems.append(f"{variable} is {shown(values[variable])}; wanted: a text")
    return problems


def address_warning(names: Mapping[str, Any]) -> str | None:
    """One sentence about the sensors that hosts files will not know."""
    without = names["without_address"]
    if not without:
        return None
    return f"no hosts entry for {some(without, 10)}: neither {ADDRESS} nor {HOST} is an IP address"
