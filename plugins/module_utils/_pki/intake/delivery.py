# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A delivery: the files for many sensors, taken apart into one pool of certificates and keys."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..parallel import process_map, usable_processors
from .bounded import at_most
from .inputs import InputFile, Inputs, read_inputs
from .material import Material, PackedMaterial, take_apart
from .problem import ERROR, INFO, ConversionProblem, Finding

# Below this, starting processes costs more than it saves.
PARALLEL_FROM = 20
_CHUNK = 4

# All passphrases of a delivery together may take so many seconds of computing, and a worker so long for one file.
SECONDS, SECONDS_PER_FILE = 60.0, 1.0
MAX_SECONDS = 300.0

# Where a private passphrase of a sensor is tried although no name tells that the file is that sensor's.
MAX_UNNAMED = 20

# Lying around in a delivery, these say that somebody meant them to be used; anything else may be a letter.
_MEANT = frozenset((".cer", ".crt", ".pem", ".der", ".p7b", ".p7c", ".pfx", ".p12", ".key", ".jks", ".zip"))
_PERHAPS_LETTERS = frozenset(("src.unknown-format", "src.empty"))


@dataclass(frozen=True)
class Recipient:
    """What is known of a sensor before its files are looked for.

    :ivar passphrase: opens the sensor's own files.
    :ivar key_passphrase: encrypts the key that is staged; None: it is not encrypted.
    :ivar errors: why nothing can be done for it.
    """

    name: str
    common_name: str
    passphrase: str | None = field(default=None, repr=False)
    key_passphrase: str | None = field(default=None, repr=False)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """Everything that was received.

    :ivar unusable: files that were meant to be used and cannot be.
    :ivar passed_over: files and parts of files that are something else.
    """

    material: Material
    unusable: tuple[Finding, ...] = ()
    passed_over: tuple[Finding, ...] = ()


def read_delivery(paths: Sequence[str], sensors: Sequence[Recipient], passphrases: Sequence[str]) -> Delivery:
    """Read and take apart.

    :param passphrases: tried on every file; those of a sensor on files whose path holds its name or common
        name, and on all others as well if there are few.
    :raises ConversionProblem: there is too much of it.
    """
    inputs = read_inputs(paths)
    pool = Material(findings=list(inputs.findings))
    work = functools.partial(_take_apart, sensors=sensors, passphrases=passphrases)
    workers = usable_processors() if len(inputs.files) >= PARALLEL_FROM else 1
    with at_most(SECONDS + SECONDS_PER_FILE * len(inputs.files)):
        for packed in process_map(work, inputs.files, workers, _CHUNK, lost, MAX_SECONDS):
            pool.merge(Material.unpacked(packed))
    unusable: list[Finding] = []
    passed_over: list[Finding] = []
    for entry in pool.findings:
        (passed_over if is_letter(entry, inputs) else unusable).append(entry)
    return Delivery(pool, tuple(unusable), tuple(passed_over))


def _take_apart(file: InputFile, sensors: Sequence[Recipient], passphrases: Sequence[str]) -> PackedMaterial:
    """In a worker: what is in a file; encrypted ones take their time."""
    return take_apart(file, _candidates(file.label, sensors, passphrases)).packed()


def lost(file: InputFile, reason: str) -> PackedMaterial:
    """What is known of a file over which a worker ended."""
    note = ConversionProblem("src.refused", f"it could not be taken apart: {reason}", file.label).finding
    return PackedMaterial([], [], [note], [])


def is_letter(entry: Finding, inputs: Inputs) -> bool:
    """Whether a finding is about something that merely lies there, and that nobody meant to be used."""
    if entry.severity == INFO:
        return True
    if entry.id == "src.empty" and entry.file and os.path.isdir(entry.file):
        return True  # emptied after an import; who has nothing yet is still waited for
    if entry.severity == ERROR or entry.id not in _PERHAPS_LETTERS:
        return False
    return os.path.splitext(entry.file or "")[1].lower() not in _MEANT


def _candidates(label: str, sensors: Sequence[Recipient], passphrases: Sequence[str]) -> list[str]:
    text = label.lower()
    own = [sensor for sensor in sensors if sensor.passphrase]
    named = [sensor for sensor in own if sensor.name.lower() in text or sensor.common_name.lower() in text]
    # The longest name first: sensor-1 is found in the path of sensor-10 as well.
    named.sort(key=lambda sensor: -len(sensor.name))
    found = [sensor.passphrase for sensor in named] + list(passphrases)
    if len(own) <= MAX_UNNAMED:
        found += [sensor.passphrase for sensor in own]
    return list(dict.fromkeys(passphrase for passphrase in found if passphrase))
