# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole fleet in one go: check all inputs, plan, obtain from each sensor's issuer, record, store.

Nothing here is visible to people: :mod:`.stage` shows a bundle once it passed validation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import FileError
from ..issuers.asking import withdraw_strays
from ..issuers.base import Answer, Issuer, Job, Obtained, Pending, Refused, Stays, Tools
from ..issuers.kinds import Issuers
from ..planning.fleet import Neighbours, limit_changes
from ..planning.plan import KEEP, OBTAIN, Plan
from ..planning.request import SensorRequest
from ..profiles.base import Profile
from ..profiles.defender_iot.profile import DEFENDER_IOT
from ..profiles.files import rendered
from ..state import clock, events
from ..state.durable import make_durable
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.ledger import Ledger
from ..state.stage_folder import StageFolder
from ..validation.engine import validate_bundles
from ..validation.model import ERROR, Bundle, Policy
from ..values import text
from ..values.certificates import CertificateView, read_certificates
from ..values.source import Source
from .engine import attempt, locked
from .inputs import check_inputs
from .outcome import FAILED, ISSUED, KEPT, PENDING, SensorOutcome, failed, refused
from .planner import Planner, planned


@dataclass(frozen=True)
class Batch:
    """How a batch is to run.

    :ivar issuer_names: every name that a sensor's issuer may have.
    :ivar prefix: how the caller's variables begin, for messages.
    :ivar lock_timeout: seconds to wait for sensors that another run works on.
    :ivar max_changes: at most so many sensors are obtained anew; the others wait. None: no limit.
    :ivar profile: what the appliance asks for.
    :ivar sliced: the sensors are a part of a fleet whose others nobody names; who is not named has not left it.
    :ivar progress: called with what was done, to how many, and of how many.
    """

    issuer_names: Sequence[str] = ("local_ca",)
    prefix: str = ""
    lock_timeout: float = 30.0
    workers: int = 1
    max_changes: int | None = None
    profile: Profile = DEFENDER_IOT
    sliced: bool = False
    progress: Callable[[str, int, int], None] = field(default=lambda _what, _made, _of: None)


@dataclass
class Obtaining:
    """One run over the sensors of a fleet.

    :ivar issuers: those that its sensors name.
    :ivar tools: what issuers are lent; holds the moment, the state, and whether nothing may be written.
    """

    stage: StageFolder
    ledger: Ledger
    issuers: Issuers
    tools: Tools
    batch: Batch
    _left: list[str] = field(init=False, default_factory=list)

    @property
    def state(self) -> FleetState:
        """What there is."""
        return self.tools.state

    def run(self, raws: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[SensorOutcome]:
        """Plan for every sensor and carry the plans out.

        :param raws: the sensors of this run, as options (:func:`..planning.request.parse_request`).
        :param others: name and CN of the fleet's sensors that this run leaves alone.
        :returns: one outcome for each sensor, in the same order.
        :raises PkiError: for what concerns every sensor (stage directory, ledger).
        """
        terms = {name: issuer.terms for name, issuer in self.issuers.by_name.items()}
        requests, messages = check_inputs(
            raws, others, self.batch.prefix, self.batch.issuer_names, terms, self.batch.profile
        )
        problem = self.stage.problem()
        if problem:
            raise FileError(f"{self.batch.prefix}stage_dir cannot be used: {problem}")
        fit = [request for request in requests if request is not None]
        # Whatever an issuer looks at, it sees the whole run.
        pairs = tuple((str(other.get("name")), str(other.get("common_name") or other.get("name"))) for other in others)
        self.tools = replace(self.tools, requests=tuple(fit), others=pairs)
        neighbours = self._neighbours(fit)
        outcomes: dict[str, SensorOutcome] = {}
        names = [*(request.name for request in fit), *neighbours.leaving]
        with locked(self.stage, names, self.batch.lock_timeout, self.tools.check_mode) as held:
            planner = Planner(self.issuers, self.tools, neighbours, held, lambda: self._clock)
            plans: list[Plan] = []
            sound: list[SensorRequest] = []
            for looked, (request, decided) in enumerate(planner.plans(fit)):
                self.batch.progress("sensors looked at", looked, len(fit))
                if isinstance(decided, Plan):
                    plans.append(decided)
                else:
                    outcomes[request.name] = decided
                if isinstance(decided, Plan) or decided.action != FAILED:
                    sound.append(request)
            plans = limit_changes(plans, self.batch.max_changes)
            outcomes.update(
                (plan.request.name, planned(plan, self.issuers.by_name[plan.request.issuer])) for plan in plans
            )
            if self.tools.check_mode:
                self._foresee(plans, outcomes)
            else:
                self._carry_out(plans, sound, outcomes)
        return [
            outcomes[request.name] if request is not None else refused(raw, errors)
            for raw, request, errors in zip(raws, requests, messages)
        ]

    # Planning

    @functools.cached_property
    def _clock(self) -> str | None:
        return clock.fault(self.ledger, self.tools.moment)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is to be told of the whole run, once."""
        clock_told = [f"CLOCK: {self._clock}"] if self._clock else []
        return (*clock_told, *(f"NOT WITHDRAWN, the next run tries again: {text}" for text in self._left))

    def _neighbours(self, fit: Sequence[SensorRequest]) -> Neighbours:
        """The staged bundles of everybody else, with which nothing may collide."""
        mine = {request.name for request in fit}
        inventory = {name for name, _common_name in self.tools.others}
        staged = self.state.staged([name for name in self.state.staged_names() if name not in mine])
        gone = set() if self.batch.sliced else staged.keys() - inventory
        return Neighbours.of(
            {name: entry.common_name for name, entry in staged.items() if name not in gone},
            {name: entry.common_name for name, entry in staged.items() if name in gone},
            fit,
        )

    # Carrying out

    def _jobs(self, plans: Sequence[Plan]) -> Iterator[tuple[Issuer, list[Plan]]]:
        for name, issuer in self.issuers.by_name.items():
            mine = [plan for plan in plans if plan.action == OBTAIN and plan.request.issuer == name]
            if mine:
                yield issuer, mine

    def _foresee(self, plans: Sequence[Plan], outcomes: dict[str, SensorOutcome]) -> None:
        """In check mode: issuers that can tell without asking anybody say what they would answer."""
        for issuer, mine in self._jobs(plans):
            if not issuer.foresees:
                continue
            for plan, answer in self._answers(issuer, mine):
                outcome = self._outcome_of(plan, answer, outcomes[plan.request.name])
                if isinstance(answer, Obtained):
                    errors = would_fail(plan.request, answer, issuer)
                    outcome = replace(failed(plan.request, *errors), notes=answer.notes) if errors else outcome
                outcomes[plan.request.name] = outcome

    def _carry_out(
        self, plans: Sequence[Plan], requests: Sequence[SensorRequest], outcomes: dict[str, SensorOutcome]
    ) -> None:
        for plan in plans:
            if plan.taken_from is not None and plan.action == KEEP:
                name = plan.request.name
                outcomes[name] = attempt(
                    functools.partial(self._take_over, plan, outcomes[name]), functools.partial(failed, plan.request)
                )
        total = sum(plan.action == OBTAIN for plan in plans)
        if total:
            self.ledger.prepare()
        done = 0
        requested: list[Event] = []
        obtained: dict[str, list[Obtained]] = {}
        for issuer, mine in self._jobs(plans):
            for plan, answer in self._answers(issuer, mine):
                name = plan.request.name
                outcomes[name] = attempt(
                    functools.partial(self._settle, plan, answer, outcomes[name]),
                    functools.partial(failed, plan.request),
                )
                if isinstance(answer, Obtained) and outcomes[name].action != FAILED:
                    obtained.setdefault(issuer.name, []).append(answer)
                if isinstance(answer, Pending) and answer.new:
                    requested.append(Event(events.REQUESTED, name, reason="; ".join(plan.reasons), issuer=issuer.name))
                done += 1
                self.batch.progress("certificates obtained", done, total)
        events.record(self.ledger, events.REQUESTED, requested, self.tools.moment)
        if any(outcome.changed or (outcome.files and not outcome.visible) for outcome in outcomes.values()):
            # Keys, records and bundles are on the disk before a later step makes anything visible: those, too, that a
            # killed run has left in the store.
            make_durable([self.stage.stage_dir, self.ledger.folder])
        self._settle_up(requests, obtained)

    def _settle_up(self, requests: Sequence[SensorRequest], obtained: Mapping[str, Sequence[Obtained]]) -> None:
        """Now that the bundles are on the disk: waiting keys that are needed no more go, requests are withdrawn."""
        happened, self._left = withdraw_strays(requests, self.tools)
        for name, issuer in self.issuers.by_name.items():
            happened += issuer.settled(obtained.get(name, ()), self.tools)
        if happened:
            self.ledger.prepare()
            events.record(self.ledger, events.WITHDRAWN, happened, self.tools.moment)

    def _answers(self, issuer: Issuer, mine: Sequence[Plan]) -> Iterator[tuple[Plan, Answer]]:
        """The issuer's answers; if it fails as a whole, those that it has not given are refused with its reason."""
        open_plans = {plan.request.name: plan for plan in mine}
        reason = "the issuer gave no answer"
        answers = iter(issuer.obtain([Job(plan.request, plan.reasons) for plan in mine], self.tools))
        while True:
            answer = attempt(functools.partial(next, answers, None), str)
            if answer is None:
                break
            if isinstance(answer, str):
                reason = answer
                break
            plan = open_plans.pop(answer.sensor, None)
            if plan is not None:
                yield plan, answer
        for plan in open_plans.values():
            yield plan, Refused(plan.request.name, (reason,))

    def _settle(self, plan: Plan, answer: Answer, planned: SensorOutcome) -> SensorOutcome:
        if isinstance(answer, Obtained):
            return self._hand_out(plan, answer, planned)
        return self._outcome_of(plan, answer, planned)

    @staticmethod
    def _outcome_of(plan: Plan, answer: Answer, planned: SensorOutcome) -> SensorOutcome:
        request = plan.request
        if isinstance(answer, Obtained):
            return replace(planned, notes=answer.notes, altered=answer.altered, received=answer.received)
        if isinstance(answer, Refused):
            return replace(failed(request, *answer.errors), notes=answer.notes)
        # What a sensor has stays where it is, and is kept in sight.
        stays = plan.existing
        if isinstance(answer, Stays) and stays is not None:
            return replace(
                planned,
                action=KEPT,
                reasons=(),
                notes=answer.notes,
                changes=(),
                changed=bool(answer.notes),
                files=stays.bundle.files,
                view=stays.view,
                visible=plan.visible,
            )
        if isinstance(answer, Pending):
            return replace(
                planned,
                action=PENDING,
                reasons=(answer.reason,),
                since=answer.since or None,
                notes=answer.notes,
                changes=(),
                changed=answer.new,
                files=stays.bundle.files if stays else None,
                view=stays.view if stays else None,
            )
        return replace(
            planned,
            action=PENDING,
            reasons=(*plan.reasons, "no files were received for it"),
            notes=answer.notes,
            changes=(),
            changed=False,
            files=stays.bundle.files if stays else None,
            view=stays.view if stays else None,
        )

    def _hand_out(self, plan: Plan, answer: Obtained, planned: SensorOutcome) -> SensorOutcome:
        """Record the certificate, then put the bundle into the store; in this order, whatever happens."""
        request, issuer = plan.request, self.issuers.by_name[plan.request.issuer]
        views = read_certificates(answer.crt, request.name).views
        if not views:
            return failed(request, "the issuer's answer holds no certificate that can be read")
        view = views[0]
        recorded = self.ledger.find(view.certificate) if issuer.event != "issued" else None
        if recorded is None or recorded.fingerprint != view.fingerprint:
            self.ledger.record(
                request.name,
                view.certificate,
                event=issuer.event,
                issuer=issuer.name,
                reason="; ".join(plan.reasons),
                asked=answer.asked,
            )
        contents = rendered(request.profile, answer.crt, answer.key, answer.pem, request.key_passphrase)
        files = self.stage.add(request.name, _mark(view), answer.common_name, contents, self.tools.moment)
        if plan.taken_from is not None:
            self._let_go(plan)
        notes, warnings = ((), answer.notes) if issuer.warns else (answer.notes, ())
        return replace(
            planned,
            received=answer.received,
            altered=answer.altered,
            files=files,
            view=view,
            notes=notes,
            warnings=warnings,
        )

    def _take_over(self, plan: Plan, planned: SensorOutcome) -> SensorOutcome:
        """A bundle changes its sensor's name: copied to the new one's store, and hidden under the old name."""
        request, existing = plan.request, plan.existing
        if existing is None:
            return planned
        bundle, moment = existing.bundle, self.tools.moment
        files = self.stage.add(request.name, _mark(existing.view), request.common_name, bundle.contents, moment)
        self._let_go(plan)
        return replace(planned, files=files, view=existing.view)

    def _let_go(self, plan: Plan) -> None:
        predecessor = str(plan.taken_from)
        self.stage.hide(predecessor)
        event = Event(events.RETIRED, predecessor, reason=f"renamed to {plan.request.name}")
        events.record(self.ledger, events.RETIRED, [event], self.tools.moment)


def _mark(view: CertificateView) -> str:
    """What tells bundles of one second apart: the serial number, if it is one."""
    return text.serial_text(view.serial) if view.serial > 0 else view.fingerprint


def would_fail(request: SensorRequest, answer: Obtained, issuer: Issuer) -> tuple[str, ...]:
    """In check mode, what staging would say; nothing is in the store yet that it could look at."""
    bundle = Bundle(
        name=request.name,
        certificate=Source("certificate.crt", answer.crt, is_file=False),
        private_key=Source("private.key", answer.key, is_file=False),
        chain=Source("chain.pem", answer.pem, is_file=False),
        private_key_passphrase=request.key_passphrase,
        expected_common_name=request.common_name,
        trusted_roots=tuple(Source.read(path) for path in issuer.anchors),
    )
    report = validate_bundles([bundle], Policy(request.profile))
    return tuple(
        f"{finding.id}: {finding.message}"
        for finding in report.results[0].findings
        if finding.severity == ERROR and finding.id not in issuer.tolerated
    )


def failed_names(outcomes: Sequence[SensorOutcome]) -> list[str]:
    """The sensors that could not be done."""
    return [outcome.name for outcome in outcomes if outcome.action == FAILED]


__all__ = ["FAILED", "ISSUED", "KEPT", "PENDING", "Batch", "Obtaining", "SensorOutcome", "failed_names"]
