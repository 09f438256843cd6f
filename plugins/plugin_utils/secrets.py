# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets are named by their variable, so that no option of a task holds one: callbacks may show or keep options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._plain.errors import InputError
from .controller_action import plain
from .host_variables import HostVariables
from .masking import hidden


class Secrets:
    """Reads secrets as one host has them.

    :ivar host: whose variables are meant.
    """

    def __init__(self, variables: HostVariables, host: str) -> None:
        self._variables = variables
        self.host = host

    def value(self, variable: str | None) -> Any:
        """The variable's value, or None if none is named or it has none.

        :raises InputError: the host is unknown, or the variable cannot be evaluated.
        """
        if not variable:
            return None
        if not self._variables.knows(self.host):
            raise InputError(f"variables_of is {self.host!r}, which is not in the inventory")
        values, errors = self._variables.read(self.host, [variable])
        if variable in errors:
            raise InputError(f"{variable} cannot be evaluated: {errors[variable]}")
        return hidden(values.get(variable))


_NAMED = "_variable"
_LISTS = ("certificates", "conversions")


def value_here(action: ActionBase, task_vars: Mapping[str, Any], variable: str) -> Any:
    """A variable's value as the running task sees it; ``None`` if there is none.

    :raises InputError: it cannot be evaluated.
    """
    if variable not in task_vars:
        return None
    try:
        return hidden(plain(action._templar.template(task_vars[variable])))
    except AnsibleError:
        # Without Ansible's reason: it quotes the template, in which there may be anything.
        raise InputError(f"{variable} cannot be evaluated") from None


def with_secrets(action: ActionBase, task_vars: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with the values of the variables that C(<option>_variable) names, also in lists of objects.

    :raises InputError: an option and its variable are both given, or the variable cannot be evaluated.
    """
    found: dict[str, Any] = {}
    for option, value in options.items():
        if not option.endswith(_NAMED):
            found.setdefault(option, value)
            continue
        named = option[: -len(_NAMED)]
        if not value:
            continue
        if options.get(named) not in (None, ""):
            raise InputError(f"{named} and {option} are both given; wanted: one of them")
        secret = value_here(action, task_vars, str(value))
        if secret is not None:
            found[named] = secret
    for option in _LISTS:
        entries = found.get(option)
        if isinstance(entries, list):
            found[option] = [
                with_secrets(action, task_vars, entry) if isinstance(entry, Mapping) else entry for entry in entries
            ]
    return found
