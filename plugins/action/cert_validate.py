# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate where the files are; on the control node itself without a module's temporary files."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.validation.task import ARGUMENT_SPEC, run
from ..module_utils._plain.errors import InputError
from ..plugin_utils.fleet_sensors import KEY_PASSPHRASE, NAME
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.local_or_remote import LocalOrRemoteAction


class ActionModule(LocalOrRemoteAction):
    """The ``cert_validate`` module."""

    ARGUMENT_SPEC = ARGUMENT_SPEC
    TAKES_PEM = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        self._task_vars = task_vars or {}
        return super().run(tmp, task_vars)

    def work(self, params: dict[str, Any]) -> dict[str, Any]:
        """Validate."""
        sensors = self._sensors(params["group"]) if params["folder"] and params["group"] else None
        return run(params, self.progress, sensors)

    def _sensors(self, group: str) -> dict[str, dict[str, str]]:
        """The common name and the key's passphrase of each sensor of the group; none if there is no such group."""
        variables = HostVariables(self, self._task_vars)
        sensors = {}
        for host in self._task_vars.get("groups", {}).get(group, ()):
            values, errors = variables.read(host, (NAME, KEY_PASSPHRASE))
            for variable, text in errors.items():
                raise InputError(f"{variable} of {host} cannot be evaluated: {text}")
            told = {"common_name": str(values.get(NAME) or host)}
            if values.get(KEY_PASSPHRASE):
                told["key_passphrase"] = str(values[KEY_PASSPHRASE])
            sensors[host] = told
        return sensors
