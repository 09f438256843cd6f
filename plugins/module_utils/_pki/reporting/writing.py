# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A report's files: every format is a file of this room, and each file is whole or absent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ..._plain.errors import FileError, InputError
from ..._plain.files import PUBLIC_FILE, PUBLIC_FOLDER, why
from ..._plain.folders import Folder
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
MAX_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True)
class Written:
    """What became of the files.

    :ivar files: their names. :ivar changed: those that tell something else than before. The time at which a report was
        made is no such thing: a second run over the same state changes nothing, but the files say that it looked.
    """

    files: tuple[str, ...]
    changed: tuple[str, ...]


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
    files = {FORMATS[name][0]: FORMATS[name][1](fleet) for name in formats}
    return {**files, **as_sheets.render(fleet)} if sheets else files


def write(folder: str, files: Mapping[str, bytes], sheets: bool, check_mode: bool = False) -> Written:
    """Put the files into the folder, each in one step.

    :param sheets: sheets of sites that have none any more are removed.
    :raises FileError: the folder or a file cannot be written; those written before it are whole.
    """
    try:
        if check_mode:
            return _compare(folder, files)
        with Folder.open(folder, make=PUBLIC_FOLDER) as opened:
            changed = [name for name in files if _differs(opened, name, files[name])]
            for name, content in files.items():
                opened.replace(name, content, PUBLIC_FILE)
            former = (
                [name for name in opened.listdir() if as_sheets.is_sheet(name) and name not in files] if sheets else []
            )
            for name in former:
                opened.unlink(name)
    except (OSError, FileError) as error:
        reason = why(error) if isinstance(error, OSError) else str(error)
        raise FileError(f"the report could not be written into {folder}: {reason}") from error
    return Written(tuple(files), (*changed, *former))


def _compare(folder: str, files: Mapping[str, bytes]) -> Written:
    try:
        with Folder.open(folder) as opened:
            changed = [name for name in files if _differs(opened, name, files[name])]
    except FileNotFoundError:
        changed = list(files)
    return Written(tuple(files), tuple(changed))


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
    return before != content and _undated(before) != _undated(content)


def _undated(content: bytes) -> bytes:
    return _STAMP.sub(rb"\g<before>", content)
