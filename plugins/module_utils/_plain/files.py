# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are whole or absent, with the standard library alone (runs on any host)."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat

from .errors import FileError

PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644
PRIVATE_FOLDER = 0o700


def why(error: OSError) -> str:
    """The operating system's own words for what went wrong ("No space left on device")."""
    return error.strerror or str(error)


def read_file(path: str, max_bytes: int = 64 * 1024 * 1024) -> bytes:
    """The content of a regular file.

    :param max_bytes: refuse anything larger (bytes); devices and pipes are refused as well.
    :raises FileError: missing, not a regular file, unreadable or too large.
    """
    try:
        # Not blocking, so that a pipe without a writer is an error and not a wait.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path} is not a regular file")
            if status.st_size > max_bytes:
                raise FileError(f"{path} has {status.st_size} bytes; at most {max_bytes} are read")
            return stream.read(max_bytes + 1)[:max_bytes]
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error


def unused_name(folder: str, prefix: str = ".new-") -> str:
    """A path in a folder that nobody has; to be created exclusively.

    Unlike :func:`tempfile.mkstemp` it creates nothing, so links and folders can be made under it as well.
    """
    return os.path.join(folder or ".", prefix + secrets.token_hex(8))


def write_new(path: str, content: bytes, mode: int, durable: bool = False) -> None:
    """Create a file that must not exist yet, with its final mode from the first byte on.

    :param durable: wait until the content is on the disk, for what could not be made again.
    :raises OSError: the file exists, or could not be written whole.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    with os.fdopen(descriptor, "wb") as stream:
        # The umask may have taken bits away; it can never have added any.
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())


def write_once(path: str, content: bytes, mode: int) -> None:
    """Create a file in one step: it appears with all its content, and never replaces another.

    :raises FileExistsError: the file exists already.
    :raises OSError: it could not be written; nothing is left behind.
    """
    temporary = unused_name(os.path.dirname(path))
    try:
        write_new(temporary, content, mode)
        os.link(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def replace_file(path: str, content: bytes, mode: int) -> None:
    """Put new content in place of a file, atomically: readers see the old or the new, never a mix.

    :raises OSError: it could not be written; the old file is untouched and nothing is left behind.
    """
    temporary = unused_name(os.path.dirname(path))
    try:
        write_new(temporary, content, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def sync_folder(path: str) -> None:
    """Make names created in a folder durable; file systems that cannot are left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
