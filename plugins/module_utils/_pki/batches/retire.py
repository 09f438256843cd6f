# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sensors that left the fleet: what the embedded CA issued is revoked, keys are removed, the record stays.

In this order, so that a run which is interrupted can be run again: revocations on the disk, then bundles and waiting
keys away, then the event. The CRLs that say so are published afterwards (:mod:`..crl.publishing`).
"""

from __future__ import annotations

import datetime
import difflib
import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.texts import harmless
from ..crypto import x509
from ..state import events
from ..state.durable import make_durable
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.ledger import Ledger
from ..state.stage_folder import StageFolder
from ..values import moments
from ..values import text as texts
from ..values import x509_parts as parts
from .engine import attempt, locked
from .revoke import Revoking

RETIRED, KEPT, FAILED = "retired", "kept", "failed"
REASON = "cessationOfOperation"


@dataclass(frozen=True)
class RetireOutcome:
    """What became of one sensor.

    :ivar revoked: serial numbers that this run revoked.
    :ivar others: certificates that are still valid and that this CA did not issue, in words; their issuer has to revoke
        them.
    :ivar removed: what was taken away: bundles and waiting keys, in words.
    """

    name: str
    action: str
    revoked: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "name": harmless(self.name),
            "action": self.action,
            "changed": self.action == RETIRED,
            **{key: list(getattr(self, key)) for key in ("revoked", "others", "removed", "errors", "warnings")},
        }


@dataclass
class Retiring:
    """Retires sensors.

    :ivar present: the sensors of the inventory.
    :ivar problems: records that cannot be read, in words.
    :ivar revoking: by whose certificates it is judged what the embedded CA issued; None: there is no embedded CA.
    """

    stage: StageFolder
    ledger: Ledger
    present: Collection[str]
    revoking: Revoking | None
    moment: datetime.datetime
    lock_timeout: float = 30.0
    check_mode: bool = False
    _records: dict[str, list[x509.Certificate]] = field(default_factory=dict)
    _in_use: frozenset[str] = frozenset()
    _staged: frozenset[str] = frozenset()
    _waiting: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)

    @functools.cached_property
    def state(self) -> FleetState:
        """What there is."""
        return FleetState(self.stage, self.ledger)

    def orphaned(self) -> list[str]:
        """The sensors of which something is kept, and which the inventory does not have.

        :raises FileError: the stage directory cannot be read.
        """
        kept = {*self.state.staged_names(), *self.state.waiting_sensors()}
        # What a run that was killed, or could not go on, has hidden already and not removed yet: it holds keys.
        hidden = [name for name in self.stage.stored() if name not in kept and name not in self.present]
        return sorted((kept - set(self.present)) | {name for name in hidden if self.stage.look(name).bundles})

    def run(self, names: Sequence[str]) -> list[RetireOutcome]:
        """Retire these sensors; one that cannot be done does not keep the others from it.

        :raises PkiError: the ledger or the stage directory cannot be read, or what happened could not be recorded.
        """
        self._read(names)
        with locked(self.stage, names, self.lock_timeout, self.check_mode) as held:
            outcomes = {name: RetireOutcome(name, FAILED, errors=(text,)) for name, text in held.items()}
            for name in names:
                if name not in outcomes:
                    outcomes[name] = self._attempt(name, functools.partial(self._revoke, name))
            if any(one.revoked for one in outcomes.values()) and not self.check_mode:
                # On the disk before a key goes, without which nobody would look for the certificate.
                make_durable([self.ledger.folder])
            for name, outcome in outcomes.items():
                if outcome.action != FAILED:
                    outcomes[name] = self._attempt(name, functools.partial(self._remove, outcome), outcome)
            self._record(outcomes.values())
        return [outcomes[name] for name in names]

    @staticmethod
    def _attempt(name: str, work: Any, before: RetireOutcome | None = None) -> RetireOutcome:
        start = before or RetireOutcome(name, KEPT)
        return attempt(work, lambda text: replace(start, action=FAILED, errors=(*start.errors, text)))

    def _read(self, names: Sequence[str]) -> None:
        wanted = set(names)
        self._staged, self._waiting = frozenset(self.state.staged_names()), frozenset(self.state.waiting_sensors())
        for files in self.state.index.records.values():
            for file in files:
                try:
                    record = self.ledger.read(f"{self.ledger.folder}/{file}")
                except FileError as error:
                    self.problems.append(f"{error}; if it is of a sensor that is retired, its certificate stays valid")
                    continue
                if record.sensor in wanted and record.certificate is not None:
                    self._records.setdefault(record.sensor, []).append(record.certificate)
        # A certificate may have changed its sensor's name; then another one uses it.
        others = [name for name in self._staged if name not in wanted]
        self._in_use = frozenset(entry.view.fingerprint for entry in self.state.staged(others).values())

    def _certificates(self, name: str) -> list[x509.Certificate]:
        found = {parts.fingerprint(one): one for one in self._records.get(name, [])}
        staged = self.state.staged([name]).get(name)
        if staged is not None and staged.view.exact:
            found.setdefault(staged.view.fingerprint, staged.view.certificate)
        return [one for mark, one in found.items() if mark not in self._in_use]

    def _revoke(self, name: str) -> RetireOutcome:
        certificates = self._certificates(name)
        if not certificates and not self._something_of(name):
            raise InputError(f"there is nothing of a sensor {harmless(name)}{self._near(name)}")
        revoked, others = [], []
        warnings: list[str] = []
        if name in self.present:
            warnings.append("it is still in the inventory, so the next run of deploy_certs gives it a new certificate")
        for certificate in certificates:
            if certificate.not_valid_after_utc < self.moment:
                continue
            serial = texts.serial_text(certificate.serial_number)
            done = self.revoking.revoke(certificate, name, REASON) if self.revoking is not None else None
            if done is None:
                issuer = harmless(texts.name_text(certificate.issuer), 200)
                others.append(f"{serial}, valid until {moments.iso(certificate.not_valid_after_utc)}, of {issuer}")
            elif done.new:
                revoked.append(serial)
                warnings += [done.unseen] if done.unseen else []
        return RetireOutcome(
            name, RETIRED if revoked else KEPT, tuple(revoked), tuple(others), warnings=tuple(warnings)
        )

    def _something_of(self, name: str) -> bool:
        return name in self._staged or name in self._waiting or bool(self.stage.look(name).bundles)

    def _near(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._staged, 1, 0.7)
        return f"; did you mean {harmless(close[0])}?" if close else ""

    def _remove(self, outcome: RetireOutcome) -> RetireOutcome:
        name, removed = outcome.name, []
        if name in self._staged or self.stage.look(name).bundles:
            if not self.check_mode:
                self.stage.forget(name)
            removed.append("bundles")
        if name in self._waiting and self.state.waiting is not None:
            if not self.check_mode:
                self.state.waiting.forget(name)
            removed.append("waiting keys")
        return replace(outcome, action=RETIRED if removed else outcome.action, removed=tuple(removed))

    def _record(self, outcomes: Iterable[RetireOutcome]) -> None:
        done = [
            Event(events.RETIRED, one.name, reason="left the fleet", details={"revoked": list(one.revoked)})
            for one in outcomes
            if one.action == RETIRED
        ]
        if not done or self.check_mode:
            return
        self.ledger.prepare()
        # Never before what it follows: revocations say themselves when they were recorded.
        events.record(self.ledger, events.RETIRED, done, max(self.moment, moments.now()))
        make_durable([self.stage.stage_dir, self.ledger.folder])


def check_confirmed(names: Sequence[str], confirm: bool, check_mode: bool) -> None:
    """Nothing is retired unless somebody says so.

    :raises InputError: nobody did; the message says who it would be.
    """
    if names and not confirm and not check_mode:
        listed = ", ".join(harmless(name) for name in names[:20])
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        raise InputError(
            f"nothing was done, since retire_sensors_confirm is not true. It would retire {listed}{more}; "
            "look at it with --check, then run it with -e retire_sensors_confirm=true"
        )
