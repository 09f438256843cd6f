# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Actions that work where the files are: within Ansible's own process if that is the control node."""

from __future__ import annotations

import abc
from typing import Any

from .checked_module import CheckedModule
from .controller_action import finished, guarded, plain
from .progress import interruptible
from .secrets import with_secrets


class LocalOrRemoteAction(CheckedModule):
    """Does the work of a module of the same name.

    Files of the control node are worked on in this process: no passphrase travels through a temporary file,
    the interpreter is the one that has cryptography, and processes can share the work. Anything else (another
    host, another user, async) is the module's, which does the same with the same code.
    """

    def checked(self, task_vars: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options with the secrets whose variables they name."""
        params, given = super().checked(task_vars)
        return with_secrets(self, task_vars, params), with_secrets(self, task_vars, plain(given))

    def carried_out(
        self,
        params: dict[str, Any],
        given: dict[str, Any],
        result: dict[str, Any],
        task_vars: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """The work's result, done here or by the module."""
        if not self._in_process():
            return super().carried_out(params, given, result, task_vars)

        def work() -> dict[str, Any]:
            with interruptible(self._task.action, self.progress):
                return finished(self.work(params))

        return guarded(work)

    @abc.abstractmethod
    def work(self, params: dict[str, Any]) -> dict[str, Any]:
        """What the module does.

        :raises PkiError: for what the user can do something about.
        """

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be written."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Whether the user wants to see what changes."""
        return bool(self._task.diff)

    def _in_process(self) -> bool:
        return bool(self._connection.transport == "local" and not self._connection.become and not self._task.async_val)
