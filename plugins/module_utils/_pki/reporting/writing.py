# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report's files: every format is a file of this room, and each file is whole or absent."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..._plain.errors import FileError, InputError
from ..._plain.files import PUBLIC_FILE, PUBLIC_FOLDER, why
from ..._plain.folders import Folder
from ..values.lists import some
from . import as_csv, as_html, as_json, as_markdown, as_metrics, as_sheets
from .facts import Fleet

FORMATS: Mapping[str, tuple[str, Callable[[Fleet], bytes]]] = MappingProxyType(
    {
        "json": (as_json.NAME, as_json.render),
        "html": (as_html.NAME, as_html.render),
        "csv": (as_csv.NAME, as_csv.render),
        "metrics": (as_metrics.NAME, as_metrics.render),
        "markdown": (as_markdown.NAME, as_markdown.render),
    }
)
MOST_NAMED = 8
MAX_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Written:
    """What became of the files.

    :ivar files: their names. :ivar changed: those that tell something else than before. The time at which a report was
        made is no such thing: a second run over the same state changes nothing, but the files say that it looked.
    :ivar problem: which files could not be written and why, as one sentence, or None; the others were.
    """

    files: tuple[str, ...]
    changed: tuple[str, ...]
    problem: str | None = None


def check_formats(given: Sequence[str]) -> list[str]:
    """The formats, each once.

    :raises InputError: there is no such format.
    """
    for name in given:
        if name not in FORMATS:
            raise InputError(f"fleet_report_formats has {name!r}; wanted: any of {', '.join(FORMATS)}")
    return list(dict.fromkeys(given))


def render(fleet: Fleet, formats: Sequence[str], sheets: bool = False) -> dict[str, bytes]:
    """The files by name."""
    return dict(rendered(fleet, formats, sheets))


def rendered(fleet: Fleet, formats: Sequence[str], sheets: bool = False) -> Iterator[tuple[str, bytes]]:
    """The files, each made when its turn has come: those of a large fleet need not be in memory together."""
    for name in formats:
        yield FORMATS[name][0], FORMATS[name][1](fleet)
    if sheets:
        yield from as_sheets.render(fleet).items()


def write(folder: str, files: Iterable[tuple[str, bytes]], sheets: bool, check_mode: bool = False) -> Written:
    """Put the files into the folder, each in one step.

    :param sheets: sheets of sites that have none any more are removed.
    :raises FileError: the folder cannot be made or opened.
    """
    names: list[str] = []
    changed: list[str] = []
    failed: dict[str, list[str]] = {}
    try:
        with _opened(folder, check_mode) as opened:
            for name, content in files:
                try:
                    differs = opened is None or _differs(opened, name, content)
                    if opened is not None and not check_mode:
                        opened.replace(name, content, PUBLIC_FILE)
                except (OSError, FileError) as error:
                    failed.setdefault(_reason(error), []).append(name)
                    continue
                names.append(name)
                changed += [name] if differs else []
            if sheets and opened is not None:
                changed += _without_former(
                    opened, [*names, *(name for found in failed.values() for name in found)], check_mode
                )
    except (OSError, FileError) as error:
        raise FileError(f"the report could not be written into {folder}: {_reason(error)}") from error
    told = "; ".join(f"{some(found, MOST_NAMED)}: {reason}" for reason, found in failed.items())
    problem = f"the report could not be written into {folder} as a whole: {told}" if told else None
    return Written(tuple(names), tuple(changed), problem)


def _reason(error: OSError | FileError) -> str:
    return why(error) if isinstance(error, OSError) else str(error)


def _without_former(folder: Folder, names: Sequence[str], check_mode: bool) -> list[str]:
    """Remove the sheets of sites that have none any more."""
    former = [name for name in folder.listdir() if as_sheets.is_sheet(name) and name not in names]
    for name in former if not check_mode else ():
        folder.unlink(name)
    return former


@contextlib.contextmanager
def _opened(folder: str, check_mode: bool) -> Iterator[Folder | None]:
    """The folder, made if it is missing; in check mode None then."""
    if check_mode and not os.path.lexists(folder):
        yield None
        return
    with Folder.open(folder, make=None if check_mode else PUBLIC_FOLDER) as opened:
        yield opened


# The places where a file says when it was made: quoted after the key, after the word, or as the metric's value.
_STAMP = re.compile(
    rb'(?P<before>"?[Gg]enerated"?[: >]{1,20}"?|^ot_pki_report_generated )'
    rb"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z|[0-9]{9,12})",
    re.MULTILINE,
)


def _differs(folder: Folder, name: str, content: bytes) -> bool:
    there = folder.look(name)
    if there is None or folder.is_link(name):
        return True
    try:
        before = folder.read(name, MAX_BYTES)
    except FileError:
        return True
    if before == content:
        return False
    # All times are of one length, so files that tell the same are.
    return len(before) != len(content) or not _same_but_for_times(before, content)


def _same_but_for_times(before: bytes, after: bytes) -> bool:
    """Piece by piece, since the files of a large fleet are large, and copies of them larger still."""
    earlier, later = memoryview(before), memoryview(after)
    place = 0
    for stamp in _STAMP.finditer(after):
        there = _STAMP.match(before, stamp.start())
        end = stamp.end("before")
        if there is None or there.span() != stamp.span() or earlier[place:end] != later[place:end]:
            return False
        place = stamp.end()
    return earlier[place:] == later[place:]
