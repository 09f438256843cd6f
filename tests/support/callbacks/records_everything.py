# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps all that a callback gets to know, as those do that write to databases: options as evaluated, results, statistics."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: records_everything
type: notification
short_description: keeps all that a callback gets to know
description: Appends one JSON document for each event to the file that RECORDS_EVERYTHING names.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes one line for each event."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "records_everything"
    CALLBACK_NEEDS_ENABLED = True

    def _keep(self, event: str, **about: Any) -> None:
        with open(os.environ["RECORDS_EVERYTHING"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"event": event, **about}, default=str) + "\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task begins; its options are not evaluated yet."""
        self._keep("task", name=str(task), options=task.args, variables=task.vars)

    def _result(self, event: str, result: Any) -> None:
        fields = getattr(result, "task_fields", None) or result._task_fields
        values = result.result if hasattr(result, "result") else result._result
        self._keep(event, fields=fields, result=values)

    def v2_runner_on_ok(self, result: Any, **_more: Any) -> None:
        """A task was done."""
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False, **_more: Any) -> None:
        """A task has failed."""
        self._result("failed", result)

    def v2_runner_on_skipped(self, result: Any, **_more: Any) -> None:
        """A task was left out."""
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One turn of a loop was done."""
        self._result("item", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host cannot be reached."""
        self._result("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run is over."""
        self._keep("statistics", custom=getattr(stats, "custom", {}), processed=stats.processed)
