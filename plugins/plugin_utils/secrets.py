# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets are named by their variable, so that no option of a task holds one: callbacks may show or keep options."""

from __future__ import annotations

from typing import Any

from ..module_utils._plain.errors import InputError
from .host_variables import HostVariables


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
        return values.get(variable)
