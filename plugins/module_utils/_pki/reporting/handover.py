# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a site gets in its hands: an archive with the files of its sensors that wait for their upload, and their sheets.

Nothing of the store goes along: no earlier keys, no other sites' keys. Who may open an archive holds the keys in it, so
it is the owner's alone from its first byte, and it is gone with the next report after the consoles were seen.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..._plain.errors import FileError, PkiError
from ..._plain.files import PRIVATE_FILE, PRIVATE_FOLDER, why
from ..._plain.folders import Folder
from ..._plain.texts import harmless
from ..state.fleet import FleetState
from . import as_sheets
from .facts import Fleet, SensorRow

SHEETS = "upload-sheets.html"
_PREFIX, _SUFFIX = "handover-", ".zip"
_MAX_BYTES = 1024 * 1024 * 1024
# The same content is the same archive, whenever it is made.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True)
class HandedOver:
    """What became of the archives.

    :ivar files: their names. :ivar changed: those that were written or removed. :ivar problems: which sensors are in
        none although they wait, and why.
    """

    files: tuple[str, ...]
    changed: tuple[str, ...]
    problems: tuple[str, ...]


def hand_over(fleet: Fleet, state: FleetState, folder: str, check_mode: bool = False) -> HandedOver:
    """Bring the folder to what waits for an upload now: an archive for each site, whole or absent.

    :raises FileError: the folder or an archive cannot be written; those written before it are whole.
    """
    problems: list[str] = []
    changed: list[str] = []
    wanted = {
        as_sheets.site_file(site, _PREFIX, _SUFFIX): (site, rows)
        for site, rows in as_sheets.waiting_by_site(fleet).items()
    }
    names: list[str] = []
    try:
        if not os.path.isdir(folder) and (check_mode or not wanted):
            return HandedOver(tuple(sorted(wanted)), tuple(sorted(wanted)), ())
        with Folder.open(folder, make=None if check_mode else PRIVATE_FOLDER) as opened:
            for name, (site, rows) in sorted(wanted.items()):
                content = _archive(fleet, site, rows, state, problems)
                if content is None:
                    continue
                names.append(name)
                if _differs(opened, name, content):
                    changed.append(name)
                    if not check_mode:
                        opened.replace(name, content, PRIVATE_FILE, durable=True)
            former = [name for name in opened.listdir() if _is_archive(name) and name not in names]
            for name in former if not check_mode else ():
                opened.unlink(name)
    except (OSError, FileError) as error:
        reason = why(error) if isinstance(error, OSError) else str(error)
        raise FileError(f"the files to hand over could not be written into {folder}: {reason}") from error
    return HandedOver(tuple(names), (*changed, *sorted(former)), tuple(problems))


def _is_archive(name: str) -> bool:
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def _differs(folder: Folder, name: str, content: bytes) -> bool:
    there = folder.look(name)
    if there is None or folder.is_link(name) or there.st_mode & 0o077:
        return True
    try:
        return folder.read(name, _MAX_BYTES) != content
    except FileError:
        return True


def _archive(
    fleet: Fleet, site: str, rows: Sequence[SensorRow], state: FleetState, problems: list[str]
) -> bytes | None:
    """A site's archive; None if none of its sensors has files to hand over."""
    files: dict[str, bytes] = {}
    inside: list[SensorRow] = []
    for row in rows:
        try:
            bundle = _files(row, state)
        except (PkiError, OSError) as error:
            problems.append(f"{harmless(row.name)} is in no archive to hand over: {harmless(error)}")
            continue
        files.update(bundle)
        inside.append(_with_paths(row))
    if not inside:
        return None
    # When it was made is no part of it; since when the newest waits is.
    since = max((row.upload.since or "" for row in inside), default="")
    files[SHEETS] = as_sheets.page(replace(fleet, generated=since or "with the first run"), site, inside)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = (0o100600 if path.endswith(".key") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return stream.getvalue()


def _files(row: SensorRow, state: FleetState) -> dict[str, bytes]:
    """A sensor's three files, by their paths in the archive.

    :raises FileError: they cannot be read, or are not those that the sheet describes.
    """
    bundle = state.visible(row.name)
    if bundle is None:
        raise FileError("nothing is staged")
    paths = {"crt": bundle.files.crt, "key": bundle.files.key, "pem": bundle.files.pem}
    described = {entry["kind"]: entry["sha256"] for entry in row.upload.files}
    for kind, content in bundle.contents.items():
        if not content:
            raise FileError(f"{paths[kind]} is empty or cannot be read")
        if described.get(kind) != hashlib.sha256(content).hexdigest():
            raise FileError(f"{paths[kind]} was replaced meanwhile; run the report again")
    return {f"{row.name}/{os.path.basename(paths[kind])}": bytes(content) for kind, content in bundle.contents.items()}


def _with_paths(row: SensorRow) -> SensorRow:
    """The row with its files' paths as they are in the archive, for its sheet."""

    def here(entry: Mapping[str, str]) -> dict[str, str]:
        return {**entry, "path": f"{row.name}/{os.path.basename(entry['path'])}"}

    return replace(row, upload=replace(row.upload, files=tuple(map(here, row.upload.files))))
