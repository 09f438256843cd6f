# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""After a run: which consoles still have to get what is staged for them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._plain.errors import PkiError
from ..state import events
from ..state.fleet import FleetState
from ..state.uploads import waiting
from ..values.lists import counted, some

Result = Mapping[str, Any]


def after_run(state: FleetState, issued: Sequence[Result], staged: Sequence[Result], check_mode: bool) -> list[str]:
    """The sensors of a run whose upload is needed, in their order.

    :param issued: results of ``cert_issue``, and ``staged`` those of ``cert_stage``.
    :param check_mode: what would be issued counts as staged.
    """
    failed = {result["name"] for result in [*issued, *staged] if result["errors"]}
    planned = {result["name"] for result in issued if check_mode and result["action"] == "issued"} - failed
    fingerprints = {
        str(result["name"]): str(result["fingerprint"])
        for result in issued
        if result["name"] not in failed and result.get("fingerprint")
    }
    unknown = [str(result["name"]) for result in issued if str(result["name"]) not in fingerprints]
    try:
        # What could not be done leaves the sensor what it had.
        fingerprints.update({name: entry.view.fingerprint for name, entry in state.staged(unknown).items()})
        recorded = state.events(events.STAGED, events.SEEN)
    except PkiError:
        recorded = []  # a ledger that cannot be read is told elsewhere
    needed = {*waiting(fingerprints, recorded), *planned}
    return [str(result["name"]) for result in issued if str(result["name"]) in needed]


def line(names: Iterable[str], most: int, where: str = "") -> list[str]:
    """The list for people; no line if there is nothing to upload.

    :param where: the folder with the sheets, if there is one.
    """
    every = list(names)
    if not every:
        return []
    sheets = f"sheets in {where}" if where else "the playbook report writes their sheets"
    return [f"{counted(len(every), 'sensor')} to upload: {some(every, most)}; {sheets}"]
