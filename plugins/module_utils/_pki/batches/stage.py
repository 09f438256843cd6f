# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate bundles and make those that pass visible; one that fails leaves the sensor what it had."""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import FileError, PkiError
from ..._plain.files import read_file
from ..profiles.defender_iot.profile import DEFENDER_IOT
from ..state import events
from ..state.bundles import KINDS, MAX_FILE, BundleFiles, read_bundle
from ..state.durable import make_durable
from ..state.events import Event
from ..state.fleet import FleetState
from ..state.home import SensorHome
from ..state.ledger import ISSUED, RECEIVED, Ledger
from ..state.stage_folder import StageFolder
from ..validation.engine import validate_bundles
from ..validation.model import (
    ERROR,
    WARNING,
    Bundle,
    BundleReport,
    Finding,
    FleetReport,
    KnownCertificate,
    LaterBundles,
    Policy,
)
from ..values import moments
from ..values.certificates import CertificateView, read_certificates
from ..values.faults import Fault, no_option, shown
from ..values.names import folder_name_problem
from ..values.source import Source
from .engine import attempt, locked

KEPT, STAGED, FAILED = "kept", "staged", "failed"
OPTIONS = (
    "name",
    "certificate",
    "private_key",
    "chain",
    "private_key_passphrase",
    "expected_common_name",
    "issuer",
    "trusted_roots",
    "tolerated",
    "planned",
)


@dataclass(frozen=True)
class Candidate:
    """A sensor's bundle that is to become visible.

    :ivar trusted_roots: paths of this sensor's own trusted roots; empty: those of the call.
    :ivar tolerated: ids of findings that are what was asked for, and no errors here.
    :ivar planned: in check mode: the files are yet to be made by an earlier step of the run.
    """

    name: str
    files: BundleFiles
    passphrase: str | None = field(default=None, repr=False)
    expected_common_name: str | None = None
    issuer: str | None = None
    trusted_roots: tuple[str, ...] = ()
    tolerated: frozenset[str] = frozenset()
    planned: bool = False


@dataclass(frozen=True)
class StageOutcome:
    """What became of one sensor's bundle."""

    name: str
    action: str
    errors: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    removed: tuple[str, ...] = ()
    path: str | None = None
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {
            "name": self.name,
            "action": self.action,
            "changed": self.action == STAGED or bool(self.removed),
            "path": self.path,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "findings": [finding.to_dict() for finding in self.findings],
            "removed": list(self.removed),
        }


@dataclass(frozen=True)
class StageOptions:
    """How bundles are staged.

    :ivar trusted_roots: for bundles that name none of their own.
    :ivar keep_previous: how many earlier bundles of each sensor stay in the store (they hold keys).
    :ivar lock_timeout: seconds to wait for sensors that another run works on.
    :ivar sliced: runs that do not know of each other's sensors work at the same time; they wait for each other where
        common names are the same, so that the later one sees the earlier one's bundle.
    :ivar progress: called with what was done, to how many, and of how many.
    """

    trusted_roots: tuple[Source, ...] = ()
    keep_previous: int = 1
    lock_timeout: float = 30.0
    workers: int = 1
    sliced: bool = False
    policy: Policy = field(default_factory=lambda: Policy(DEFENDER_IOT))
    progress: Callable[[str, int, int], None] = field(default=lambda _what, _made, _of: None)


def parse_candidates(raws: Sequence[Mapping[str, Any]]) -> tuple[list[Candidate | None], list[list[str]]]:
    """The bundles, or what is wrong with the options of each."""
    seen: dict[str, int] = {}
    for raw in raws:
        seen[str(raw.get("name"))] = seen.get(str(raw.get("name")), 0) + 1
    candidates: list[Candidate | None] = []
    messages = []
    for raw in raws:
        faults = [no_option(key, f"one of the options {', '.join(OPTIONS)}") for key in raw if key not in OPTIONS]
        name = raw.get("name")
        problem = folder_name_problem(name) if isinstance(name, str) else "the sensor's name in the inventory"
        if problem:
            faults.append(Fault("name", problem, shown(name)))
        elif seen[str(name)] > 1:
            faults.append(Fault("name", "one bundle for each sensor", f"{shown(name)}, given {seen[str(name)]} times"))
        paths = {}
        for key in ("certificate", "private_key", "chain"):
            path = raw.get(key)
            if isinstance(path, str) and path:
                paths[key] = path
            elif not raw.get("planned"):
                faults.append(Fault(key, "the path of the file"))
        messages.append([fault.text() for fault in faults])
        candidates.append(None if faults else _candidate(raw, paths))
    return candidates, messages


def _candidate(raw: Mapping[str, Any], paths: Mapping[str, str]) -> Candidate:
    certificate = paths.get("certificate", "")
    files = BundleFiles(os.path.dirname(certificate), certificate, paths.get("private_key", ""), paths.get("chain", ""))
    return Candidate(
        name=str(raw["name"]),
        files=files,
        passphrase=raw.get("private_key_passphrase") or None,
        expected_common_name=raw.get("expected_common_name"),
        issuer=raw.get("issuer"),
        trusted_roots=tuple(str(path) for path in raw.get("trusted_roots") or ()),
        tolerated=frozenset(str(entry) for entry in raw.get("tolerated") or ()),
        planned=bool(raw.get("planned")),
    )


def stage_batch(
    raws: Sequence[Mapping[str, Any]],
    stage: StageFolder,
    options: StageOptions,
    ledger: Ledger | None = None,
    check_mode: bool = False,
    moment: datetime.datetime | None = None,
) -> tuple[list[StageOutcome], FleetReport]:
    """Stage the bundles of many sensors.

    :param raws: the bundles, as options (:data:`OPTIONS`).
    :param ledger: where it is recorded what was staged; None: nowhere.
    :returns: one outcome for each, in the same order, and the validation's whole report.
    :raises PkiError: for what concerns every sensor.
    """
    candidates, messages = parse_candidates(raws)
    staging = _Staging(stage, ledger, options, check_mode, moment or moments.now())
    outcomes, report = staging.run([candidate for candidate in candidates if candidate is not None])
    results = [
        outcomes[candidate.name]
        if candidate is not None
        else StageOutcome(str(raw.get("name")), FAILED, errors=tuple(errors))
        for raw, candidate, errors in zip(raws, candidates, messages)
    ]
    return results, report


@dataclass
class _Staging:
    stage: StageFolder
    ledger: Ledger | None
    options: StageOptions
    check_mode: bool
    moment: datetime.datetime
    _events: list[Event] = field(default_factory=list)

    @functools.cached_property
    def state(self) -> FleetState:
        return FleetState(self.stage, self.ledger)

    @functools.cached_property
    def _staged_before(self) -> frozenset[str]:
        """The fingerprints of everything that was recorded as staged."""
        return frozenset(event.fingerprint or "" for event in self.state.events(events.STAGED))

    def run(self, fit: Sequence[Candidate]) -> tuple[dict[str, StageOutcome], FleetReport]:
        names = [candidate.name for candidate in fit]
        common = {_common_name_lock(candidate): candidate.name for candidate in fit} if self.options.sliced else {}
        with locked(self.stage, [*names, *common], self.options.lock_timeout, self.check_mode) as others:
            held = {common.get(name, name): text for name, text in others.items()}
            free = [candidate for candidate in fit if candidate.name not in held]
            present = [candidate for candidate in free if not candidate.planned]
            report = validate_bundles(
                self._bundles(present),
                self.options.policy,
                workers=self.options.workers,
                progress=self.options.progress,
                known=self._known({candidate.name for candidate in free}),
            )
            outcomes = {name: StageOutcome(name, FAILED, errors=(text,)) for name, text in held.items()}
            clashes = _clashes(report)
            for candidate in free:
                if candidate.planned:
                    path = self.stage.visible(candidate.name)
                    outcomes[candidate.name] = StageOutcome(candidate.name, STAGED, path=path)
            for shown, (candidate, verdict) in enumerate(zip(present, report.results)):
                self.options.progress("bundles staged or kept", shown, len(present))
                findings = _tolerated(candidate, (*verdict.findings, *clashes.get(candidate.name, ())))
                outcomes[candidate.name] = attempt(
                    functools.partial(self._one, candidate, verdict, findings),
                    lambda text, name=candidate.name, found=findings: StageOutcome(  # type: ignore[misc]
                        name, FAILED, errors=(text,), findings=found
                    ),
                )
            self._record()
        return outcomes, report

    def _bundles(self, candidates: Sequence[Candidate]) -> Sequence[Bundle]:
        """What is to be judged; a sensor's own files are read by the process that judges them."""
        roots: dict[str, Source] = {}
        for path in dict.fromkeys(path for candidate in candidates for path in candidate.trusted_roots):
            roots[path] = Source.read(path)
        return LaterBundles([functools.partial(self._bundle, candidate, roots) for candidate in candidates])

    def _bundle(self, candidate: Candidate, roots: Mapping[str, Source]) -> Bundle:
        return Bundle(
            name=candidate.name,
            certificate=Source.read(candidate.files.crt),
            private_key=Source.read(candidate.files.key),
            chain=Source.read(candidate.files.pem),
            private_key_passphrase=candidate.passphrase,
            expected_common_name=candidate.expected_common_name,
            trusted_roots=tuple(roots[path] for path in candidate.trusted_roots) or self.options.trusted_roots,
        )

    def _known(self, judged: set[str]) -> list[KnownCertificate]:
        """What the fleet's other sensors have staged, whoever staged it: CN and key must not come twice."""
        others = [name for name in self.state.staged_names() if name not in judged]
        return [
            KnownCertificate(name, entry.common_name, entry.public_key_id, entry.view.fingerprint)
            for name, entry in self.state.staged(others).items()
        ]

    def _one(self, candidate: Candidate, verdict: BundleReport, findings: tuple[Finding, ...]) -> StageOutcome:
        home = self.stage.look(candidate.name)
        outcome = self._stage(candidate, home, findings)
        if outcome.action != FAILED:
            outcome = self._note(candidate, verdict.facts, outcome)
            outcome = self._clean(home, outcome)
        return replace(outcome, facts=verdict.facts)

    def _stage(self, candidate: Candidate, home: SensorHome, findings: tuple[Finding, ...]) -> StageOutcome:
        name, stage = candidate.name, self.stage
        path = stage.visible(name)
        folder, current = candidate.files.folder, home.current
        inside = stage.name_of(name, folder)
        errors = tuple(f"{finding.id}: {finding.message}" for finding in findings if finding.severity == ERROR)
        if errors:
            if inside in home.pending_names and not self.check_mode:
                # Unfit and never seen by anybody; its certificate stays in the ledger. (An earlier bundle is kept.)
                stage.remove(name, [folder])
            return StageOutcome(name, FAILED, errors=errors, findings=findings)
        shown_already = inside == home.shown if inside else current is not None and os.path.realpath(folder) == current
        if shown_already or (current is not None and not inside and _same_content(candidate, current)):
            return StageOutcome(name, KEPT, findings=findings, path=path)
        if not self.check_mode:
            stage.reveal(name, folder if inside else self._copy(candidate))
        return StageOutcome(name, STAGED, findings=findings, path=path)

    def _copy(self, candidate: Candidate) -> str:
        """Take files from elsewhere into the store, under the names that the sensor's certificate asks for.

        :raises FileError: they could not be read or written.
        """
        files = candidate.files
        contents = {kind: read_file(getattr(files, kind), MAX_FILE) for kind in KINDS}
        if b"-----BEGIN CERTIFICATE-----" not in contents["crt"]:
            raise FileError(f"{files.crt} is not PEM; bring it into the staged form with cert_convert first")
        view = read_certificates(contents["crt"], files.crt).views[0]
        if self.ledger is not None:
            # On the disk before the bundle is shown.
            self._record_certificate(candidate, view, "staged from files")
        added = self.stage.add(candidate.name, view.fingerprint, view.common_names[0], contents, self.moment)
        make_durable([self.stage.stage_dir, *([self.ledger.folder] if self.ledger else [])])
        return added.folder

    def _record_certificate(self, candidate: Candidate, view: CertificateView, reason: str) -> None:
        """Record a certificate of which the ledger knows nothing."""
        if self.ledger is None or self.state.is_recorded(view.serial, view.fingerprint):
            return
        self.ledger.prepare()
        event = ISSUED if candidate.issuer == "local_ca" else RECEIVED
        issuer = candidate.issuer or "received"
        self.ledger.record(candidate.name, view.certificate, event=event, issuer=issuer, reason=reason)

    def _note(self, candidate: Candidate, facts: Mapping[str, Any], outcome: StageOutcome) -> StageOutcome:
        """Record that a bundle is visible, and what the ledger has lost of it."""
        if self.ledger is None or self.check_mode or not facts:
            return outcome
        serial, fingerprint = facts["serial_number"], facts["fingerprint"]
        if fingerprint not in self._staged_before:
            reason = "staged" if outcome.action == STAGED else "found staged, and not recorded as such"
            self._events.append(
                Event(
                    events.STAGED,
                    candidate.name,
                    reason=reason,
                    serial=serial,
                    fingerprint=fingerprint,
                    issuer=candidate.issuer,
                )
            )
        if outcome.action != KEPT:
            return outcome
        try:
            if self.state.is_recorded(int(serial, 16), fingerprint):
                return outcome
            for view in read_certificates(_content(candidate), candidate.files.crt).views[:1]:
                self._record_certificate(candidate, view, "recorded again: its record was missing or empty")
        except FileError as error:
            return replace(outcome, warnings=(str(error),))
        text = (
            f"the ledger {self.ledger.folder} had no record of the staged certificate, which was recorded again; if "
            "the ledger was lost, restore it from the backup: revocations cannot be made again"
        )
        return replace(outcome, warnings=(text,))

    def _clean(self, home: SensorHome, outcome: StageOutcome) -> StageOutcome:
        """Remove earlier bundles beyond those to keep; they hold keys."""
        if outcome.action == STAGED and not self.check_mode:
            home = self.stage.look(outcome.name)
        would_replace = self.check_mode and outcome.action == STAGED
        surplus = home.surplus(self.options.keep_previous, one_more=would_replace)
        if not self.check_mode:
            self.stage.remove(outcome.name, surplus)
        return replace(outcome, removed=tuple(surplus))

    def _record(self) -> None:
        if self.ledger is None or self.check_mode or not self._events:
            return
        self.ledger.prepare()
        events.record(self.ledger, events.STAGED, self._events, self.moment)
        make_durable([self.stage.stage_dir, self.ledger.folder])


def _common_name_lock(candidate: Candidate) -> str:
    """What is locked for a common name; no sensor can be named so, since it would be no folder's name."""
    return f"/{(candidate.expected_common_name or candidate.name).lower()}"


def _content(candidate: Candidate) -> bytes:
    try:
        return read_file(candidate.files.crt, MAX_FILE)
    except FileError:
        return b""


def _tolerated(candidate: Candidate, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of a bundle; what was asked for is a warning and no error."""
    return tuple(
        replace(finding, severity=WARNING, default_severity=ERROR)
        if finding.severity == ERROR and finding.id in candidate.tolerated
        else finding
        for finding in findings
    )


def _clashes(report: FleetReport) -> dict[str, list[Finding]]:
    """The fleet's findings by the sensors they concern."""
    clashes: dict[str, list[Finding]] = {}
    for finding in report.fleet_findings:
        for name in finding.objects:
            clashes.setdefault(name, []).append(finding)
    return clashes


def _same_content(candidate: Candidate, current: str) -> bool:
    try:
        bundle = read_bundle(current)
        return all(bundle.contents[kind] == read_file(getattr(candidate.files, kind), MAX_FILE) for kind in KINDS)
    except PkiError:
        return False
