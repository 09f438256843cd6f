# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A clock that is behind what was recorded: either it is wrong now, or it was when the record was made."""

from __future__ import annotations

import datetime

from ..values import moments
from . import events
from .ledger import Ledger

# Nodes that share a folder may differ by this much; a certificate is dated back by less than that.
TOLERATED = moments.ONE_DAY


def behind(moment: datetime.datetime, recorded: datetime.datetime | None) -> bool:
    """Whether a moment lies before something that has happened already."""
    return recorded is not None and recorded - moment > TOLERATED


def fault(ledger: Ledger | None, moment: datetime.datetime) -> str | None:
    """What is to be told of this machine's clock, in one sentence; None: nothing."""
    recorded = events.newest(ledger) if ledger is not None else None
    if recorded is None or not behind(moment, recorded):
        return None
    return (
        f"the clock of this machine says {moments.iso(moment)}, which is before the newest record, of "
        f"{moments.iso(recorded)}"
    )
