# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a delivery to bundles in the store: nothing is visible before staging has validated it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import FileError, PkiError
from ..conversion import outputs
from ..conversion.outputs import Form
from ..intake.assign import Assignment, Leftover, assign
from ..intake.delivery import Wanted, read_delivery
from ..intake.material import only_certificates
from ..intake.problem import Finding
from ..intake.selection import Selection
from ..state import locks
from ..state.store import KINDS, BundleFiles, Store, find_files
from ..validation.engine import validate_bundles
from ..validation.model import ERROR, Bundle, Policy, Source
from ..values import x509_parts as parts
from ..values.keys import forbidden_passphrase_position
from ..values.names import common_name_problem, folder_name_problem

KEPT, IMPORTED, NOTHING, FAILED = "kept", "imported", "nothing", "failed"


@dataclass(frozen=True)
class ImportOutcome:
    """What became of one sensor. ``files`` is None where nothing was made (yet)."""

    name: str
    action: str
    common_name: str
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: BundleFiles | None = None
    selection: Selection | None = None
    changes: tuple[tuple[str, str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data, without anything secret."""
        leaf = self.selection.leaf if self.selection else None
        key = self.selection.key if self.selection else None
        return {
            "name": self.name,
            "action": self.action,
            "changed": self.action == IMPORTED,
            "common_name": self.common_name,
            "reasons": list(self.reasons),
            "errors": list(self.errors),
            "notes": list(self.notes),
            "certificate": self.files.crt if self.files else None,
            "private_key": self.files.key if self.files else None,
            "chain": self.files.pem if self.files else None,
            "fingerprint": leaf.view.fingerprint if leaf else None,
            "not_after": parts.iso(leaf.view.not_after) if leaf else None,
            "received_certificate": leaf.source if leaf else None,
            "received_private_key": key.source if key else None,
        }


@dataclass(frozen=True)
class ImportReport:
    """The outcomes, in the order of the sensors, and what was no sensor's."""

    outcomes: list[ImportOutcome]
    leftovers: list[Leftover]
    unusable: tuple[Finding, ...]
    passed_over: tuple[Finding, ...]


@dataclass(frozen=True)
class ImportOptions:
    """How a delivery is imported.

    :ivar lock_timeout: seconds to wait for sensors that another run works on.
    """

    paths: tuple[str, ...]
    ca_files: tuple[str, ...] = ()
    passphrases: tuple[str, ...] = field(default=(), repr=False)
    lock_timeout: float = 30.0


def check_sensors(sensors: Sequence[Wanted]) -> list[Wanted]:
    """The sensors, with what keeps one from being done noted in it."""
    users: dict[str, list[str]] = {}
    for sensor in sensors:
        users.setdefault(sensor.common_name.lower(), []).append(sensor.name)
    checked = []
    for sensor in sensors:
        errors = list(sensor.errors)
        problem = folder_name_problem(sensor.name)
        if problem:
            errors.append(f"the name is {sensor.name!r}; wanted: {problem}")
        problem = common_name_problem(sensor.common_name)
        if problem and not errors:
            errors.append(f"sensor_certificates_common_name is {sensor.common_name!r}; wanted: {problem}")
        same = [name for name in users[sensor.common_name.lower()] if name != sensor.name]
        if same:
            errors.append(
                f"sensor_certificates_common_name is {sensor.common_name!r}; wanted: a value of its own: "
                f"{', '.join(same[:3])} has the same"
            )
        if sensor.key_passphrase:
            position = forbidden_passphrase_position(sensor.key_passphrase)
            if position is not None:
                errors.append(
                    f"character {position} of sensor_certificates_key_passphrase is not among those that a sensor takes"
                )
        checked.append(replace(sensor, errors=tuple(errors)))
    return checked


def import_batch(
    sensors: Sequence[Wanted],
    others: Sequence[Wanted],
    store: Store,
    options: ImportOptions,
    check_mode: bool = False,
) -> ImportReport:
    """Sort a delivery out and put each sensor's bundle into the store.

    :param others: the fleet's sensors that this run leaves alone; their files are known for theirs.
    :param check_mode: only look; write nothing, not even a folder or a lock.
    :raises PkiError: for what concerns every sensor.
    """
    sensors = check_sensors(sensors)
    authorities = only_certificates(options.ca_files).certificates
    delivery = read_delivery(options.paths, [*sensors, *others], options.passphrases)
    fit = [sensor for sensor in sensors if not sensor.errors]
    assignments, leftovers = assign(fit, others, delivery.material, authorities)
    outcomes: dict[str, ImportOutcome] = {
        sensor.name: ImportOutcome(sensor.name, FAILED, sensor.common_name, errors=sensor.errors)
        for sensor in sensors
        if sensor.errors
    }
    names = [entry.sensor.name for entry in assignments if entry.selection is not None]
    with locks.hold_for(store, names, options.lock_timeout, check_mode) as holders:
        for entry in assignments:
            name = entry.sensor.name
            if name in holders:
                text = f"another run works on this sensor: {holders[name]}"
                outcomes[name] = ImportOutcome(name, FAILED, entry.sensor.common_name, errors=(text,))
                continue
            try:
                outcomes[name] = _bring_in(entry, store, check_mode)
            except PkiError as error:
                outcomes[name] = ImportOutcome(name, FAILED, entry.sensor.common_name, errors=(str(error),))
    return ImportReport(
        [outcomes[sensor.name] for sensor in sensors], leftovers, delivery.unusable, delivery.passed_over
    )


def _bring_in(entry: Assignment, store: Store, check_mode: bool) -> ImportOutcome:
    sensor = entry.sensor
    common = ImportOutcome(sensor.name, NOTHING, sensor.common_name, notes=entry.notes)
    if entry.errors:
        return replace(common, action=FAILED, errors=entry.errors)
    selection = entry.selection
    if selection is None or selection.leaf is None:
        return common
    form = Form(passphrase=sensor.key_passphrase)
    contents = {kind: outputs.render(kind, selection, form) for kind in KINDS}
    current = store.current(sensor.name)
    reasons: tuple[str, ...] = ("missing",)
    for folder in [*([current] if current else []), *store.pending(sensor.name)]:
        found, why = _same(folder, contents, selection, form)
        if found is not None:
            return replace(common, action=KEPT, files=found, selection=selection)
        if folder == current:
            reasons = why
    done = replace(common, action=IMPORTED, reasons=reasons, selection=selection, changes=_changes(selection, reasons))
    if check_mode:
        errors = _would_fail(sensor, contents)
        return replace(done, action=FAILED, errors=errors) if errors else done
    view = selection.the_leaf.view
    # Of several common names the one that was looked for: that is known to be fit as a file's name.
    name = next(name for name in view.common_names if name.lower() == sensor.common_name.lower())
    return replace(done, files=store.add(sensor.name, view.fingerprint, name, contents, parts.now()))


def _same(
    folder: str, contents: Mapping[str, bytes], selection: Selection, form: Form
) -> tuple[BundleFiles | None, tuple[str, ...]]:
    """The bundle in a folder if it says what is to be staged; otherwise what differs."""
    try:
        files = find_files(folder)
        reasons = [
            f".{kind}: {why}"
            for kind in KINDS
            for why in [outputs.difference(kind, files.read(kind), contents[kind], selection, form)]
            if why is not None
        ]
    except FileError as error:
        return None, (str(error),)
    return (None, tuple(reasons)) if reasons else (files, ())


def _changes(selection: Selection, reasons: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    view = selection.the_leaf.view
    after = f"serial {view.serial:x}, until {parts.iso(view.not_after)}, SHA-256 {view.fingerprint}"
    return (("bundle", "; ".join(reasons), after),)


def _would_fail(sensor: Wanted, contents: Mapping[str, bytes]) -> tuple[str, ...]:
    """In check mode, what staging would say; nothing is in the store yet that it could look at."""
    bundle = Bundle(
        name=sensor.name,
        certificate=Source("certificate.crt", contents["crt"], is_file=False),
        private_key=Source("private.key", contents["key"], is_file=False),
        chain=Source("chain.pem", contents["pem"], is_file=False),
        private_key_passphrase=sensor.key_passphrase,
        expected_common_name=sensor.common_name,
    )
    report = validate_bundles([bundle], Policy())
    return tuple(
        f"{finding.id}: {finding.message}" for finding in report.results[0].findings if finding.severity == ERROR
    )
