# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder in which answers lie: any file, of any name and format; which one is whose, the public key says."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..._plain.errors import FileError
from ..._plain.files import why
from ..intake.bounded import at_most
from ..intake.delivery import MAX_SECONDS, PARALLEL_FROM, SECONDS, SECONDS_PER_FILE, is_letter, lost
from ..intake.inputs import InputFile, read_inputs
from ..intake.material import FoundCertificate, Material, PackedMaterial, take_apart
from ..intake.problem import INFO
from ..parallel import process_map, usable_processors
from ..values.lists import counted
from ..values.text import show

_CHUNK = 16
_MOST_LINES = 10


@dataclass(frozen=True)
class Answers:
    """What lies in an inbox, as far as it concerns this run.

    :ivar by_key: certificates by their public key's id; ``strangers``: by common name (lower case), for other keys.
    :ivar authorities: CA certificates, each once.
    :ivar lines: files that cannot be used, in words.
    """

    by_key: Mapping[str, Sequence[FoundCertificate]] = field(default_factory=dict)
    strangers: Mapping[str, Sequence[FoundCertificate]] = field(default_factory=dict)
    authorities: Sequence[FoundCertificate] = ()
    lines: tuple[str, ...] = ()


def read_answers(path: str, keys: Collection[str], names: Collection[str], passphrases: Sequence[str] = ()) -> Answers:
    """Look through an inbox; one that does not exist is empty, and told.

    :param keys: the public key ids that are waited for. :param names: common names, in lower case.
    :raises FileError: the folder cannot be read.
    :raises ConversionProblem: there is too much in it.
    """
    if not os.path.lexists(path):
        return Answers(lines=(f"there is no folder {show(path, 400)}, in which answers are looked for",))
    try:
        os.listdir(path)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error
    inputs = read_inputs([path])
    work = functools.partial(_take, keys=frozenset(keys), names=frozenset(names), passphrases=tuple(passphrases))
    workers = usable_processors() if len(inputs.files) >= PARALLEL_FROM else 1
    findings = [entry for entry in inputs.findings if entry.id != "src.empty" or entry.file != path]
    seen: set[str] = set()
    by_key: dict[str, list[FoundCertificate]] = {}
    strangers: dict[str, list[FoundCertificate]] = {}
    authorities: list[FoundCertificate] = []
    with at_most(SECONDS + SECONDS_PER_FILE * len(inputs.files)):
        for packed in process_map(work, inputs.files, workers, _CHUNK, lost, MAX_SECONDS):
            material = Material.unpacked(packed)
            findings += material.findings
            for entry in material.certificates:
                if entry.view.fingerprint in seen:
                    continue
                seen.add(entry.view.fingerprint)
                if entry.key_id in keys:
                    by_key.setdefault(entry.key_id or "", []).append(entry)
                elif entry.is_ca:
                    authorities.append(entry)
                else:
                    for name in {name.lower() for name in entry.view.common_names} & set(names):
                        strangers.setdefault(name, []).append(entry)
    told = [entry for entry in findings if entry.severity != INFO and not is_letter(entry, inputs)]
    lines = [
        show(
            f"not used: {entry.file}: {entry.message}. If it is still being written, the next run takes it; "
            f"otherwise: {entry.hint}",
            600,
        )
        for entry in told[:_MOST_LINES]
    ]
    if len(told) > _MOST_LINES:
        lines.append(f"not used: {counted(len(told) - _MOST_LINES, 'more file')} in {show(path, 200)}")
    return Answers(by_key, strangers, authorities, tuple(lines))


def _take(file: InputFile, keys: frozenset[str], names: frozenset[str], passphrases: tuple[str, ...]) -> PackedMaterial:
    """In a worker: of a file, what matters here. Keys are none of our business."""
    found = take_apart(file, passphrases)
    certificates = [
        entry
        for entry in found.certificates
        if entry.key_id in keys or entry.is_ca or not names.isdisjoint(name.lower() for name in entry.view.common_names)
    ]
    return Material(certificates, findings=found.findings, kinds=found.kinds).packed()
