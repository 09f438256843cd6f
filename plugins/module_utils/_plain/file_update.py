# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes files that were there before: atomically where that can be, in place where the file itself is a mount."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil

from .errors import FileError
from .files import PRIVATE_FILE, PUBLIC_FILE, sync_folder, unused_name, why, write_new

# Another name cannot be put in the file's place: a mount (container), a read-only or foreign folder.
_IN_PLACE = (errno.EBUSY, errno.EXDEV, errno.EROFS, errno.EACCES, errno.EPERM)


def update_file(path: str, content: bytes) -> bool:
    """Put new content in place of a file; owner, mode and extended attributes (SELinux) stay.

    A link is followed: the file that it leads to is replaced, the link stays.

    :returns: whether it was written in place, because the file could not be replaced as a whole.
    :raises FileError: it could not be written; the file is as it was.
    """
    target = os.path.realpath(path)
    try:
        _replace(target, content)
        in_place = False
    except OSError as error:
        if error.errno not in _IN_PLACE or not os.path.exists(target):
            raise FileError(f"{path} cannot be written: {why(error)}") from error
        try:
            _overwrite(target, content)
        except OSError as second:
            raise FileError(f"{path} cannot be written: {why(second)}") from second
        in_place = True
    sync_folder(os.path.dirname(target))
    return in_place


def _replace(target: str, content: bytes) -> None:
    temporary = unused_name(os.path.dirname(target))
    try:
        exists = os.path.exists(target)
        write_new(temporary, content, PRIVATE_FILE if exists else PUBLIC_FILE, durable=True)
        if exists:
            status = os.stat(target)
            shutil.copystat(target, temporary)  # mode and, on Linux, extended attributes
            os.utime(temporary)
            if (status.st_uid, status.st_gid) != (os.stat(temporary).st_uid, os.stat(temporary).st_gid):
                os.chown(temporary, status.st_uid, status.st_gid)
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _overwrite(target: str, content: bytes) -> None:
    with open(target, "r+b") as stream:
        if content and hasattr(os, "posix_fallocate"):
            # A full disk must be noticed before the old content is touched.
            try:
                os.posix_fallocate(stream.fileno(), 0, len(content))
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
        stream.write(content)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())
