# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two folders exchange their names in one step, renameat2(2)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os

from ...._plain.folders import Folder

_RENAME_EXCHANGE = 2
# The system or its file system cannot do it.
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def exchange(folder: Folder, first: str, second: str) -> None:
    """Each of two names in a folder gets what the other has.

    Where the system cannot exchange names (another than Linux, some network file systems) it takes two steps, between
    which ``second`` is not there; a failure of the later one puts it back.

    :raises OSError: nothing was changed.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        renameat2 = None
    if renameat2 is not None:
        here = folder.descriptor
        done = renameat2(here, os.fsencode(first), here, os.fsencode(second), _RENAME_EXCHANGE)
        if done == 0:
            return
        code = ctypes.get_errno()
        if code not in _UNKNOWN:
            raise OSError(code, os.strerror(code), folder.at(second))
    aside = f"{first}-aside"
    folder.rename(second, aside)
    try:
        folder.rename(first, second)
    except OSError:
        folder.rename(aside, second)
        raise
    with contextlib.suppress(OSError):
        folder.rename(aside, first)
