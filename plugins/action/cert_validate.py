# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate where the files are; on the control node itself without a module's temporary files."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils._control.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._control.validation.task import ARGUMENT_SPEC, run
from ..module_utils._shared.errors import PkiError
from ..plugin_utils.controller_action import plain


class ActionModule(ActionBase):  # type: ignore[misc]
    """The ``cert_validate`` module.

    Files of the control node are judged in this process: no passphrase travels through a temporary file,
    the interpreter is the one that has cryptography, and processes share the work. Anything else (another
    host, another user, async) is the module's, which does the same with the same code.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._in_process():
            result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
            return result
        if CRYPTOGRAPHY_PROBLEM:
            return {"failed": True, "msg": CRYPTOGRAPHY_PROBLEM}
        _validation, params = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        try:
            return run(plain(params))
        except PkiError as error:
            return {"failed": True, "msg": str(error)}

    def _in_process(self) -> bool:
        return bool(self._connection.transport == "local" and not self._connection.become and not self._task.async_val)
