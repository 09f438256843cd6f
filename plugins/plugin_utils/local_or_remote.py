# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Actions that work where the files are: within Ansible's own process if that is the control node."""

from __future__ import annotations

import abc
from typing import Any

from ..module_utils._plain.errors import PkiError
from .controller_action import GroupedAction, finished, guarded, plain, refusal
from .progress import interruptible
from .secrets import with_secrets


class LocalOrRemoteAction(GroupedAction):
    """Does the work of a module of the same name.

    Files of the control node are worked on in this process: no passphrase travels through a temporary file,
    the interpreter is the one that has cryptography, and processes can share the work. Anything else (another
    host, another user, async) is the module's, which does the same with the same code.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    ARGUMENT_SPEC: dict[str, dict[str, Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            # Also for another host: a module that does not know an option returns what it was given.
            params = with_secrets(self, task_vars or {}, self.options(self.ARGUMENT_SPEC))
            given = with_secrets(self, task_vars or {}, plain(self._task.args))
        except PkiError as error:
            return refusal(error)
        if not self._in_process():
            result.update(self._execute_module(module_args=given, task_vars=task_vars, wrap_async=self._task.async_val))
            return finished(result)

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
