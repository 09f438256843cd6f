# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes files that were there before: atomically where that can be, in place where the file itself is a mount.

Owner, mode and attributes of the new file are those of the very file that was read. Looked up again by name they
might be another file's by then, and what is readable by few would be given to many.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import stat
from dataclasses import dataclass, field

from .errors import FileError
from .files import PUBLIC_FILE, why
from .folders import MAX_BYTES, Folder, UnsafePathError, attributes_of, read_descriptor

# Another name cannot be put in the file's place: a mount (container), a read-only or foreign folder.
_IN_PLACE = (errno.EBUSY, errno.EXDEV, errno.EROFS, errno.EACCES, errno.EPERM)
# They vouch for content, or give it powers; new content has not earned them.
_NOT_KEPT = ("security.capability", "security.ima", "security.evm")
_MODE = 0o777


@dataclass(frozen=True)
class Current:
    """A file as it was read, to be given new content.

    :ivar path: how it was named.
    :ivar status: its status, or ``None`` if there was no file; ``content`` is empty then.
    """

    path: str
    content: bytes = field(default=b"", repr=False)
    status: os.stat_result | None = None
    attributes: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: str, max_bytes: int = MAX_BYTES) -> Current:
        """Read a file that may be missing. A link is followed if it belongs to root or to this process's user.

        :raises FileError: it cannot be read, is no regular file, or lies where a planted link leads.
        """
        try:
            folder, name = Folder.of(path)
            with folder:
                try:
                    descriptor = folder.open_file(name, os.O_RDONLY)
                except FileNotFoundError:
                    return cls(path)
                status, attributes = os.fstat(descriptor), attributes_of(descriptor)
                content = read_descriptor(descriptor, path, max_bytes)
        except UnsafePathError:
            raise
        except FileNotFoundError:
            return cls(path)  # not even its folder
        except OSError as error:
            raise FileError(f"{path} cannot be read: {why(error)}") from error
        kept = {key: value for key, value in attributes.items() if key not in _NOT_KEPT}
        return cls(path, content, status, kept)

    @property
    def mode(self) -> int:
        """The mode that the file has, or is to get."""
        return stat.S_IMODE(self.status.st_mode) & _MODE if self.status else PUBLIC_FILE

    @property
    def owner(self) -> tuple[int, int] | None:
        """Its user and group id, or ``None`` if there was no file."""
        return (self.status.st_uid, self.status.st_gid) if self.status else None

    def put(self, content: bytes) -> bool:
        """Put new content in place of the file; owner, mode and extended attributes (SELinux) stay.

        A link is followed as in :meth:`read`: the file that it leads to is replaced, the link stays.

        :returns: whether it was written in place, because the file could not be replaced as a whole.
        :raises FileError: it could not be written; the file is as it was.
        """
        try:
            folder, name = Folder.of(self.path)
        except OSError as error:
            raise self._problem(error) from error
        with folder:
            try:
                folder.replace(name, content, self.mode, True, self.owner, self.attributes)
                return False
            except OSError as error:
                if error.errno not in _IN_PLACE or self.status is None:
                    raise self._problem(error) from error
            try:
                self._overwrite(folder, name, content)
            except OSError as error:
                raise self._problem(error) from error
            folder.fsync()
        return True

    def back_up(self) -> str:
        """A copy of what was read beside the file, with its mode and owner; its path.

        :raises FileError: it cannot be written.
        """
        moment = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
        try:
            folder, name = Folder.of(self.path)
            with folder:
                copy = f"{name}.{os.getpid()}.{moment}~"
                try:
                    folder.write_new(copy, self.content, self.mode, owner=self.owner)
                except PermissionError:  # not ours to give away
                    folder.unlink(copy, missing_ok=True)
                    folder.write_new(copy, self.content, self.mode)
                return folder.at(copy)
        except OSError as error:
            raise FileError(f"{self.path} cannot be backed up: {why(error)}") from error

    def _problem(self, error: OSError) -> FileError:
        if isinstance(error, UnsafePathError):
            return error
        return FileError(f"{self.path} cannot be written: {why(error)}")

    def _overwrite(self, folder: Folder, name: str, content: bytes) -> None:
        if os.geteuid() == 0 and folder.foreign:
            raise UnsafePathError(
                f"{self.path} cannot be replaced, and is not written in place since others than root may write there",
                self.path,
            )
        descriptor = folder.open_file(name, os.O_RDWR)
        with os.fdopen(descriptor, "r+b") as stream:
            now = os.fstat(descriptor)
            if self.status is None or not os.path.samestat(now, self.status):
                raise UnsafePathError(
                    f"{self.path} is another file than it was a moment ago; run this again", self.path
                )
            if content and hasattr(os, "posix_fallocate"):
                # A full disk must be noticed before the old content is touched.
                try:
                    os.posix_fallocate(descriptor, 0, len(content))
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):
                        with contextlib.suppress(OSError):
                            os.ftruncate(descriptor, now.st_size)
                        raise
            stream.write(content)
            stream.truncate()
            stream.flush()
            os.fsync(descriptor)


def update_file(path: str, content: bytes) -> bool:
    """Put new content in place of a file as it is now; see :meth:`Current.put`."""
    return Current.read(path).put(content)
