# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder for workstations that Ansible does not reach: certificates, hosts lines, and a page that says what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..._plain.errors import FileError
from ..._plain.files import PUBLIC_FILE, PUBLIC_FOLDER, why
from ..._plain.folders import Folder
from ..._plain.hosts_file_entries import Entry
from ..._plain.trust.model import OURS
from .judge import Judged

HOSTS, PAGE = "hosts.txt", "index.html"


def write_folder(
    folder: str, judged: Sequence[Judged], entries: Sequence[Entry], page: bytes, check_mode: bool
) -> list[str]:
    """Write what differs, and remove the certificates of earlier runs that are no longer given.

    :param page: what says what to do (:mod:`..reporting.as_workstations`).
    :returns: the names of the files that were written or removed.
    :raises FileError: the folder or a file cannot be written.
    """
    files = {f"{one.name}.cer": one.der for one in judged}
    files[HOSTS] = _hosts(entries)
    files[PAGE] = page
    if check_mode and not os.path.isdir(folder):
        return sorted(files)
    try:
        with Folder.open(folder, make=PUBLIC_FOLDER) as opened:
            present = set(opened.listdir())
            former = sorted(name for name in present - set(files) if name.startswith(OURS) and name.endswith(".cer"))
            differing = [name for name in files if name not in present or _differs(opened, name, files[name])]
            if not check_mode:
                for name in differing:
                    opened.replace(name, files[name], PUBLIC_FILE)
                for name in former:
                    opened.unlink(name)
    except OSError as error:
        raise FileError(f"{folder} cannot be written: {why(error)}") from error
    return sorted([*differing, *former])


def _differs(folder: Folder, name: str, content: bytes) -> bool:
    # A link is replaced by a file: the folder is copied to shares as it is.
    return folder.is_link(name) or folder.read(name) != content


def _hosts(entries: Sequence[Entry]) -> bytes:
    # Line ends of Windows: most of these workstations are, and other systems' editors cope.
    return "".join(f"{entry.ip}\t{' '.join(entry.names)}\r\n" for entry in entries).encode("ascii")
