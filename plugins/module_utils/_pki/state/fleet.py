# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is: bundles, waiting keys and the record, asked by everything that wants to know.

Planning, staging, the live check, the vantages of CRLs and the report ask :class:`FleetState`; nothing else reads
the stage directory or the ledger. What is asked for is read when it is asked for, and once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..._plain.errors import FileError, PkiError
from ..crypto import x509
from ..values import moments, text
from ..values import x509_parts as parts
from ..values.certificates import CertificateView, read_certificates
from . import events, revocations
from .bundles import KINDS, Bundle
from .events import Event
from .ledger import ISSUED, RECEIVED, Ledger, LedgerIndex, Record, issuer_key_of
from .revocations import RevocationRecord
from .stage_folder import StageFolder
from .waiting import WaitingKey, WaitingKeys

# Of one second, in the order in which a run does things.
_ORDER = {
    events.REQUESTED: 0,
    ISSUED: 1,
    RECEIVED: 1,
    events.STAGED: 2,
    events.UPLOADED: 3,
    events.SEEN: 4,
    "revoked": 5,
    events.RETIRED: 6,
}


@dataclass(frozen=True)
class Staged:
    """What a sensor's visible certificate says that must be unique in a fleet, and where it is."""

    sensor: str
    view: CertificateView
    path: str
    chain_path: str = ""

    @property
    def common_name(self) -> str:
        """The first common name, empty if there is none."""
        names = self.view.common_names
        return names[0] if names else ""

    @property
    def public_key_id(self) -> str:
        """SHA-256 of the public key (SubjectPublicKeyInfo), empty if it cannot be read."""
        return parts.spki_id(self.view.spki) if self.view.spki else ""


class FleetState:
    """A stage directory and a ledger, as they are now.

    :param ledger: None where there is no record (yet); then nothing is revoked and nothing has a history.
    """

    def __init__(self, stage: StageFolder | None, ledger: Ledger | None) -> None:
        self.stage = stage
        self.ledger = ledger
        self.waiting = WaitingKeys(stage.stage_dir) if stage is not None else None

    # Bundles

    def staged_names(self) -> list[str]:
        """The sensors with a visible bundle, sorted.

        :raises FileError: the stage directory cannot be read.
        """
        return self.stage.sensors() if self.stage is not None else []

    def visible(self, sensor: str, spare_key: bool = False, kinds: Sequence[str] = KINDS) -> Bundle | None:
        """The bundle that people see.

        :param spare_key: a key that cannot be read is no error: who only reports needs none.
        :param kinds: the files whose content is wanted.
        :raises IncompleteBundle: it does not hold exactly one file of each kind.
        :raises FileError: it cannot be read; that is not the same as missing.
        """
        return self.stage.read_visible(sensor, spare_key, kinds) if self.stage is not None else None

    def pending(self, sensor: str) -> Iterable[Bundle]:
        """Complete bundles that no run has shown yet, newest first; those that cannot be read are passed over."""
        if self.stage is None:
            return
        for folder in self.stage.look(sensor).pending:
            try:
                yield self.stage.read_stored(sensor, folder)
            except FileError:
                continue

    def staged(
        self, sensors: Collection[str] | None = None, only: Callable[[bytes], bool] = lambda _crt: True
    ) -> dict[str, Staged]:
        """The visible certificates by sensor; damaged ones are left out, they are their sensor's matter.

        :param sensors: None: all of them.
        :param only: whether a file, of which nothing was parsed yet, is wanted.
        """
        found = {}
        for sensor in self.staged_names() if sensors is None else sensors:
            try:
                bundle = self.visible(sensor, kinds=("crt",))
            except PkiError:
                continue
            if bundle is None or not only(bundle.crt):
                continue
            views = read_certificates(bundle.crt, bundle.files.crt).views
            if views:
                found[sensor] = Staged(sensor, views[0], bundle.files.crt, bundle.files.pem)
        return found

    @functools.cached_property
    def owners(self) -> Mapping[str, str]:
        """The sensors by the fingerprint of each certificate in the stage directory, earlier ones included."""
        index: dict[str, str] = {}
        if self.stage is None:
            return index
        for sensor in self.staged_names():
            try:
                visible = self.stage.read_visible(sensor, kinds=("crt",))
                bundles = [] if visible is None else [visible]
            except PkiError:
                bundles = []
            for folder in reversed(self.stage.look(sensor).bundles):
                try:
                    bundles.append(self.stage.read_stored(sensor, folder))
                except PkiError:
                    continue
            for bundle in bundles:
                for view in read_certificates(bundle.crt, bundle.files.crt).views[:1]:
                    index.setdefault(view.fingerprint, sensor)
        return index

    # Keys that wait

    def waiting_sensors(self) -> list[str]:
        """The sensors for which keys wait, sorted.

        :raises FileError: the folder cannot be read.
        """
        return sorted(self.waiting.sensors()) if self.waiting is not None else []

    def waiting_keys(self, sensor: str) -> list[WaitingKey]:
        """The keys that wait for a sensor's certificate, the oldest request first.

        :raises FileError: one cannot be read.
        """
        return self.waiting.of(sensor) if self.waiting is not None else []

    # The record

    @functools.cached_property
    def index(self) -> LedgerIndex:
        """The ledger's names.

        :raises FileError: it cannot be read.
        """
        return self.ledger.index() if self.ledger is not None else LedgerIndex()

    def record_of(self, certificate: x509.Certificate) -> Record | None:
        """What was recorded of a certificate when it was obtained.

        :raises FileError: the record cannot be read.
        """
        if self.ledger is None or certificate.serial_number not in self.index.records:
            return None
        record = self.ledger.find(certificate)
        return record if record is not None and record.fingerprint == parts.fingerprint(certificate) else None

    def is_recorded(self, serial: int, fingerprint: str) -> bool:
        """Whether the ledger has the record of a certificate.

        :param fingerprint: SHA-256, lower-case hexadecimal.
        :raises FileError: it has not, and a record of this serial number cannot be read.
        """
        if self.ledger is None:
            return False
        unreadable: FileError | None = None
        for name in self.index.records.get(serial, ()):
            if name in self.index.empty:
                continue  # says nothing, and counts as none
            try:
                if self.ledger.read(os.path.join(self.ledger.folder, name)).fingerprint == fingerprint:
                    return True
            except FileError as error:
                unreadable = error
        if unreadable is not None:
            raise unreadable
        return False

    def revocation_of(self, certificate: x509.Certificate) -> RevocationRecord | None:
        """The revocation of a certificate; a record that is damaged still counts."""
        if self.ledger is None or certificate.serial_number not in self.index.revocations:
            return None
        return revocations.find_or_infer(self.ledger, certificate.serial_number, issuer_key_of(certificate))

    @functools.cached_property
    def _events(self) -> tuple[list[Event], list[str]]:
        return events.read(self.ledger) if self.ledger is not None else ([], [])

    def events(self, *kinds: str) -> list[Event]:
        """What happened, oldest first.

        :param kinds: of :mod:`.events`; none: all of them.
        """
        return [event for event in self._events[0] if not kinds or event.event in kinds]

    @functools.cached_property
    def histories(self) -> Mapping[str, list[Event]]:
        """Everything that happened to each sensor, oldest first: obtained, staged, seen, revoked, retired.

        Records that cannot be read are left out; :attr:`problems` names them.
        """
        found: dict[str, list[Event]] = {}
        if self.ledger is None:
            return found
        everything = list(self._events[0])
        for names, is_revocation in ((self.index.records, False), (self.index.revocations, True)):
            for serial, files in names.items():
                for name in files:
                    path = f"{self.ledger.folder}/{name}"
                    try:
                        everything.append(_revoked_event(path, serial) if is_revocation else self._obtained_event(path))
                    except PkiError as error:
                        self.problems.append(str(error))
        for event in sorted(everything, key=lambda one: (one.time, _ORDER.get(one.event, 0))):
            found.setdefault(event.sensor, []).append(event)
        return found

    def _obtained_event(self, path: str) -> Event:
        if self.ledger is None:
            raise FileError("there is no ledger")
        record = self.ledger.read(path)
        return Event(
            event=record.event,
            sensor=record.sensor,
            time=record.time,
            actor=record.actor,
            reason=record.reason,
            serial=text.serial_text(record.serial),
            fingerprint=record.fingerprint,
            issuer=record.issuer,
        )

    @functools.cached_property
    def problems(self) -> list[str]:
        """What of the record cannot be read, in words. (More is known after :attr:`histories` was asked for.)"""
        found = list(self._events[1])
        if self.ledger is not None:
            found += [
                f"{self.ledger.folder}/{name} is empty, as a power failure leaves a file; "
                "what it recorded is lost unless the backup has it"
                for name in self.index.empty
            ]
            found += [f"{self.ledger.folder}/{name} is no record of this ledger" for name in self.index.foreign]
        return found


def _revoked_event(path: str, serial: int) -> Event:
    entry, told = revocations.read_told(path)
    return Event(
        event="revoked",
        sensor=entry.sensor or "",
        time=told.get("recorded", moments.iso(entry.revoked)),
        actor=told.get("recorded_by", ""),
        reason=entry.reason,
        serial=text.serial_text(serial),
        fingerprint=told.get("fingerprint"),
    )


def fleet_state(stage_dir: str | None, ledger_dir: str | None) -> FleetState:
    """What there is for each sensor, and its history."""
    return FleetState(StageFolder(stage_dir) if stage_dir else None, Ledger(ledger_dir) if ledger_dir else None)
