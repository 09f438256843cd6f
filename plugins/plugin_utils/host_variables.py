# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about many hosts, read once on the control node.

Ansible evaluates variables host by host, as a task reaches it; a batch needs those of all hosts in one
place. This asks Ansible's own variable manager, so precedence is the usual one: role defaults, group and
host variables, play and role variables, extra variables.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from jinja2 import Environment, TemplateError, meta

from .controller_action import ControllerAction, plain


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(_has_template(key) or _has_template(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return any(_has_template(inner) for inner in value)
    return False


# What Jinja or Ansible may turn into something else than text is left to them.
_PLAIN_TEXT = re.compile(r"(?!(?:none|true|false)\Z)[a-z][a-z0-9.-]+")
# A template that is nothing but the name of a variable, as the default of a common name is.
_REFERENCE = re.compile(r"\{\{ *(\w+) *\}\}")


def _followed(raw: Any, variables: Mapping[str, Any]) -> Any:
    """The plain text that a mere reference stands for, without a template's cost; otherwise the value itself."""
    match = _REFERENCE.fullmatch(raw) if isinstance(raw, str) else None
    target = variables.get(match[1]) if match else None
    if isinstance(target, str) and _PLAIN_TEXT.fullmatch(target):
        return target
    return raw


class _Evaluated:
    """Templates that were evaluated for another host and must give the same here.

    A template costs a millisecond for each host. One text gives one value as long as the variables that it
    names are the same plain values, and it asks nothing that changes from call to call.
    """

    # Names that stand for functions; what they return is not told by the template's text.
    _FUNCTIONS = frozenset(("lookup", "query", "q", "now", "hostvars", "vars", "varnames", "undef"))
    _CHANGING = ("random", "shuffle", "password_hash", "to_uuid")
    _OWN_LOOKUP = "lookup('ot_pki.defender_iot.beside_inventory'"

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self._names: dict[str, tuple[str, ...] | None] = {}

    def key(self, raw: Any, variables: Mapping[str, Any]) -> Any:
        """What the value depends on, or ``None`` if that cannot be told."""
        if not isinstance(raw, str):
            return None
        text = str(raw)
        if text not in self._names:
            self._names[text] = self._depends_on(text)
        names = self._names[text]
        if names is None:
            return None
        inputs = [variables.get(name) for name in names]
        if not all(value is None or (isinstance(value, (str, int)) and not _has_template(value)) for value in inputs):
            return None
        return (text, *((name, name in variables, value) for name, value in zip(names, inputs)))

    def _depends_on(self, text: str) -> tuple[str, ...] | None:
        if any(word in text for word in self._CHANGING):
            return None
        try:
            names = meta.find_undeclared_variables(Environment(autoescape=True).parse(text))
        except TemplateError:
            return None
        if text.count("lookup") == text.count(self._OWN_LOOKUP):
            # The role's own default paths depend on where the inventory is, and on nothing else.
            names = (names - {"lookup"}) | {"inventory_dir"}
        return None if names & self._FUNCTIONS else tuple(sorted(names))


class HostVariables:
    """Reads variables as each host sees them from the running task."""

    def __init__(self, action: ControllerAction, task_vars: Mapping[str, Any], roles: Iterable[str] = ()) -> None:
        """Prepare to read.

        :param roles: roles of this collection whose defaults count even if the play has not loaded them.
        """
        self._loader = action._loader
        self._task = action._task
        self._hostvars = task_vars["hostvars"]
        # HostVars keeps both for itself, but they are what every lookup of hostvars goes through.
        self._manager = self._hostvars._variable_manager
        self._inventory = self._hostvars._inventory
        self._seen = _Evaluated()
        self._defaults: dict[str, Any] = {}
        for role in roles:
            self._defaults.update(_role_defaults(action._loader, role))

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
        every["inventory_hostname"] = host
        for variable in variables:
            raw = every[variable] if variable in every else self._defaults.get(variable)
            if raw is None:
                continue
            raw = _followed(raw, every)
            if not _has_template(raw):
                value = plain(raw)
            elif (key := self._seen.key(raw, every)) in self._seen.values:
                value = self._seen.values[key]
            else:
                if templar is None:
                    every["hostvars"] = self._hostvars
                    templar = Templar(loader=self._loader, variables=every)
                try:
                    value = plain(templar.template(raw))
                except AnsibleError as error:
                    errors[variable] = _first_line(error)
                    continue
                if key is not None:
                    self._seen.values[key] = value
            if value is not None:
                values[variable] = value
        return values, errors


def add_passphrases(
    variables: HostVariables, sensors: list[dict[str, Any]], option: str, named_by: str | None = None
) -> None:
    """Read passphrases from the sensors' own variables, so that they never are part of a registered result.

    :param sensors: those that name a variable in ``<option>_variable`` get its value as ``option``.
    :param named_by: another name of the key that names the variable.
    """
    for sensor in sensors:
        variable = sensor.pop(named_by or f"{option}_variable", None)
        name = sensor.get("name")
        if not isinstance(variable, str) or not isinstance(name, str) or not variables.knows(name):
            continue
        values, _errors = variables.read(name, [variable])
        if values.get(variable):
            sensor[option] = values[variable]


def _role_defaults(loader: Any, role: str) -> dict[str, Any]:
    """The defaults of one of this collection's roles, as Ansible itself would load them."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "roles", role, "defaults", "main.yml")
    arguments: dict[str, Any] = {"cache": "none"}
    if "trusted_as_template" in inspect.signature(loader.load_from_file).parameters:
        arguments["trusted_as_template"] = True  # since ansible-core 2.19
    return dict(loader.load_from_file(os.path.normpath(path), **arguments) or {})


def _first_line(error: AnsibleError) -> str:
    message = getattr(error, "message", None) or str(error)
    return str(message).strip().splitlines()[0][:200]
