# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory says about many hosts, read once on the control node.

Ansible evaluates variables host by host, as a task reaches it; a batch needs those of all hosts in one
place. This asks Ansible's own variable manager, so precedence is the usual one: role defaults, group and
host variables, play and role variables, extra variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from jinja2 import Environment, TemplateError, meta

from .ansible_internals import Fleet, load_trusted
from .controller_action import ControllerAction, plain
from .masking import hidden
from .pki_folder import Refused

ROLES = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", "roles"))


def has_template(value: Any) -> bool:
    """Whether something in a value is yet to be evaluated."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value or "{#" in value
    if isinstance(value, Mapping):
        return any(has_template(key) or has_template(inner) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return any(has_template(inner) for inner in value)
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

    def key(self, raw: Any, variables: Mapping[str, Any], depth: int = 4) -> Any:
        """What the value depends on, or ``None`` if that cannot be told."""
        if not isinstance(raw, str) or not depth:
            return None
        text = str(raw)
        if text not in self._names:
            self._names[text] = self._depends_on(text)
        names = self._names[text]
        if names is None:
            return None
        inputs: list[Any] = []
        for name in names:
            value = variables.get(name)
            if has_template(value):
                value = self.key(value, variables, depth - 1)
                if value is None:
                    return None
            elif not (value is None or isinstance(value, (str, int))):
                return None
            inputs.append((name, name in variables, value))
        return (text, *inputs)

    def _depends_on(self, text: str) -> tuple[str, ...] | None:
        if any(word in text for word in self._CHANGING):
            return None
        try:
            names = meta.find_undeclared_variables(Environment(autoescape=True).parse(text))
        except TemplateError:
            return None
        if text.count("lookup") == text.count(self._OWN_LOOKUP):
            # The roles' own default paths depend on where the inventory is, on what is named, and on nothing else.
            names = (names - {"lookup"}) | {"inventory_dir", "ot_pki_dir"}
        return None if names & self._FUNCTIONS else tuple(sorted(names))


class HostView:
    """The variables of one host, each evaluated when it is asked for."""

    def __init__(self, reader: HostVariables, host: str, variables: dict[str, Any]) -> None:
        self._reader = reader
        self._templar: Any = None
        self.host = host
        self.raws = variables

    def raw(self, variable: str) -> Any:
        """The value as it was written, templates not evaluated; ``None`` if there is none."""
        found = self.raws[variable] if variable in self.raws else self._reader.defaults.get(variable)
        return None if found is None else _followed(found, self.raws)

    def key(self, variable: str) -> Any:
        """What a template's value depends on: hosts with the same key have the same value.

        ``None`` if that cannot be told.
        """
        return self._reader.seen.key(self.raw(variable), self.raws)

    def value(self, variable: str) -> Any:
        """The value, without Ansible's wrappers; ``None`` if there is none.

        :raises Unusable: it cannot be evaluated.
        """
        raw = self.raw(variable)
        if raw is None:
            return None
        if not has_template(raw):
            return plain(raw)
        seen = self._reader.seen
        key = seen.key(raw, self.raws)
        if key is not None and key in seen.values:
            return seen.values[key]
        if self._templar is None:
            self._templar = self._reader.fleet.templar(self.raws)
        try:
            value = plain(self._templar.template(raw))
        except AnsibleError as error:
            raise Unusable(_first_line(error)) from error
        if key is not None:
            seen.values[key] = value
        return value


class Unusable(ValueError):
    """A variable cannot be evaluated; the text says why, in one line."""


class HostVariables:
    """Reads variables as each host sees them from the running task."""

    def __init__(self, action: ControllerAction, task_vars: Mapping[str, Any], roles: Iterable[str] = ()) -> None:
        """Prepare to read.

        :param roles: roles of this collection whose defaults count even if the play has not loaded them.
        """
        self.fleet = Fleet(action, task_vars)
        self.seen = _Evaluated()
        self.defaults: dict[str, Any] = {}
        for role in roles:
            path = os.path.join(ROLES, role, "defaults", "main.yml")
            self.defaults.update(load_trusted(action._loader, path) or {})

    def knows(self, host: str) -> bool:
        """Whether the inventory has this host."""
        return self.fleet.knows(host)

    def view(self, host: str) -> HostView:
        """The variables of a host."""
        variables = self.fleet.raw_variables(host)
        variables["inventory_hostname"] = host
        return HostView(self, host, variables)

    def read(self, host: str, variables: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The values of a host's variables.

        :returns: values by variable (those that are defined and not ``None``), and for variables that
            cannot be evaluated the reason.
        """
        return values_of(self.view(host), variables)


def values_of(view: HostView, variables: Iterable[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of a host's variables, and the reasons of those that cannot be evaluated."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for variable in variables:
        try:
            value = view.value(variable)
        except Unusable as error:
            errors[variable] = str(error)
            continue
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
            sensor[option] = hidden(values[variable])


def _first_line(error: AnsibleError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        # What a lookup of this collection says is a sentence already.
        if isinstance(cause, Refused):
            return str(cause.message)
        cause = cause.__cause__
    message = getattr(error, "message", None) or str(error)
    return str(message).strip().splitlines()[0][:200]
