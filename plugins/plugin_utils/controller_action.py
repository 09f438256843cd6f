# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The common ground of action plugins that run on the control node only."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._pki.parallel import without_collector
from ..module_utils._pki.values.failures import alone
from ..module_utils._plain.errors import InputError, PkiError
from . import ansible_internals
from .harmless_result import harmless_result
from .misplaced import misplaced, without_value
from .progress import Progress, interruptible


class GroupedAction(ActionBase):
    """An action of the collection's action group, whose C(module_defaults) may name options of other members.

    :ivar progress: what the action tells of its work while it goes on.
    """

    @functools.cached_property
    def progress(self) -> Progress:
        """Made when it is first asked for: in the worker that does the work."""
        return Progress()

    # Whether a path may be the PEM text itself.
    TAKES_PEM = False

    def options(self, spec: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """The validated options, without the group's defaults that are not meant for this module.

        :raises InputError: an option that does not exist or has a value of another kind. The value is not told, nor is
            the place in the playbook, which Ansible would print with the lines around it: it may be a passphrase.
        """
        self.forget_foreign_defaults(spec)
        if not self.TAKES_PEM:
            where = _private_key(self._task.args)
            if where is not None:
                raise InputError(
                    f"{where.lstrip('.')} holds a private key, which is not shown; wanted: the path of a file of mode "
                    "0600 with it"
                )
        problem = misplaced(spec, self._task.args)
        if problem is not None:
            raise InputError(problem)
        try:
            _validation, params = self.validate_argument_spec(argument_spec=spec)
        except AnsibleActionFail as error:
            raise InputError(without_value(str(error.message))) from None
        return plain(params)  # type: ignore[no-any-return]

    def forget_foreign_defaults(self, known: Collection[str]) -> None:
        """Drop options that came from the group's defaults only; what the task itself names is judged as ever."""
        given = self._task.args
        foreign = {
            name
            for name, value in ansible_internals.group_defaults(self).items()
            # What the task itself says differs, unless the default is a template, which is evaluated by now.
            if name not in known and name in given and (given[name] == value or "{{" in str(value))
        }
        if foreign:
            ansible_internals.drop_options(self, foreign)


class ControllerAction(GroupedAction):
    """Validates the options, runs :meth:`work`, and turns the library's errors into a failed result.

    No connection is made, nothing travels through a temporary file, and no secret is in the result.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    ARGUMENT_SPEC: dict[str, dict[str, Any]] = {}

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        super().run(tmp, task_vars)

        def work() -> dict[str, Any]:
            with interruptible(self._task.action, self.progress), without_collector():
                return finished(self.work(self.options(self.ARGUMENT_SPEC), task_vars or {}))

        return guarded(work)

    @abc.abstractmethod
    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """What the module is for.

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


def guarded(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of some work; that of a task that cannot be done, if the work says so or fails unexpectedly.

    Ansible would print the text of an unexpected exception, which may quote a key or a passphrase; what it has to say
    itself (a host that cannot be reached) it says.
    """
    if CRYPTOGRAPHY_PROBLEM:
        return {"failed": True, "msg": CRYPTOGRAPHY_PROBLEM}

    def expected() -> dict[str, Any] | AnsibleError:
        try:
            return work()
        except PkiError as error:
            return refusal(error)
        except AnsibleError as error:
            return error

    result = alone(expected, lambda problem: refusal(PkiError(problem)))
    if isinstance(result, AnsibleError):
        raise result
    return result


def finished(result: dict[str, Any]) -> dict[str, Any]:
    """A result as it may be shown to people."""
    harmless_result(result)
    return result


def refusal(error: PkiError) -> dict[str, Any]:
    """The result of a task that cannot be done."""
    return finished({"failed": True, "msg": str(error)})


def _private_key(value: Any) -> str | None:
    """Where among the options the text of a private key stands, as a suffix of their name; None: nowhere."""
    if isinstance(value, str):
        return "" if "PRIVATE KEY-----" in value else None
    if isinstance(value, Mapping):
        inside = ((f".{key}", inner) for key, inner in value.items())
    elif isinstance(value, (list, tuple)):
        inside = ((f"[{place}]", inner) for place, inner in enumerate(value))
    else:
        return None
    for name, inner in inside:
        found = _private_key(inner)
        if found is not None:
            return name + found
    return None


def plain(value: Any) -> Any:
    """A value without Ansible's wrappers (lazy containers, tagged and vaulted texts)."""
    # Texts first: with thousands of sensors nearly everything is one.
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value)
    return str(value)
