# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Actions that look at the options before their module runs, wherever that is."""

from __future__ import annotations

from typing import Any

from ..module_utils._plain.errors import PkiError
from .controller_action import GroupedAction, finished, refusal


class CheckedModule(GroupedAction):
    """Runs the module of the same name, without the defaults of the action group that are not meant for it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    ARGUMENT_SPEC: dict[str, dict[str, Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            # Also for another host: a module that does not know an option returns what it was given.
            params, given = self.checked(task_vars or {})
        except PkiError as error:
            return refusal(error)
        return self.carried_out(params, given, result, task_vars)

    def checked(self, task_vars: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The validated options, and what the module is given.

        :raises PkiError: an option cannot be used.
        """
        return self.options(self.ARGUMENT_SPEC), self._task.args

    def carried_out(
        self,
        params: dict[str, Any],
        given: dict[str, Any],
        result: dict[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """The module's result."""
        result.update(self._execute_module(module_args=given, task_vars=task_vars, wrap_async=self._task.async_val))
        return finished(result)
