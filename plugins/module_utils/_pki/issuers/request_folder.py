# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests out, answers in: a CA that is run by people, or by software of which nothing is known.

A sensor is asked for once. Its request lies in the outbox until an answer for its key lies in the inbox and passes
the requirements; until then the sensor keeps what it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError, PkiError
from ..._plain.files import PUBLIC_FOLDER, make_folder, why
from ..intake.material import FoundCertificate
from ..planning.request import SensorRequest
from ..state.events import Event
from ..state.ledger import RECEIVED, Ledger
from ..state.waiting import WaitingKey
from ..values import moments
from ..values.faults import shown
from ..values.lists import counted
from ..values.names import folder_name_problem
from ..values.text import show
from . import outbox
from .answers import Candidate, Judged, judge
from .asking import AskingIssuer, Sorted, key_of, waiting_for
from .base import Answer, Job, Obtained, Pending, Refused, Run, Tools
from .described import Settings
from .inbox import Answers, read_answers
from .outbox import Outbox, Row

KIND = "request_folder"
SETTINGS = ("outbox", "inbox", "trusted_roots", "template", "passphrase")


@dataclass(frozen=True)
class RequestFolderSettings:
    """Where requests go and answers come from.

    :ivar template: the certificate template of AD CS, empty for other CAs.
    :ivar own_inbox: the inbox is where nobody named one, so it is made; one that was named may be a share that is not
        there at the moment.
    :ivar passphrases: open answers that come encrypted.
    """

    outbox: Outbox
    inbox: str
    own_inbox: bool = False
    trusted_roots: tuple[str, ...] = ()
    passphrases: tuple[str, ...] = field(default=(), repr=False)


class RequestFolder(AskingIssuer):
    """A folder of requests and one of answers."""

    kind = KIND
    event = RECEIVED
    foresees = True

    def __init__(self, name: str, settings: RequestFolderSettings, ledger: Ledger | None) -> None:
        super().__init__(name, settings.trusted_roots, ledger)
        self.settings = settings
        self._answers: Answers | None = None

    def ticket(self, request: SensorRequest) -> Mapping[str, str]:
        """Where the request is shown."""
        return {"file": os.path.join(self.settings.outbox.path, f"{request.name}.csr"), "name": request.common_name}

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """Take what was answered, say what is pending, and lay out requests for the others."""
        if not jobs:
            return
        sorted_jobs = self.sort(jobs, tools)
        yield from sorted_jobs.stay
        yield from self._answered(sorted_jobs, tools)
        yield from self._asked(sorted_jobs, tools)

    # Answers

    def _answered(self, jobs: Sorted, tools: Tools) -> Iterator[Answer]:
        if not jobs.waiting:
            return
        self._show_again(jobs.waiting, tools)
        try:
            answers = self._read(jobs.waiting)
        except PkiError as error:
            for job, _entry in jobs.waiting:
                yield Refused(job.request.name, (f"the answers of {self.name} cannot be read: {error}",))
            return
        candidates = [
            Candidate(job.request, leaf, key_of(entry, job.request), answers.authorities)
            for job, entry in jobs.waiting
            for leaf in answers.by_key.get(entry.public_key_id, ())
        ]
        verdicts: dict[str, list[Judged]] = {}
        roots = self.roots.certificates
        for verdict in judge(candidates, roots, self.trusted_roots, tools.state, tools.moment, tools.workers):
            verdicts.setdefault(verdict.candidate.request.name, []).append(verdict)
        for job, entry in jobs.waiting:
            notes = jobs.notes.get(job.request.name, ())
            found = verdicts.get(job.request.name)
            if found:
                yield _best(found, notes)
            else:
                yield self._pending(job, entry, (*notes, *_other_keys(job, entry, answers, tools)))

    def _read(self, waiting: Sequence[tuple[Job, WaitingKey]]) -> Answers:
        if self._answers is None:
            keys = {entry.public_key_id for _job, entry in waiting}
            names = {job.request.common_name.lower() for job, _entry in waiting}
            self._answers = read_answers(self.settings.inbox, keys, names, self.settings.passphrases)
        return self._answers

    def _pending(self, job: Job, entry: WaitingKey, notes: Sequence[str], new: bool = False) -> Pending:
        words = f"requested from {self.name}" if new else f"requested from {self.name}, not answered yet"
        where = f"requests are in {self.settings.outbox.path}, answers are looked for in {self.settings.inbox}"
        return Pending(job.request.name, f"{words} ({where})", entry.requested, new, tuple(notes))

    # Requests

    def _show_again(self, waiting: Sequence[tuple[Job, WaitingKey]], tools: Tools) -> None:
        """Requests that a run which was interrupted kept, and did not get to show."""
        if tools.check_mode:
            return
        try:
            listed = self.settings.outbox.listed()
            rows = [(self._row(entry), entry.csr) for _job, entry in waiting]
            missing = [(row, csr) for row, csr in rows if not row.is_in(listed)]
            if missing:
                self.settings.outbox.show(missing)
        except PkiError as error:
            self._problems.append(str(error))

    def _asked(self, jobs: Sorted, tools: Tools) -> Iterator[Answer]:
        """New requests: the keys are on the disk before a request can be seen."""
        if not jobs.new:
            return
        problem = self.settings.outbox.problem()
        if problem:
            for job in jobs.new:
                yield Refused(job.request.name, (problem,), jobs.notes.get(job.request.name, ()))
            return
        if tools.check_mode:
            for job in jobs.new:
                words = f"would be requested from {self.name}"
                yield Pending(job.request.name, words, new=True, notes=jobs.notes.get(job.request.name, ()))
            return
        if self.settings.own_inbox:
            try:
                make_folder(self.settings.inbox, PUBLIC_FOLDER)
            except OSError as error:
                self._problems.append(f"{self.settings.inbox} could not be made: {why(error)}; make it for the answers")
        for made in self.make_keys(jobs.new, tools):
            try:
                self.settings.outbox.show([(self._row(entry), entry.csr) for _job, entry in made])
            except PkiError as error:
                # The keys stay: the next run shows these requests and makes no others.
                for job, _entry in made:
                    yield Refused(job.request.name, (str(error),), jobs.notes.get(job.request.name, ()))
                continue
            for job, entry in made:
                yield self._pending(job, entry, jobs.notes.get(job.request.name, ()), new=True)

    def settled(self, done: Sequence[Obtained], tools: Tools) -> Sequence[Event]:
        """Let go of keys that are answered or withdrawn, and bring the outbox up to date."""
        try:
            before = dict(self.mine(tools))
        except PkiError as error:
            self._problems.append(str(error))
            return ()
        gone = {answer.answers for answer in done if answer.answers} | set(self._let_go)
        closed = [entry for listed in before.values() for entry in listed if entry.public_key_id in gone]
        happened = super().settled(done, tools)
        try:
            with self.settings.outbox.locked():
                self._tidy_outbox(closed, tools)
        except PkiError as error:
            self._problems.append(str(error))
        return happened

    def _tidy_outbox(self, closed: Sequence[WaitingKey], tools: Tools) -> None:
        """Requests that are open no more go, and the lists say which are open.

        :raises PkiError: something could not be read or written.
        """
        # Another run may have made requests meanwhile: they are listed as well.
        open_now, unreadable = waiting_for(self.name, tools.state)
        for entry in closed:
            if entry.sensor in unreadable:
                self._problems.append(unreadable[entry.sensor])
            elif not any(one.csr.split() == entry.csr.split() for one in open_now.get(entry.sensor, ())):
                outbox.remove_request(str(entry.ticket.get("file") or ""), entry.csr)
        rows = {sensor: self._row(listed[-1]) for sensor, listed in open_now.items()}
        # What cannot be read at the moment is open all the same: as this run knows it, or as it was listed.
        listed_before = self.settings.outbox.listed() if unreadable else {}
        for sensor in unreadable:
            known = self.mine(tools).get(sensor)
            row = self._row(known[-1]) if known else listed_before.get(sensor)
            if row is not None:
                rows[sensor] = row
        self.settings.outbox.update(list(rows.values()))

    def _row(self, entry: WaitingKey) -> Row:
        name = str(entry.ticket.get("name") or entry.sensor)
        return Row(entry.sensor, name, entry.public_key_id, entry.requested, self.settings.outbox.template)

    @property
    def lines(self) -> tuple[str, ...]:
        """Files in the inbox that cannot be used."""
        return self._answers.lines if self._answers is not None else ()


def _best(verdicts: Sequence[Judged], notes: Sequence[str]) -> Obtained | Refused:
    """Of several answers the one that the appliance takes, and that lasts longest."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.rank, reverse=True)
    best, others = ordered[0], ordered[1:]
    told = list(notes)
    for other in others:
        why = "it would be refused" if other.errors and not best.errors else "the other one is better"
        if not other.errors:
            why = f"the other one lasts until {moments.iso(best.candidate.leaf.view.not_after)}"
        told.append(
            show(f"{counted(len(verdicts), 'answer')}: {best.candidate.source} is taken, {other.candidate.source} "
                 f"is not: {why}", 400)
        )  # fmt: skip
    if best.errors:
        # Names of files are other people's: nothing of them may steer a terminal.
        errors = tuple(show(f"the answer {best.candidate.source}: {error}", 900) for error in best.errors)
        return Refused(best.candidate.request.name, errors, tuple(told))
    return best.obtained(told, [show(best.candidate.source, 400)])


def _other_keys(job: Job, entry: WaitingKey, answers: Answers, tools: Tools) -> list[str]:
    """Certificates for the sensor's name that do not answer its request; those that were taken once are not told."""
    found: list[FoundCertificate] = [
        one
        for one in answers.strangers.get(job.request.common_name.lower(), ())
        if tools.state.record_of(one.view.certificate) is None
    ]
    return [
        show(
            f"{one.source} is a certificate for {one.view.title}, but for another key than the request's "
            f"(SHA-256 {(one.key_id or 'unreadable')[:16]}, asked with {entry.public_key_id[:16]}), so it is no answer "
            "to it; have the request that lies in the outbox signed",
            500,
        )
        for one in found
    ]


def make(name: str, settings: Mapping[str, Any], run: Run) -> RequestFolder:
    """The issuer of a run.

    :raises InputError: a setting that is missing, misspelt or no good.
    """
    given = Settings(name, settings, SETTINGS, KIND)
    problem = folder_name_problem(name)
    if problem:
        raise InputError(f"{given.where}: the name is {shown(name)}; wanted: {problem}, since it becomes a folder")
    paths = {}
    for key in ("outbox", "inbox"):
        default = os.path.join(run.ot_pki_dir, key, name) if run.ot_pki_dir else None
        path = given.path(key, default)
        if path is None:
            raise InputError(f"{given.where}.{key} is missing; wanted: a folder (or set ot_pki_dir)")
        paths[key] = path
    template = given.text("template") or ""
    fault = outbox.template_problem(template)
    if fault:
        raise InputError(f"{given.where}.template is {fault}")
    passphrase = given.secret("passphrase")
    passphrases = tuple(entry for entry in (passphrase, *(run.received.get("passphrases") or ())) if entry)
    box = Outbox(paths["outbox"], f"{given.where}.outbox", template)
    found = RequestFolderSettings(box, paths["inbox"], given.text("inbox") is None, given.trusted_roots(), passphrases)
    return RequestFolder(name, found, run.ledger)
