# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write down which sensors were uploaded to, and say what became of each."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.delivery import outcome
from ..module_utils._pki.delivery.outcome import Outcome, lines_of, outcome_of
from ..module_utils._pki.state import events
from ..module_utils._pki.state.events import Event
from ..module_utils._pki.state.ledger import Ledger
from ..module_utils._pki.values import moments
from ..module_utils._pki.values.lists import counted
from ..module_utils._plain.errors import PkiError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import folder_of

_REASONS = {
    outcome.UPLOADED: "the sensor's command took it, and the console presents it",
    outcome.PUT_BACK: "the console did not show it; the earlier one was put back",
    outcome.FAILED: "tried without success",
}


class ActionModule(ControllerAction):
    """The ``upload_record`` module."""

    ARGUMENT_SPEC = {
        "uploads": {"type": "list", "elements": "dict", "required": True},
        "ledger_dir": {"type": "path"},
        "most": {"type": "int", "default": 10},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring the steps of each sensor together."""
        uploads = [upload for upload in params["uploads"] if upload.get("first")]
        outcomes = [
            outcome_of(*(upload.get(step) or None for step in ("first", "seen", "second", "again", "cleaned")))
            for upload in uploads
        ]
        tried = [one for one, upload in zip(outcomes, uploads) if outcome.has_run(upload["first"])]
        warnings = []
        if params["ledger_dir"] and not self.check_mode:
            try:
                self._record(params["ledger_dir"], tried)
            except PkiError as error:
                warnings.append(str(error))
        return {
            "changed": False,
            "msg": counted(len(outcomes), "sensor"),
            "results": [one.to_dict() for one in outcomes],
            "lines": lines_of(outcomes, params["most"]),
            "failures": {one.name: "; ".join(one.errors) for one in outcomes if one.errors},
            "warnings": warnings,
        }

    @staticmethod
    def _record(folder: str, outcomes: list[Outcome]) -> None:
        entries = [
            Event(
                events.UPLOADED,
                one.name,
                reason=_REASONS[one.action] + (f": {one.errors[0]}" if one.action == outcome.FAILED else ""),
                serial=one.serial,
                fingerprint=one.fingerprint,
            )
            for one in outcomes
        ]
        if entries:
            ledger = Ledger(folder_of(folder, "ledger_dir"))
            ledger.prepare()
            events.record(ledger, events.UPLOADED, entries, moments.now())
