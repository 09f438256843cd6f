# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CAs that are asked over HTTP and answer at once: keys are made on all cores while answers come.

A key waits on the disk before the server is asked with it. If the answer is lost, the server is asked what became of
the question, where it can be; a certificate that was issued is taken, and no second one is made.
"""

from __future__ import annotations

import abc
import datetime
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from ..._plain.errors import InputError, PkiError
from ..intake.material import FoundCertificate
from ..planning.request import SensorRequest
from ..state.ledger import Ledger
from ..state.waiting import WaitingKey
from ..values.certificates import read_certificates
from ..values.failures import alone
from ..values.text import show
from .answers import Candidate, judge
from .asking import AskingIssuer, key_of
from .base import Answer, Job, Obtained, Refused, Run, Tools
from .described import Settings
from .http import Server, ServerError

# Questions under way at the same time: enough that the network's latency does not show, few enough for any server.
THREADS = 8


@dataclass(frozen=True)
class Signed:
    """What a server answered.

    :ivar certificate: PEM. :ivar chain: further certificates, PEM, in any order.
    """

    certificate: str
    chain: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Failed:
    """A question without a certificate: why, and whether there may be one all the same."""

    reason: str
    lost: bool = False
    down: bool = False


class ServerIssuer(AskingIssuer):
    """A CA that answers over HTTP."""

    def __init__(self, name: str, server: Server, trusted_roots: tuple[str, ...], ledger: Ledger | None) -> None:
        super().__init__(name, trusted_roots, ledger)
        self.server = server
        self._down: str | None = None

    @abc.abstractmethod
    def prepare(self) -> None:
        """Ask what every question needs; nothing is issued.

        :raises ServerError: the server cannot be asked at all.
        """

    @abc.abstractmethod
    def sign(self, request: SensorRequest, csr: str, moment: datetime.datetime) -> Signed:
        """Have a request signed; called in threads.

        :raises ServerError: it was not, or the answer was lost.
        """

    @abc.abstractmethod
    def find(self, entries: Sequence[WaitingKey], tools: Tools) -> Mapping[str, Signed]:
        """Certificates that the server has issued for these keys, by the key's id; none if it cannot be asked.

        :raises ServerError: it gives no answer.
        """

    def authorities(self) -> str:
        """CA certificates with which chains are completed, PEM, besides those of the answers and the trusted roots."""
        return ""

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """Ask for each sensor, several at a time."""
        if not jobs:
            return
        sorted_jobs = self.sort(jobs, tools)
        yield from sorted_jobs.stay
        if not sorted_jobs.waiting and not sorted_jobs.new:
            return
        self.prepare()
        asked = self._again(sorted_jobs.waiting, tools)
        lost: list[tuple[Job, WaitingKey, str]] = []
        # The processes that make keys are started before any thread is: none is copied in the middle of something.
        made = self.make_keys(sorted_jobs.new, tools)
        first = next(made, [])
        with ThreadPoolExecutor(THREADS) as pool:
            futures: dict[Future[Signed | _Failed], tuple[Job, WaitingKey]] = {}

            def submit(pairs: Sequence[tuple[Job, WaitingKey]]) -> None:
                for job, entry in pairs:
                    futures[pool.submit(self._one, job.request, entry, tools.moment)] = (job, entry)

            def collect(futures_done: Sequence[Future[Signed | _Failed]]) -> Iterator[Answer]:
                for future in futures_done:
                    job, entry = futures.pop(future)
                    found = future.result()
                    if isinstance(found, _Failed) and found.lost:
                        lost.append((job, entry, found.reason))
                        continue
                    yield self._answer(job, entry, found, sorted_jobs.notes, tools)

            submit([(job, entry) for job, entry, signed in asked if signed is None])
            submit(first)
            for job, entry, signed in asked:
                if signed is not None:
                    yield self._answer(job, entry, signed, sorted_jobs.notes, tools)
            for pairs in made:
                submit(pairs)
                yield from collect([future for future in futures if future.done()])
            while futures:
                done, _open = wait(futures, return_when=FIRST_COMPLETED)
                yield from collect(list(done))
        yield from self._lost(lost, sorted_jobs.notes, tools)

    def _again(
        self, waiting: Sequence[tuple[Job, WaitingKey]], tools: Tools
    ) -> list[tuple[Job, WaitingKey, Signed | None]]:
        """Keys of an earlier run that did not see its answers: first whether they were answered."""
        if not waiting:
            return []
        found = self.find([entry for _job, entry in waiting], tools)
        return [(job, entry, found.get(entry.public_key_id)) for job, entry in waiting]

    def _one(self, request: SensorRequest, entry: WaitingKey, moment: datetime.datetime) -> Signed | _Failed:
        """In a thread; never raises."""
        if self._down is not None:
            return _Failed(self._down)

        def ask() -> Signed | _Failed:
            try:
                return self.sign(request, entry.csr.decode("ascii"), moment)
            except ServerError as error:
                failed = _Failed(str(error), error.lost, error.down)
            except PkiError as error:
                failed = _Failed(str(error))
            if failed.down:
                self._down = failed.reason
            return failed

        return alone(ask, _Failed)

    def _answer(
        self,
        job: Job,
        entry: WaitingKey,
        found: Signed | _Failed,
        notes: Mapping[str, tuple[str, ...]],
        tools: Tools,
    ) -> Answer:
        request = job.request
        told = notes.get(request.name, ())
        if isinstance(found, _Failed):
            if not found.down and found.reason != self._down:
                self.let_go(entry)  # the server said no; the next run asks anew
            return Refused(request.name, (found.reason,), told)
        answer = self._judged(request, entry, found, tools)
        if isinstance(answer, Refused):
            self.let_go(entry)
        return replace(answer, notes=(*told, *found.notes, *answer.notes))

    def _judged(self, request: SensorRequest, entry: WaitingKey, found: Signed, tools: Tools) -> Obtained | Refused:
        source = self.server.title
        leaves = [
            FoundCertificate(view, source) for view in read_certificates(found.certificate.encode(), source).views
        ]
        if not leaves:
            return Refused(request.name, (f"{source} answers with no certificate that can be read",))
        leaf = leaves[0]
        if leaf.key_id != entry.public_key_id:
            text = f"{source} answers with a certificate for another key ({show(leaf.view.title, 90)})"
            return Refused(request.name, (f"{text}; it is not used",))
        pool = [*leaves[1:], *self._parsed(found.chain), *self._parsed(self.authorities())]
        candidate = Candidate(request, leaf, key_of(entry, request), pool)
        verdict = judge([candidate], self.roots.certificates, self.trusted_roots, tools.state, tools.moment)[0]
        if verdict.errors:
            errors = tuple(f"the answer of {self.name}: {error}" for error in verdict.errors)
            return Refused(request.name, errors)
        return verdict.obtained()

    def _parsed(self, chain: str) -> Sequence[FoundCertificate]:
        return _chain_of(chain, self.server.title)

    def _lost(
        self, lost: Sequence[tuple[Job, WaitingKey, str]], notes: Mapping[str, tuple[str, ...]], tools: Tools
    ) -> Iterator[Answer]:
        """Ask what became of the questions whose answers did not arrive."""
        if not lost:
            return
        try:
            found = self.find([entry for _job, entry, _reason in lost], tools)
        except ServerError:
            found = {}
        for job, entry, reason in lost:
            signed = found.get(entry.public_key_id)
            if signed is not None:
                yield self._answer(job, entry, signed, notes, tools)
                continue
            text = f"{reason}; whether a certificate was issued is not known, so its key is kept for the next run"
            yield Refused(job.request.name, (text,), notes.get(job.request.name, ()))


@functools.lru_cache(maxsize=64)
def _chain_of(chain: str, source: str) -> tuple[FoundCertificate, ...]:
    """The certificates of a chain; the same for most answers of a server."""
    return tuple(FoundCertificate(view, source) for view in read_certificates(chain.encode(), source).views)


def text_of(content: Any, *keys: str) -> str:
    """A text within JSON, empty if it is not there."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    # JSON can hold half of a character, which nothing can be written with.
    return content.encode("utf-8", "replace").decode("utf-8") if isinstance(content, str) else ""


def in_threads(work: Callable[[str], Any], items: Sequence[str]) -> list[Any]:
    """The results in the order of the items."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


def server_of(
    given: Settings, name: str, url: str, run: Run, headers: Mapping[str, str], secrets: tuple[str, ...]
) -> Server:
    """The server of an issuer's settings.

    :raises InputError: nobody can be asked, or a setting is no good.
    """
    if run.http is None:
        raise InputError(f"{given.where}: there is nobody here who asks servers")
    ca_cert = given.path("ca_cert")
    if ca_cert is not None:
        given.certificates("ca_cert", ca_cert)
    return Server(f"{name} ({url})", url, run.http, headers, ca_cert, secrets, given.seconds("timeout", 30.0))
