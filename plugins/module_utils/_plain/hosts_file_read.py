# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a hosts file."""

from __future__ import annotations

import os

from .errors import FileError
from .file_update import Current

MAX_BYTES = 64 * 1024 * 1024


def read_hosts(path: str) -> Current:
    """A hosts file; empty if there is none yet.

    :raises FileError: it cannot be read, or is a link to nothing.
    """
    if os.path.islink(path) and not os.path.exists(path):
        raise FileError(f"{path} is a link to {os.readlink(path)}, which does not exist; repair or remove the link")
    if not os.path.exists(path) and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise FileError(f"{path} cannot be made: its folder does not exist")
    return Current.read(path, MAX_BYTES)
