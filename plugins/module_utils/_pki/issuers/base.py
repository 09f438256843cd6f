# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an issuer is: the one door through which every certificate comes, whoever signs it.

An issuer says its terms, tells whether a bundle is its own, and obtains certificates: signed at once in the worker
that makes the key, submitted and answered now or later, or found among received files. It writes neither bundles
nor records; what it obtained is handed out by :mod:`..batches.obtain`, in the same way for all of them.
"""

from __future__ import annotations

import abc
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ..planning.plan import Change, Existing
from ..planning.request import SensorRequest
from ..planning.terms import Terms
from ..profiles.base import Profile
from ..profiles.defender_iot.profile import DEFENDER_IOT
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.ledger import ISSUED, Ledger
from .http import HttpCaller


@dataclass(frozen=True)
class Job:
    """One sensor whose certificate is to be obtained.

    :ivar reasons: why, as the plan says.
    """

    request: SensorRequest
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Obtained:
    """A certificate with its key and chain, PEM; nothing of it was written yet.

    :ivar common_name: what the files are named after.
    :ivar notes: what people should know (files that were set aside, a life that was shortened).
    :ivar altered: what the issuer gave otherwise than it was asked: field, asked, given.
    :ivar asked: what the issuer was asked for, if it may have given something else.
    :ivar received: the files it came from, if it came in files.
    :ivar answers: the public key id of the waiting key that this certificate answers.
    """

    sensor: str
    common_name: str
    crt: bytes
    key: bytes = field(repr=False)
    pem: bytes = b""
    notes: tuple[str, ...] = ()
    altered: tuple[Change, ...] = ()
    asked: Mapping[str, Any] = field(default_factory=dict)
    received: tuple[str, ...] = ()
    answers: str | None = None


@dataclass(frozen=True)
class Pending:
    """Asked and not answered yet; what is staged stays.

    :ivar since: when it was asked, ISO 8601.
    :ivar new: this run made the request.
    """

    sensor: str
    reason: str
    since: str = ""
    new: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """The issuer gives no certificate, and why: what is wrong, what to do."""

    sensor: str
    errors: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nothing:
    """There is nothing for this sensor and nothing was asked (received files only)."""

    sensor: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stays:
    """What the sensor has is what is wanted; nothing more is asked (a request was withdrawn, say)."""

    sensor: str
    notes: tuple[str, ...] = ()


Answer = Union[Obtained, Pending, Refused, Nothing, Stays]  # noqa: UP007 - evaluated while the module loads, also by older Pythons


@dataclass(frozen=True)
class Tools:
    """What a run lends to issuers.

    :ivar workers: processes for what computes.
    :ivar check_mode: nothing may be written or asked; answers say what would be done.
    :ivar prefix: how the caller's variables begin, for messages.
    :ivar requests: every sensor of the run. :ivar others: name and common name of those that it leaves alone.
    """

    moment: datetime.datetime
    state: FleetState
    workers: int = 1
    check_mode: bool = False
    prefix: str = ""
    requests: tuple[SensorRequest, ...] = ()
    others: tuple[tuple[str, str], ...] = ()


class Issuer(abc.ABC):
    """One issuer of a run.

    :ivar name: its name in the inventory. :cvar kind: what it is.
    :cvar event: what is recorded of a certificate that it gave.
    :cvar foresees: in check mode it can tell what it would answer, since it asks nobody.
    :cvar looks_apart: what it says of one sensor's bundle depends on that and on the record alone, so that several
        processes may ask it at once (it keeps nothing that would have to be read again by each).
    :cvar warns: its notes are warnings, since they are about the whole CA.
    """

    kind: str = ""
    event: str = ISSUED
    foresees: bool = False
    looks_apart: bool = False
    warns: bool = False

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abc.abstractmethod
    def terms(self) -> Terms:
        """Limits that only it sets."""

    @property
    @abc.abstractmethod
    def anchors(self) -> tuple[str, ...]:
        """Paths of its sensors' trusted roots; empty: the chain's own root counts."""

    @abc.abstractmethod
    def foreign(self, existing: Existing) -> list[str]:
        """Why a bundle is not one that this issuer gave, in words (``issuer: CN=A -> CN=B``); empty: it is its own."""

    @abc.abstractmethod
    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        """A certificate for each sensor, or why there is none; each answer as soon as it is there.

        Sensors may be answered in any order, and each once. In check mode nothing is asked or written.

        :raises PkiError: for what concerns every job (the CA is not there, its server cannot be reached).
        """

    def problem(self, request: SensorRequest) -> str | None:
        """Why this issuer must not be used for a sensor, told before anything is made."""
        return None

    def revoked(self, existing: Existing) -> str | None:
        """Reason and time of a revocation that this issuer knows of and the ledger may not; None: it knows of none."""
        return None

    def superseded(self, request: SensorRequest, existing: Existing, tools: Tools) -> Sequence[str]:
        """Why something that lies ready is to replace a bundle that could stay; empty: nothing does.

        An issuer to which nothing comes by itself has nothing to look for.
        """
        return ()

    def pending(self, request: SensorRequest, tools: Tools) -> bool:
        """Whether this sensor's certificate was asked for in an earlier run and has not been taken yet."""
        return False

    def settled(self, done: Sequence[Obtained], tools: Tools) -> Sequence[Event]:
        """Let go of what was kept for certificates that are in the sensors' stores now, on the disk.

        Called once for a run, outside of check mode, after everything else.

        :returns: what happened besides and is to be recorded (withdrawn requests).
        """
        return ()

    @property
    def tolerated(self) -> frozenset[str]:
        """Ids of findings that are no errors in its sensors' bundles, since they are what was asked for."""
        return frozenset()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and no sensor's fault, told for the run (files that cannot be read)."""
        return ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What people should know besides, for the summary."""
        return ()


# How an issuer is made from its settings: by its name, what the inventory says of it, and the run.
Maker = Callable[[str, Mapping[str, Any], "Run"], Issuer]


@dataclass(frozen=True)
class Run:
    """What a run knows that issuers are made from.

    :ivar profile: what the appliance asks for.
    :ivar ot_pki_dir: the folder below which issuers that exchange files have theirs; None: not known.
    :ivar local_ca: settings of the embedded CA: ``dir``, ``passphrase``, ``crl_url``, and how it would be made.
    :ivar received: settings of received files: ``src``, ``ca_files``, ``passphrases``, ``trusted_roots``,
        ``trust_any``.
    :ivar http: asks servers; None: nobody can be asked.
    """

    moment: datetime.datetime
    check_mode: bool = False
    profile: Profile = DEFENDER_IOT
    ot_pki_dir: str | None = None
    ledger: Ledger | None = None
    local_ca: Mapping[str, Any] = field(default_factory=dict, repr=False)
    received: Mapping[str, Any] = field(default_factory=dict, repr=False)
    http: HttpCaller | None = field(default=None, repr=False)
