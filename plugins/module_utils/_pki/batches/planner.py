# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A plan for every sensor of a run, from its request and from what there is; nothing is changed here.

Most sensors of most runs keep what they have. To find that out, their bundles are read and judged on all
processors; what comes back from there is the outcome in plain words, and plans are made here for the others alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._plain.errors import InputError
from ..issuers.base import Issuer, Tools
from ..issuers.kinds import Issuers
from ..parallel import process_map
from ..planning.fleet import Neighbours
from ..planning.plan import KEEP, OBTAIN, Existing, Held, Plan, Yardstick, make_plan, renewal_of
from ..planning.request import SensorRequest
from ..state.bundles import IncompleteBundle
from .engine import attempt
from .outcome import ISSUED, KEPT, SensorOutcome, failed

# Sensors that a worker looks at before it hands over; with fewer bundles than several of these no worker is started.
_AT_ONCE = 32


@dataclass(frozen=True)
class Planner:
    """What a run's plans are made from.

    :ivar held: why sensors are not this run's, by name: another one works on them.
    :ivar clock: why nothing may be obtained now, or None.
    """

    issuers: Issuers
    tools: Tools
    neighbours: Neighbours
    held: Mapping[str, str]
    clock: Callable[[], str | None]

    def plans(self, requests: Sequence[SensorRequest]) -> Iterator[tuple[SensorRequest, Plan | SensorOutcome]]:
        """For each request a plan, or the outcome if that is known already: it fails, or keeps what it has."""
        self.clock()  # read once, before processes begin that would each read it
        names = set(self.tools.state.staged_names())
        known = [request for request in requests if request.name in names and self._looks_apart(request)]
        if self.tools.workers <= 1 or len(known) < 4 * _AT_ONCE:
            known = []
        apart = {request.name for request in known}
        looks = process_map(self._look, known, self.tools.workers, _AT_ONCE, failed)
        for request in requests:
            outcome = next(looks) if request.name in apart else None
            yield request, self._plan_or_failure(request) if outcome is None else outcome

    def _looks_apart(self, request: SensorRequest) -> bool:
        issuer = self.issuers.by_name.get(request.issuer)
        return issuer is not None and issuer.looks_apart

    def _look(self, request: SensorRequest) -> SensorOutcome | None:
        """In a worker: the outcome of a sensor of which nothing more is to be done, otherwise None."""
        plan = self._plan_or_failure(request)
        if isinstance(plan, SensorOutcome):
            return plan
        if plan.action != KEEP or not plan.visible or plan.taken_from is not None:
            return None
        return planned(plan, self.issuers.by_name[request.issuer]).portable()

    def _plan_or_failure(self, request: SensorRequest) -> Plan | SensorOutcome:
        problem = self.held.get(request.name) or self.neighbours.problem(request) or self._problem(request)
        if problem:
            return failed(request, problem)
        return attempt(functools.partial(self._plan, request), functools.partial(failed, request))

    def _problem(self, request: SensorRequest) -> str | None:
        broken = self.issuers.broken.get(request.issuer)
        return broken or self.issuers.by_name[request.issuer].problem(request)

    def _plan(self, request: SensorRequest) -> Plan:
        issuer = self.issuers.by_name[request.issuer]
        yardstick = Yardstick(
            issuer.terms,
            self.tools.moment,
            issuer.foreign,
            revoked=functools.partial(self._revoked, issuer),
            asked=self._asked,
        )
        predecessor = self.neighbours.takes_over(request)
        plan = make_plan(request, self._held(request.name), yardstick)
        # What its own store still holds is from before it was renamed away, if it comes back to a former name.
        without = plan.action == OBTAIN or not plan.visible
        if without and predecessor is not None and not request.reissue:
            taken = make_plan(request, self._held(predecessor), yardstick)
            if taken.action == KEEP:
                reason = f"renamed: takes over the bundle of {predecessor}, which left the inventory"
                plan = replace(taken, visible=False, reasons=(reason,), taken_from=predecessor)
        plan = replace(plan, asked=issuer.pending(request, self.tools))
        clock = self.clock()
        if clock and plan.action == OBTAIN and not request.reissue:
            # Dated wrongly, or for no other reason than the clock: nothing is obtained.
            raise InputError(
                f"{clock}; nothing is obtained ({'; '.join(plan.reasons)}) until the clock is right. If it is "
                "right and the record is not, run with sensor_certificates_reissue: true for this sensor"
            )
        if plan.action == KEEP and plan.existing is not None and plan.taken_from is None:
            reasons = tuple(issuer.superseded(request, plan.existing, self.tools))
            if reasons:
                return replace(plan, action=OBTAIN, reasons=reasons)
        if plan.action == OBTAIN and predecessor is not None:
            plan = replace(plan, taken_from=predecessor)
        return plan

    def _held(self, sensor: str) -> Held:
        state = self.tools.state
        try:
            visible, fault = state.visible(sensor), None
        except IncompleteBundle as error:
            visible, fault = None, str(error)
        return Held(visible, fault, state.pending(sensor))

    def _revoked(self, issuer: Issuer, existing: Existing) -> str | None:
        revocation = self.tools.state.revocation_of(existing.certificate)
        return revocation.text if revocation is not None else issuer.revoked(existing)

    def _asked(self, certificate: Any) -> Mapping[str, Any]:
        record = self.tools.state.record_of(certificate)
        return record.asked if record is not None else {}


def planned(plan: Plan, issuer: Issuer) -> SensorOutcome:
    """What becomes of a sensor if its plan is carried out."""
    request, existing = plan.request, plan.existing
    common = SensorOutcome(
        name=request.name,
        action=KEPT,
        common_name=request.common_name,
        issuer=request.issuer,
        reasons=plan.reasons,
        renewal=renewal_of(request),
        trusted_roots=issuer.anchors,
        tolerated=tuple(sorted(issuer.tolerated)),
    )
    if plan.action == OBTAIN:
        return replace(common, action=ISSUED, changes=plan.changes, changed=True)
    if existing is None:
        return common
    if plan.taken_from is not None:
        return replace(common, view=existing.view, changed=True)
    return replace(common, files=existing.bundle.files, view=existing.view, visible=plan.visible)
