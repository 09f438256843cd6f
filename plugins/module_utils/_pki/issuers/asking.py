# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking somebody outside for a certificate: the key is made here, and waits on the disk before anybody is asked.

So no answer is ever without its key, whatever happens to the run, and nobody is asked twice for the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._plain.errors import FileError, KeyReadError, PkiError
from ..crypto import serialization
from ..parallel import KEYS_AT_ONCE, process_map
from ..planning.plan import Existing, asked_for
from ..planning.request import SensorRequest
from ..state import events
from ..state.durable import make_durable
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.ledger import Ledger
from ..state.waiting import WaitingKey
from ..values import moments
from ..values import x509_parts as parts
from ..values.keys import is_encrypted, load_private_key, public_key_id
from .base import Job, Obtained, Refused, Stays, Tools
from .certificate import build_request
from .described import DescribedIssuer
from .outbox import remove_request

if TYPE_CHECKING:
    from .certificate import PrivateKey

# Keys are brought to the disk so many at a time: few enough that answers come while the next ones are made.
CHUNK = 64

UNDER_WAY = "its certificate was asked for and has not been taken yet"


@dataclass(frozen=True)
class Sorted:
    """The jobs of a run by what is to be done.

    :ivar waiting: those that were asked already, with their key. :ivar new: those that are to be asked.
    :ivar stay: those whose request was withdrawn and that need nothing more, and those whose waiting key is damaged.
    :ivar notes: what is to be said of each sensor.
    """

    waiting: Sequence[tuple[Job, WaitingKey]]
    new: Sequence[Job]
    stay: Sequence[Stays | Refused]
    notes: Mapping[str, tuple[str, ...]]


class AskingIssuer(DescribedIssuer):
    """An issuer that is asked with a certificate signing request."""

    def __init__(self, name: str, trusted_roots: tuple[str, ...], ledger: Ledger | None) -> None:
        super().__init__(name, trusted_roots, ledger)
        self._mine: dict[str, list[WaitingKey]] | None = None
        self._unreadable: dict[str, str] = {}
        self._let_go: dict[str, WaitingKey] = {}
        self._events: list[Event] = []
        self._problems: list[str] = []

    # What waits

    def mine(self, tools: Tools) -> dict[str, list[WaitingKey]]:
        """The keys that wait for this issuer's certificates, by sensor; read once for a run."""
        if self._mine is None:
            self._mine, self._unreadable = waiting_for(self.name, tools.state)
        return self._mine

    def pending(self, request: SensorRequest, tools: Tools) -> bool:
        """Whether this sensor was asked for in an earlier run."""
        return request.name in self.mine(tools)

    def superseded(self, request: SensorRequest, existing: Existing, tools: Tools) -> Sequence[str]:
        """A request that is under way is looked after, even if the bundle could stay."""
        open_ones = []
        mine = self.mine(tools)
        if request.name in self._unreadable:
            self._problems.append(self._unreadable[request.name])
        for entry in mine.get(request.name, []):
            if existing.view.spki and parts.spki_id(existing.view.spki) == entry.public_key_id:
                self.let_go(entry)  # its certificate is here; an earlier run did not get to tidy up
            else:
                open_ones.append(entry)
        return (UNDER_WAY,) if open_ones else ()

    def sort(self, jobs: Sequence[Job], tools: Tools) -> Sorted:
        """What is to be done for each; requests for something that is wanted no more are withdrawn."""
        waiting: list[tuple[Job, WaitingKey]] = []
        new: list[Job] = []
        stay: list[Stays | Refused] = []
        notes: dict[str, tuple[str, ...]] = {}
        for job in jobs:
            name = job.request.name
            current: WaitingKey | None = None
            mine = self.mine(tools).get(name, [])
            if name in self._unreadable:
                # It may have been answered; only people can tell that nothing is lost with it.
                stay.append(Refused(name, (self._unreadable[name],)))
                continue
            for entry in reversed(mine):
                problem = _unfit(entry, job.request)
                if problem is None and current is None:
                    current = entry
                    continue
                reason = problem or "a newer request is under way"
                notes[name] = (*notes.get(name, ()), f"the request of {entry.requested} is withdrawn: {reason}")
                self._withdraw(entry, reason, tools)
            if current is not None:
                waiting.append((job, current))
            elif job.reasons == (UNDER_WAY,):
                stay.append(Stays(name, notes.get(name, ())))
            else:
                new.append(job)
        return Sorted(waiting, new, stay, notes)

    def _withdraw(self, entry: WaitingKey, reason: str, tools: Tools) -> None:
        if not tools.check_mode:
            self.let_go(entry)
            self._events.append(withdrawn(entry, reason))

    # New requests

    def make_keys(self, jobs: Sequence[Job], tools: Tools) -> Iterator[list[tuple[Job, WaitingKey]]]:
        """A key and a request for each sensor, made on all cores; what is returned is on the disk.

        :raises PkiError: it could not be kept.
        """
        if tools.state.waiting is None:
            raise PkiError("there is no folder in which keys could wait for their certificates")
        made: list[tuple[Job, WaitingKey]] = []
        asked = moments.iso(tools.moment)
        requests = [job.request for job in jobs]
        for job, (key_id, key, csr) in zip(jobs, process_map(_make, requests, tools.workers, KEYS_AT_ONCE)):
            request = job.request
            entry = WaitingKey(
                request.name, key_id, self.name, asked, key, csr, asked_for(request), self.ticket(request)
            )
            tools.state.waiting.add(entry)
            self.mine(tools).setdefault(request.name, []).append(entry)
            made.append((job, entry))
            if len(made) == CHUNK:
                make_durable([tools.state.waiting.stage_dir])
                yield made
                made = []
        if made:
            make_durable([tools.state.waiting.stage_dir])
            yield made

    def ticket(self, request: SensorRequest) -> Mapping[str, str]:
        """What is kept with a new key besides."""
        return {}

    # Afterwards

    def let_go(self, entry: WaitingKey) -> None:
        """This key is needed no more once the run's bundles are on the disk."""
        self._let_go[entry.public_key_id] = entry

    def settled(self, done: Sequence[Obtained], tools: Tools) -> Sequence[Event]:
        """Remove the keys whose certificates came, and those that were withdrawn."""
        answered = {answer.answers for answer in done if answer.answers}
        entries = [entry for listed in self.mine(tools).values() for entry in listed if entry.public_key_id in answered]
        for entry in [*entries, *self._let_go.values()]:
            self._forget(entry, tools)
        happened, self._events = self._events, []
        self._let_go.clear()
        return happened

    def _forget(self, entry: WaitingKey, tools: Tools) -> None:
        if tools.state.waiting is not None:
            try:
                tools.state.waiting.remove(entry)
            except PkiError as error:
                self._problems.append(str(error))
        mine = self.mine(tools)
        left = [one for one in mine.get(entry.sensor, []) if one.public_key_id != entry.public_key_id]
        if left:
            mine[entry.sensor] = left
        else:
            mine.pop(entry.sensor, None)

    @property
    def problems(self) -> tuple[str, ...]:
        """Keys that could not be removed."""
        return tuple(self._problems)


def waiting_for(issuer: str, state: FleetState) -> tuple[dict[str, list[WaitingKey]], dict[str, str]]:
    """The keys that wait for an issuer's certificates, by sensor, the oldest first.

    :returns: the keys; and for sensors with one that cannot be read, whosever it is, the sentence that says so.
    :raises FileError: the folder of all of them cannot be read.
    """
    found: dict[str, list[WaitingKey]] = {}
    unreadable: dict[str, str] = {}
    for sensor in state.waiting.sensors() if state.waiting is not None else ():
        try:
            entries = [entry for entry in state.waiting_keys(sensor) if entry.issuer == issuer]
        except FileError as error:
            unreadable[sensor] = str(error)
            continue
        if entries:
            found[sensor] = entries
    return found, unreadable


def withdrawn(entry: WaitingKey, reason: str) -> Event:
    """The event of a request that nobody is to answer any more."""
    details = {"public_key_sha256": entry.public_key_id, "requested": entry.requested}
    return Event(events.WITHDRAWN, entry.sensor, reason=reason, issuer=entry.issuer, details=details)


def _make(request: SensorRequest) -> tuple[str, bytes, bytes]:
    """In a worker: a new key's id, the key and its request, PEM."""
    key = parts.new_key_of(request.profile.key_type, request.key_size)
    csr = build_request(request, key).public_bytes(serialization.Encoding.PEM)
    return public_key_id(key.public_key()), parts.key_pem(key, request.key_passphrase), csr


def _unfit(entry: WaitingKey, request: SensorRequest) -> str | None:
    """Why a request that is under way is not the one that is wanted; None: it is."""
    wanted = asked_for(request)
    words = {"subject": "subject", "sans": "SAN", "key_size": "key size"}
    changed = [words.get(key, key) for key, value in wanted.items() if entry.asked.get(key) != value]
    if changed:
        return f"another {' and '.join(changed)} {'is' if len(changed) == 1 else 'are'} wanted"
    try:
        key = _opened(entry, request)
    except KeyReadError:
        if is_encrypted(entry.key):
            return "its key has another passphrase than the sensor has now"
        return "its key is damaged"
    return None if public_key_id(key.public_key()) == entry.public_key_id else "its key is another one"


def _opened(entry: WaitingKey, request: SensorRequest) -> PrivateKey:
    encrypted = is_encrypted(entry.key)
    passphrase = request.key_passphrase.encode() if request.key_passphrase and encrypted else None
    return load_private_key(entry.key, passphrase)  # type: ignore[return-value]


def key_of(entry: WaitingKey, request: SensorRequest) -> bytes:
    """A waiting key as it is to be staged; one that waits unencrypted is encrypted if the sensor has a passphrase now.

    :raises KeyReadError: it cannot be opened.
    """
    if is_encrypted(entry.key) or not request.key_passphrase:
        return entry.key
    return parts.key_pem(_opened(entry, request), request.key_passphrase)


def withdraw_strays(requests: Sequence[SensorRequest], tools: Tools) -> tuple[list[Event], list[str]]:
    """Withdraw requests to issuers that sensors of this run no longer have, and remove what killed runs left of keys.

    Whether a file of it still lies in an outbox, its issuer sees to in its own next run.

    :returns: what happened, and what could not be read or removed and waits for the next run, in words.
    """
    waiting = tools.state.waiting
    mine: Mapping[str, str] = {request.name: request.issuer for request in requests}
    happened: list[Event] = []
    left: list[str] = []
    try:
        sensors = waiting.sensors() if waiting is not None else []
    except FileError as error:
        return [], [str(error)]
    for sensor in sensors:
        if sensor not in mine or waiting is None:
            continue
        try:
            waiting.tidy(sensor)
            for entry in waiting.of(sensor):
                if entry.issuer != mine[sensor]:
                    remove_shown(entry)
                    waiting.remove(entry)
                    happened.append(withdrawn(entry, f"the sensor's issuer is {mine[sensor]} now"))
        except FileError as error:
            left.append(f"{sensor}: {error}")
    return happened, left


def remove_shown(entry: WaitingKey) -> None:
    """Remove the file in which a request is shown to people, if it is there and is that request's.

    :raises FileError: it could not be removed.
    """
    path = str(entry.ticket.get("file") or "")
    if path:
        remove_request(path, entry.csr)


def age_days(entry: WaitingKey, moment: datetime.datetime) -> int:
    """How many whole days a request has waited."""
    try:
        asked = datetime.datetime.strptime(entry.requested, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return 0
    return max(0, (moment - asked.replace(tzinfo=datetime.timezone.utc)).days)
