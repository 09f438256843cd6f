# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two folders exchange their names in one step, renameat2(2)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# The system or its file system cannot do it.
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def exchange(first: str, second: str) -> None:
    """Each gets the name of the other.

    Where the system cannot exchange names (another than Linux, some network file systems) it takes two steps, between
    which ``second`` is not there; a failure of the later one puts it back.

    :raises OSError: nothing was changed.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        renameat2 = None
    if renameat2 is not None:
        done = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
        if done == 0:
            return
        code = ctypes.get_errno()
        if code not in _UNKNOWN:
            raise OSError(code, os.strerror(code), second)
    aside = f"{first}-aside"
    os.rename(second, aside)
    try:
        os.rename(first, second)
    except OSError:
        os.rename(aside, second)
        raise
    with contextlib.suppress(OSError):
        os.rename(aside, first)
