# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about many hosts, read once on the control node.

Ansible evaluates variables host by host, as a task reaches it; a batch needs those of all hosts in one
place. This asks Ansible's own variable manager, so precedence is the usual one: role defaults, group and
host variables, play and role variables, extra variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar

from .controller_action import ControllerAction, plain


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(_has_template(key) or _has_template(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return any(_has_template(inner) for inner in value)
    return False


class HostVariables:
    """Reads variables as each host sees them from the running task."""

    def __init__(self, action: ControllerAction, task_vars: Mapping[str, Any]) -> None:
        self._loader = action._loader
        self._task = action._task
        self._hostvars = task_vars["hostvars"]
        # HostVars keeps both for itself, but they are what every lookup of hostvars goes through.
        self._manager = self._hostvars._variable_manager
        self._inventory = self._hostvars._inventory

    def knows(self, host: str) -> bool:
        """Whether the inventory has this host."""
        return self._inventory.get_host(host) is not None

    def read(self, host: str, variables: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of a host's variables.

        :returns: values by variable (those that are defined and not ``None``), and for variables that
            cannot be evaluated the reason.
        """
        every = self._manager.get_vars(
            play=self._task.get_play() if hasattr(self._task, "get_play") else self._task.play,
            host=self._inventory.get_host(host),
            task=self._task,
            include_hostvars=False,
            _hosts=[],
            _hosts_all=[],
        )
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        templar = None
        for variable in variables:
            raw = every.get(variable)
            if raw is None:
                continue
            if _has_template(raw):
                if templar is None:
                    every["hostvars"] = self._hostvars
                    templar = Templar(loader=self._loader, variables=every)
                try:
                    raw = templar.template(raw)
                except AnsibleError as error:
                    errors[variable] = _first_line(error)
                    continue
            value = plain(raw)
            if value is not None:
                values[variable] = value
        return values, errors


def add_passphrases(
    variables: HostVariables, sensors: list[dict[str, Any]], variable: str, option: str
) -> None:
    """Read each sensor's passphrase from its variables, so that it never is part of a registered result."""
    for sensor in sensors:
        name = sensor.get("name")
        if option in sensor or not isinstance(name, str) or not variables.knows(name):
            continue
        values, _errors = variables.read(name, [variable])
        if values.get(variable):
            sensor[option] = values[variable]


def _first_line(error: AnsibleError) -> str:
    message = getattr(error, "message", None) or str(error)
    return str(message).strip().splitlines()[0][:200]
