# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the state on disk to everything that a report tells. It only reads, and whatever cannot be read is told."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from ..profiles.base import Profile
from ..state.fleet import FleetState
from ..values import moments
from .authorities import Authorities, Published
from .facts import Fleet
from .figures import calendar_of, changes_since, summary_of
from .holdings import Holdings
from .judged import Verdicts, policy_of
from .rows import Rows
from .wanted import Wanted


@dataclass(frozen=True)
class Places:
    """Where, besides the state, something is to be read; each may be missing.

    :ivar ca_dir: the folder of the embedded CA (certificates alone are read). :ivar crl_dir: that of published CRLs.
    """

    ca_dir: str | None = None
    crl_dir: str | None = None


def gather(
    state: FleetState,
    wanted: Sequence[Wanted],
    profile: Profile,
    moment: datetime.datetime,
    places: Places | None = None,
    workers: int = 1,
    since: datetime.datetime | None = None,
) -> Fleet:
    """Everything that a report tells of a fleet.

    :param wanted: the sensors of the inventory; whatever else is staged is orphaned.
    :param since: tell as well what happened from this moment on.
    """
    places = places or Places()
    own = {sensor.name: sensor for sensor in wanted}
    holdings = Holdings.read(state, own)
    verdicts = Verdicts.of(holdings, own.values(), policy_of(profile, moment), workers)
    authorities = Authorities(moment)
    crls = Published.read(places.crl_dir, moment, holdings.problems)
    rows = Rows(holdings, verdicts, authorities, crls, moment)
    gone = sorted(holdings.staged.union(holdings.waiting).difference(own))
    sensors = (
        *(rows.of(sensor, False) for sensor in own.values()),
        *(rows.of(Wanted(name, ""), True) for name in gone),
    )
    authorities.of_folder(places.ca_dir, holdings.problems)
    return Fleet(
        generated=moments.iso(moment),
        sensors=sensors,
        authorities=authorities.rows(),
        crls=crls.rows,
        calendar=calendar_of(sensors, moment),
        summary=summary_of(sensors),
        problems=holdings.all_problems(),
        since=moments.iso(since) if since is not None else None,
        changes=changes_since(holdings.histories, moments.iso(since)) if since is not None else None,
    )
