# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only the whole fleet can decide: who would collide with whom, who takes whose place, how many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..values.lists import counted
from .plan import KEEP, OBTAIN, Plan
from .request import SensorRequest


@dataclass(frozen=True)
class Neighbours:
    """The staged bundles of sensors that are not part of a run, by their common names in lower case.

    :ivar present: sensors of the inventory that the run leaves alone.
    :ivar gone: sensors that left the inventory; what they have can be taken over.
    :ivar leaving: those of ``gone`` whose common name a sensor of the run has.
    """

    present: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    leaving: tuple[str, ...] = ()

    @classmethod
    def of(cls, present: Mapping[str, str], gone: Mapping[str, str], requests: Sequence[SensorRequest]) -> Neighbours:
        """From common names by sensor."""
        by_name_gone = {common_name.lower(): sensor for sensor, common_name in gone.items() if common_name}
        wanted = {request.common_name.lower() for request in requests}
        return cls(
            {common_name.lower(): sensor for sensor, common_name in present.items() if common_name},
            by_name_gone,
            tuple(sensor for common_name, sensor in by_name_gone.items() if common_name in wanted),
        )

    def problem(self, request: SensorRequest) -> str | None:
        """Why nothing may be made for a sensor: its common name is still that of another's staged bundle."""
        other = self.present.get(request.common_name.lower())
        if other is None:
            return None
        return (
            f"the common name {request.common_name} is still that of the bundle staged for {other}, which is not part "
            f"of this run; run {other} first, or both together (in a sliced job: if {other} was renamed, run once "
            "without slices)"
        )

    def takes_over(self, request: SensorRequest) -> str | None:
        """The sensor that left the inventory and had this common name."""
        return self.gone.get(request.common_name.lower())


def limit_changes(plans: Sequence[Plan], most: int | None) -> list[Plan]:
    """At most so many sensors are obtained anew, in the order of the inventory; the others keep what they have.

    A sensor that has nothing that could stay (missing, unreadable) is done in any case: nothing replaces it. Those
    that were asked for in an earlier run come first, so that no more than the limit are under way at any time.
    """
    if most is None:
        return list(plans)
    found = []
    changed, left = 0, most - sum(plan.asked and plan.action == OBTAIN and plan.existing is not None for plan in plans)
    for plan in plans:
        if plan.action != OBTAIN or plan.existing is None:
            found.append(plan)
            continue
        if plan.asked:
            found.append(plan)
            continue
        changed += 1
        if changed <= left:
            found.append(plan)
            continue
        are = "is" if most == 1 else "are"
        reasons = (
            f"waits: {counted(most, 'sensor')} {are} changed in one run (sensor_certificates_max_changes)",
            *plan.reasons,
        )
        found.append(replace(plan, action=KEEP, reasons=reasons, visible=True, changes=()))
    return found
