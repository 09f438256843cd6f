# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are whole or absent, with the standard library alone (runs on any host)."""

from __future__ import annotations

import contextlib
import os
import re
import shutil

from .errors import FileError
from .folders import MAX_BYTES, Folder, check_path, read_with_mode

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
PRIVATE_FOLDER = 0o700
PUBLIC_FOLDER = 0o755


def why(error: OSError) -> str:
    """The operating system's own words for what went wrong ("No space left on device")."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        # Of a folder that was copied: each file with its reason; one tells enough.
        path, _to, reason = error.args[0][0]
        words = re.sub(r"^\[Errno [0-9]+\] |: '.*", "", str(reason))
        return f"{path}: {words}"
    return error.strerror or str(error)


def read_file(path: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a regular file; links are followed.

    :param max_bytes: refuse anything larger (bytes); devices and pipes are refused as well.
    :raises FileError: missing, not a regular file, unreadable or too large.
    """
    return read_file_with_mode(path, max_bytes)[0]


def read_file_with_mode(path: str, max_bytes: int = MAX_BYTES) -> tuple[bytes, int]:
    """Like :func:`read_file`, with the mode bits of the file that was read."""
    check_path(path)
    try:
        # Not blocking, so that a pipe without a writer is an error and not a wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error
    return read_with_mode(descriptor, path, max_bytes)


def unused_name(folder: str, prefix: str = ".new-") -> str:
    """A path in a folder that nobody has; to be created exclusively.

    Unlike :func:`tempfile.mkstemp` it creates nothing, so links and folders can be made under it as well.
    """
    return os.path.join(folder or ".", Folder.unused_name(prefix))


def write_new(path: str, content: bytes, mode: int, durable: bool = False) -> None:
    """Create a file that must not exist yet, with its final mode from the first byte on.

    :param durable: wait until the content is on the disk, for what could not be made again.
    :raises OSError: the file exists, or could not be written whole.
    """
    folder, name = os.path.split(path)
    with Folder.open(folder) as opened:
        opened.write_new(name, content, mode, durable)


def write_once(path: str, content: bytes, mode: int) -> None:
    """Create a file in one step: it appears with all its content, and never replaces another.

    :raises FileExistsError: the file exists already.
    :raises OSError: it could not be written; nothing is left behind.
    """
    folder, name = os.path.split(path)
    with Folder.open(folder) as opened:
        opened.write_once(name, content, mode)


def replace_file(path: str, content: bytes, mode: int) -> None:
    """Put new content in place of a file, atomically: readers see the old or the new, never a mix.

    :raises OSError: it could not be written; the old file is untouched and nothing is left behind.
    """
    folder, name = os.path.split(path)
    with Folder.open(folder) as opened:
        opened.replace(name, content, mode)


def make_folder(path: str, mode: int) -> None:
    """See to it that a folder is there, with those above it; what is made has exactly this mode.

    Unlike :func:`os.makedirs` it makes nothing where another user's link leads (:meth:`.folders.Folder.open`).

    :raises OSError: it cannot be made.
    """
    Folder.open(path, make=mode).close()


def remove_file(path: str) -> None:
    """Remove a file or link.

    :raises OSError: there is none, or it cannot be removed.
    """
    folder, name = os.path.split(path)
    with Folder.open(folder) as opened:
        opened.unlink(name)


def sync_folder(path: str) -> None:
    """Make names created in a folder durable; file systems that cannot are left alone."""
    with contextlib.suppress(OSError), Folder.open(path) as opened:
        opened.fsync()
