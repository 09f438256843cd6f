# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate bundles and make those that pass visible; one that fails leaves the sensor what it had."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import FileError, PkiError
from ..crypto import x509
from ..planning.request import Fault, shown
from ..state import locks
from ..state.store import KINDS, BundleFiles, Store, find_files
from ..validation.engine import validate_bundles
from ..validation.model import ERROR, Bundle, Finding, FleetReport, KnownCertificate, Policy, Source
from ..values import x509_parts as parts
from ..values.keys import public_key_id
from ..values.names import folder_name_problem

KEPT, STAGED, FAILED = "kept", "staged", "failed"
OPTIONS = ("name", "certificate", "private_key", "chain", "private_key_passphrase", "expected_common_name", "planned")


@dataclass(frozen=True)
class Received:
    """A sensor's bundle that is to become visible.

    :ivar planned: in check mode: the files are yet to be made by an earlier step of the run.
    """

    name: str
    files: BundleFiles
    passphrase: str | None = field(default=None, repr=False)
    expected_common_name: str | None = None
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
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data."""
        return {
            "name": self.name,
            "action": self.action,
            "changed": self.action == STAGED or bool(self.removed),
            "path": self.path,
            "errors": list(self.errors),
            "findings": [finding.to_dict() for finding in self.findings],
            "removed": list(self.removed),
        }


@dataclass(frozen=True)
class StageOptions:
    """How bundles are staged.

    :ivar keep_previous: how many earlier bundles of each sensor stay in the store (they hold keys).
    :ivar lock_timeout: seconds to wait for sensors that another run works on.
    """

    trusted_roots: tuple[Source, ...] = ()
    keep_previous: int = 1
    lock_timeout: float = 30.0
    workers: int = 1
    policy: Policy = field(default_factory=Policy)


def parse_received(raws: Sequence[Mapping[str, Any]]) -> tuple[list[Received | None], list[list[str]]]:
    """The bundles, or what is wrong with the options of each."""
    seen: dict[str, int] = {}
    for raw in raws:
        seen[str(raw.get("name"))] = seen.get(str(raw.get("name")), 0) + 1
    received: list[Received | None] = []
    messages = []
    for raw in raws:
        faults = [Fault(str(key), f"one of {', '.join(OPTIONS)}", shown(raw[key])) for key in raw if key not in OPTIONS]
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
        received.append(None if faults else _received(raw, paths))
    return received, messages


def _received(raw: Mapping[str, Any], paths: Mapping[str, str]) -> Received:
    certificate = paths.get("certificate", "")
    files = BundleFiles(os.path.dirname(certificate), certificate, paths.get("private_key", ""), paths.get("chain", ""))
    return Received(
        name=str(raw["name"]),
        files=files,
        passphrase=raw.get("private_key_passphrase") or None,
        expected_common_name=raw.get("expected_common_name"),
        planned=bool(raw.get("planned")),
    )


def stage_batch(
    raws: Sequence[Mapping[str, Any]], store: Store, options: StageOptions, check_mode: bool = False
) -> tuple[list[StageOutcome], FleetReport]:
    """Stage the bundles of many sensors.

    :param raws: the bundles, as options (:data:`OPTIONS`).
    :returns: one outcome for each, in the same order, and the validation's whole report.
    :raises PkiError: for what concerns every sensor.
    """
    received, messages = parse_received(raws)
    fit = [bundle for bundle in received if bundle is not None]
    names = [bundle.name for bundle in fit]
    with locks.hold_for(store, names, options.lock_timeout, check_mode) as holders:
        free = [bundle for bundle in fit if bundle.name not in holders]
        present = [bundle for bundle in free if not bundle.planned]
        report = validate_bundles(
            [_bundle(bundle, options) for bundle in present],
            options.policy,
            workers=options.workers,
            known=_known(store, {bundle.name for bundle in free}),
        )
        outcomes = {
            bundle.name: StageOutcome(
                bundle.name, FAILED, errors=(f"another run works on this sensor: {holders[bundle.name]}",)
            )
            for bundle in fit
            if bundle.name in holders
        }
        clashes = _clashes(report)
        for bundle in free:
            if bundle.planned:
                outcomes[bundle.name] = StageOutcome(bundle.name, STAGED, path=store.visible(bundle.name))
        for bundle, verdict in zip(present, report.results):
            findings = tuple(verdict.findings) + tuple(clashes.get(bundle.name, ()))
            try:
                outcome = _stage(bundle, findings, store, check_mode)
                outcome = _clean(outcome, store, options.keep_previous, check_mode)
            except PkiError as error:
                outcome = StageOutcome(bundle.name, FAILED, errors=(str(error),), findings=findings)
            outcomes[bundle.name] = replace(outcome, facts=verdict.facts)
    results = [
        outcomes[bundle.name]
        if bundle is not None
        else StageOutcome(str(raw.get("name")), FAILED, errors=tuple(errors))
        for raw, bundle, errors in zip(raws, received, messages)
    ]
    return results, report


def _bundle(received: Received, options: StageOptions) -> Bundle:
    return Bundle(
        name=received.name,
        certificate=Source.read(received.files.crt),
        private_key=Source.read(received.files.key),
        chain=Source.read(received.files.pem),
        private_key_passphrase=received.passphrase,
        expected_common_name=received.expected_common_name,
        trusted_roots=options.trusted_roots,
    )


def _known(store: Store, judged: set[str]) -> list[KnownCertificate]:
    """What the fleet's other sensors have staged, whichever run staged it: CN and key must not come twice."""
    known = []
    for sensor in store.sensors():
        if sensor in judged:
            continue
        # A damaged bundle of another sensor is that sensor's matter.
        with contextlib.suppress(PkiError, ValueError):
            certificate = x509.load_pem_x509_certificate(find_files(store.visible(sensor)).read("crt"))
            names = [value for key, value in parts.name_fields(certificate.subject) if key == "CN"]
            known.append(
                KnownCertificate(
                    name=sensor,
                    common_name=names[0] if names else "",
                    public_key_id=public_key_id(certificate.public_key()),
                    fingerprint=parts.fingerprint(certificate),
                )
            )
    return known


def _clashes(report: FleetReport) -> dict[str, list[Finding]]:
    """The fleet's findings by the sensors they concern."""
    clashes: dict[str, list[Finding]] = {}
    for finding in report.fleet_findings:
        for name in finding.objects:
            clashes.setdefault(name, []).append(finding)
    return clashes


def _stage(received: Received, findings: tuple[Finding, ...], store: Store, check_mode: bool) -> StageOutcome:
    name = received.name
    path = store.visible(name)
    home = os.path.realpath(os.path.join(store.folder, name))
    inside = os.path.dirname(os.path.realpath(received.files.folder)) == home
    errors = tuple(f"{finding.id}: {finding.message}" for finding in findings if finding.severity == ERROR)
    current = store.current(name)
    shown_already = current is not None and os.path.realpath(received.files.folder) == current
    if errors:
        if inside and not shown_already and not check_mode:
            # Unfit and never seen by anybody; its certificate stays in the ledger.
            store.remove([received.files.folder])
        return StageOutcome(name, FAILED, errors=errors, findings=findings)
    if shown_already or (current is not None and not inside and _same_content(received, current)):
        return StageOutcome(name, KEPT, findings=findings, path=path)
    if not check_mode:
        folder = received.files.folder if inside else _copy(received, store)
        store.reveal(name, folder)
    return StageOutcome(name, STAGED, findings=findings, path=path)


def _same_content(received: Received, current: str) -> bool:
    try:
        files = find_files(current)
        return all(files.read(kind) == received.files.read(kind) for kind in KINDS)
    except FileError:
        return False


def _copy(received: Received, store: Store) -> str:
    """Take files from elsewhere into the store, under the names that the sensor's certificate asks for.

    :raises FileError: they could not be read or written.
    """
    contents = {kind: received.files.read(kind) for kind in KINDS}
    if b"-----BEGIN CERTIFICATE-----" not in contents["crt"]:
        raise FileError(f"{received.files.crt} is not PEM; bring it into the staged form with cert_convert first")
    certificate = x509.load_pem_x509_certificate(contents["crt"])
    common_name = next(value for key, value in parts.name_fields(certificate.subject) if key == "CN")
    mark = parts.fingerprint(certificate)
    return store.add(received.name, mark, common_name, contents, parts.now()).folder


def _clean(outcome: StageOutcome, store: Store, keep: int, check_mode: bool) -> StageOutcome:
    """Remove earlier bundles beyond those to keep; they hold keys."""
    if outcome.action == FAILED:
        return outcome
    would_replace = check_mode and outcome.action == STAGED
    surplus = store.surplus(outcome.name, keep, one_more=would_replace)
    if not check_mode:
        store.remove(surplus)
    return replace(outcome, removed=tuple(surplus))
