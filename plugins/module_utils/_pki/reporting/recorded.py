# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does the record say what is staged? A lost or altered ledger is told before somebody wants to revoke by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..state.events import ISSUING, Event
from ..values.lists import some


def unrecorded(staged: Mapping[str, str], histories: Mapping[str, Sequence[Event]]) -> list[str]:
    """What is staged and not in the record, or there under the name of a sensor that never had it.

    :param staged: the fingerprints of the visible certificates, by sensor.
    :param histories: what happened to each sensor, as the record tells it.
    """
    owners: dict[str, set[str]] = {}
    shown: dict[str, set[str]] = {}
    for sensor, history in histories.items():
        for event in history:
            if event.fingerprint:
                known = owners if event.event in ISSUING else shown
                known.setdefault(event.fingerprint, set()).add(sensor)
    missing, altered = [], []
    for name, fingerprint in staged.items():
        recorded = owners.get(fingerprint)
        if recorded is None:
            missing.append(name)
        # A sensor that was renamed has what is recorded for its former name, which has had it.
        elif name not in recorded and not recorded & shown.get(fingerprint, set()):
            altered.append(f"{name} (recorded for {', '.join(sorted(recorded))})")
    found = []
    if missing:
        found.append(
            f"the ledger has no readable record of what is staged for {some(missing)}: restore it from the backup, "
            "since revocations are in it; without a backup deploy_certs records the certificates again"
        )
    if altered:
        found.append(
            f"the ledger names another sensor for what is staged, one that never had it: {some(altered)}; a record was "
            "altered, restore it from the backup"
        )
    return found
