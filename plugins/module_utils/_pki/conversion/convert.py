# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One conversion from beginning to end: read, select, compare, place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.file_update import Current
from ..intake.inputs import MAX_FILE, InputFile
from ..intake.material import gather, take_apart
from ..intake.problem import ERROR, INFO, WARNING, ConversionProblem, Finding, finding
from ..intake.selection import Selection, select
from ..profiles.defender_iot.profile import DEFENDER_IOT
from ..values import moments
from ..values import text as texts
from ..values.failures import alone
from ..values.text import name_text
from . import outputs
from .outputs import Form
from .placing import Ownership, Placement, place, plan_placement, read_current


@dataclass(frozen=True)
class Conversion:
    """What is to be converted into what.

    :ivar outputs: paths by kind (:data:`.outputs.KINDS`).
    :ivar wanted: names the certificate that is meant, if there are several.
    """

    src: tuple[str, ...]
    outputs: Mapping[str, str]
    passphrase: str | None = field(default=None, repr=False)
    form: Form = field(default_factory=Form)
    wanted: str | None = None
    ownership: Ownership = field(default_factory=Ownership)
    backup: bool = False


@dataclass(frozen=True)
class OutputOutcome:
    """What became of one file."""

    kind: str
    path: str
    reasons: tuple[str, ...] = ()
    backup_file: str | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the file is, or would be, another than before."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Outcome:
    """What became of a conversion; with an error among the findings nothing was written."""

    conversion: Conversion
    files: tuple[OutputOutcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    selection: Selection | None = None

    @property
    def error(self) -> Finding | None:
        """The first thing that kept it from being done."""
        return next((entry for entry in self.findings if entry.severity == ERROR), None)

    def to_dict(self) -> dict[str, Any]:
        """The outcome as plain data, without anything secret."""
        data: dict[str, Any] = {
            "src": list(self.conversion.src),
            "changed": any(file.changed for file in self.files),
            "failed": self.error is not None,
            "msg": self._message(),
            "outputs": {
                file.kind: {
                    "path": file.path,
                    "changed": file.changed,
                    "reasons": list(file.reasons),
                    "backup_file": file.backup_file,
                }
                for file in self.files
            },
            "findings": [entry.to_dict() for entry in self.findings],
            "certificate": None,
            "chain": [],
            "chain_complete": None,
            "key": None,
        }
        if self.selection is not None:
            data.update(_facts(self.selection, self.conversion.form))
        return data

    def _message(self) -> str:
        error = self.error
        if error is not None:
            where = f"{error.file}: " if error.file else ""
            return f"{where}{error.message}. {error.hint}"
        changed = [file for file in self.files if file.changed]
        text = ", ".join(f"{file.path} ({'; '.join(file.reasons)})" for file in changed) or "nothing to change"
        notes = [entry.message for entry in self.findings if entry.severity == WARNING or entry.id.startswith("key.")]
        return ". ".join([text, *notes])


def _facts(selection: Selection, form: Form) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "chain": [name_text(entry.view.subject) for entry in selection.chain],
        "chain_complete": bool(selection.chain) and selection.gap is None,
    }
    if selection.leaf is not None:
        view = selection.leaf.view
        facts["certificate"] = {
            "common_name": view.common_names[-1] if view.common_names else None,
            "subject": name_text(view.subject),
            "issuer": name_text(view.issuer),
            "serial_number": texts.serial_text(view.serial),
            "not_after": moments.iso(view.not_after),
            "fingerprint": view.fingerprint,
            "friendly_name": selection.leaf.friendly_name,
            "source": selection.leaf.source,
        }
    if selection.key is not None:
        facts["key"] = {
            "kind": selection.key.kind,
            "public_key_id": selection.key.key_id,
            "was_encrypted": selection.key.encrypted,
            "encrypted": bool(form.passphrase),
            "source": selection.key.source,
        }
    return facts


def convert(conversion: Conversion, check_mode: bool = False) -> Outcome:
    """Convert; a fault becomes a finding of severity error, and then nothing was written."""
    return alone(
        lambda: _convert(conversion, check_mode),
        lambda problem: Outcome(conversion, findings=(finding("src.damaged", ERROR, f"not converted: {problem}"),)),
    )


def _convert(conversion: Conversion, check_mode: bool) -> Outcome:
    findings: list[Finding] = []
    selection = None
    try:
        _check_passphrase(conversion)
        material = gather(conversion.src, [conversion.passphrase] if conversion.passphrase else [])
        if material.errors:
            return Outcome(conversion, findings=tuple(material.errors))
        findings += material.findings
        selection = select(material, outputs.needs_of(list(conversion.outputs)), conversion.wanted)
        findings += selection.findings
        findings += _key_notes(conversion, selection)
        files = _carry_out(conversion, selection, check_mode)
    except ConversionProblem as problem:
        return Outcome(conversion, findings=(problem.finding, *findings), selection=selection)
    return Outcome(conversion, tuple(files), tuple(findings), selection)


def _check_passphrase(conversion: Conversion) -> None:
    passphrase = conversion.form.passphrase
    if not passphrase or not set(conversion.outputs) & outputs.HOLDING_KEYS:
        return
    position = DEFENDER_IOT.forbidden_passphrase_position(passphrase)
    if position is not None:
        message = f"character {position} of output_passphrase is not among those that a sensor takes"
        raise ConversionProblem("key.passphrase-characters", message)


def _key_notes(conversion: Conversion, selection: Selection) -> list[Finding]:
    holding = [kind for kind in conversion.outputs if kind in outputs.HOLDING_KEYS]
    if not holding or selection.key is None:
        return []
    notes = []
    if selection.key.encrypted and not conversion.form.passphrase:
        message = "the private key was encrypted and is written unencrypted"
        notes.append(finding("key.written-unencrypted", INFO, message, conversion.outputs[holding[0]]))
    mode = conversion.ownership.mode
    if mode is not None and mode & 0o004:
        message = f"with mode {mode:04o} everybody on the machine can read the private key"
        notes.append(finding("key.readable-by-others", WARNING, message, conversion.outputs[holding[0]]))
    return notes


def _carry_out(conversion: Conversion, selection: Selection, check_mode: bool) -> list[OutputOutcome]:
    placements: list[Placement] = []
    files: list[OutputOutcome] = []
    for kind, path in conversion.outputs.items():
        wanted = outputs.render(kind, selection, conversion.form)
        current = read_current(path, MAX_FILE)
        reason, before = _compare(kind, current, wanted, selection, conversion.form)
        content = wanted if reason else None
        placement = plan_placement(current, content, kind in outputs.HOLDING_KEYS, conversion.ownership)
        reasons = ([reason] if reason else []) + list(placement.attributes if placement else ())
        if placement is not None:
            placements.append(placement)
            if not check_mode:
                _check_folder(path)
        after = outputs.planned_lines(kind, selection, conversion.form) if reason else list(before)
        if placement is not None and placement.attributes:
            before = [*before, *(f"attribute: {text.split(' instead of ')[0]}" for text in placement.attributes)]
            after = [
                *after,
                *(f"attribute: {text.split()[0]} {text.split(' instead of ')[1]}" for text in placement.attributes),
            ]
        files.append(OutputOutcome(kind, path, tuple(reasons), before=tuple(before), after=tuple(after)))
    if check_mode or not placements:
        return files
    backups = place(placements, conversion.backup)
    return [
        OutputOutcome(file.kind, file.path, file.reasons, backups.get(file.path), file.before, file.after)
        for file in files
    ]


def _check_folder(path: str) -> None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise ConversionProblem("dest.unusable", f"cannot be written: there is no folder {folder}", path)


def _compare(
    kind: str, current: Current, wanted: bytes, selection: Selection, form: Form
) -> tuple[str | None, Sequence[str]]:
    """Why the file has to be written, and what it is now."""
    if current.status is None:
        return "missing", ()
    if current.status.st_size > MAX_FILE:
        return "it is too large to be what is wanted", ("a large file",)
    reason = outputs.difference(kind, current.content, wanted, selection, form)
    if reason is None:
        return None, outputs.planned_lines(kind, selection, form)
    material = take_apart(InputFile(current.path, current.content), [form.passphrase] if form.passphrase else [])
    return reason, outputs.describe(kind, material)
