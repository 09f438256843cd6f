# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder that is held open, in which files are read and written by descriptor and no planted link leads elsewhere.

Whoever may write in a folder can put a link where a name is expected, or exchange a file between two calls that
name it. A privileged process that works by paths then reads, writes, deletes or gives away something else
(CWE-59, CWE-367). So the folder is opened once; all else is done relative to its descriptor (openat(2)), the last
component of a name is never followed, and what a file is to have (mode, owner) is set on the descriptor of a file
that this process has created itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import Iterator

from .errors import FileError

MAX_BYTES = 64 * 1024 * 1024
_PIECE = 64 * 1024  # octets that are asked for at once where a file's size does not tell how many there are
_MAX_LINKS = 40  # as the kernel's own limit, path_resolution(7)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | _CLOEXEC
# Not blocking, so that a pipe without a writer is an error and not a wait.
_NO_WAIT = os.O_NOFOLLOW | os.O_NONBLOCK | _CLOEXEC
# Looks at a name without opening what is there; systems without it have to look twice.
_LOOK = getattr(os, "O_PATH", 0)
# On the way no more is needed than the right to search.
_PASS = (_LOOK or os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | _CLOEXEC
_UNWRITABLE_ATTRIBUTES = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.ENODATA, errno.EINVAL)


class UnsafePathError(FileError, OSError):
    """A path leads over a link, or to something, that another user may have put there.

    It is an :class:`OSError` as well (``ELOOP``), so that whoever reports why a file cannot be written reports this.
    """

    def __init__(self, message: str, path: str) -> None:
        """Prepare.

        :param message: one sentence that names the path.
        """
        super().__init__(errno.ELOOP, message, path)

    def __str__(self) -> str:
        """The sentence alone."""
        return str(self.strerror)


class Folder:
    """A folder that is held open; use it in a ``with`` statement.

    Names are single components (``name.crt``), never paths. A name is never followed if it is a link. Modes are
    those given, whatever the umask. Calls raise :class:`OSError` as those of :mod:`os` do, and
    :class:`.UnsafePathError`, which is one, for what is refused.

    :ivar path: what it is called in messages; nothing is opened by it any more.
    :ivar descriptor: for calls with ``dir_fd``; closed by :meth:`close`.
    """

    def __init__(self, descriptor: int, path: str) -> None:
        """Take over an open descriptor of a folder."""
        self.descriptor = descriptor
        self.path = path

    # Opening

    @classmethod
    def open(cls, path: str, make: int | None = None) -> Folder:
        """Open a folder by its path, component by component.

        A link on the way, or as the last component, is followed only if it belongs to root or to this process's
        user; nobody else can lead the process elsewhere.

        :param make: the mode of folders that are made where there are none yet; ``None`` makes none.
        :raises UnsafePathError: the path leads over another user's link.
        :raises OSError: missing, not a folder, not allowed.
        """
        descriptor, _name, _real = _walk(path, make, last=True)
        return cls(_readable(descriptor), os.path.abspath(path))

    @classmethod
    def of(cls, path: str) -> tuple[Folder, str]:
        """Open the folder in which a file lies, or is to lie; the file's name in it.

        Links are followed as by :meth:`open`, also if the path itself is one: what it leads to is meant.

        :raises UnsafePathError: the path leads over another user's link.
        :raises OSError: there is no such folder.
        """
        descriptor, name, real = _walk(path, None, last=False)
        return cls(_readable(descriptor), real), name

    def folder(self, name: str) -> Folder:
        """Open a folder in this one; a link is refused.

        :raises UnsafePathError: it is a link.
        :raises OSError: missing, not a folder, not allowed.
        """
        try:
            descriptor = os.open(_plain(name), _FOLDER, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and self.is_link(name):
                raise self._link(name) from None
            raise
        return Folder(descriptor, self.at(name))

    def make_folder(self, name: str, mode: int, exist_ok: bool = False) -> Folder:
        """Make a folder in this one with exactly this mode, and open it.

        :param exist_ok: one that exists is opened as it is.
        :raises FileExistsError: something of this name exists.
        :raises UnsafePathError: it is a link.
        """
        _make(self.descriptor, _plain(name), mode, exist_ok)
        return self.folder(name)

    def close(self) -> None:
        """Let go of the descriptor."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Folder:
        """Use it."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    # Looking

    def at(self, name: str) -> str:
        """The path of a name in here, for messages."""
        return os.path.join(self.path, name)

    @property
    def status(self) -> os.stat_result:
        """The folder's own status."""
        return os.fstat(self.descriptor)

    @property
    def foreign(self) -> bool:
        """Whether somebody else than root and this process's user may change names in it."""
        return others_may_write(self.status)

    def look(self, name: str) -> os.stat_result | None:
        """The status of a name itself (of the link, if it is one); ``None`` if there is none."""
        try:
            return os.stat(_plain(name), dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_link(self, name: str) -> bool:
        """Whether a name is a symbolic link."""
        status = self.look(name)
        return status is not None and stat.S_ISLNK(status.st_mode)

    def readlink(self, name: str) -> str:
        """Where a symbolic link points to."""
        return os.readlink(_plain(name), dir_fd=self.descriptor)

    def listdir(self) -> list[str]:
        """The names in it, sorted."""
        # A descriptor of its own: reading moves a position that all who share a descriptor share.
        with _closing(os.open(".", _FOLDER, dir_fd=self.descriptor)) as descriptor:
            return sorted(os.listdir(descriptor))

    # Files

    def open_file(self, name: str, flags: int, mode: int = 0o600) -> int:
        """A descriptor of a regular file, for locks and whatever else is not whole-or-absent.

        :param flags: as for :func:`os.open`; never followed, never blocking, not inherited by programs.
        :param mode: what a file that is made has, whatever the umask.
        :raises UnsafePathError: it is a link, or no regular file (pipe, device, folder).
        :raises FileNotFoundError: it is not there and not to be made, or this folder itself was removed.
        """
        make = bool(flags & os.O_CREAT)
        plain = flags & ~(os.O_CREAT | os.O_EXCL)
        for _attempt in range(100):
            try:
                if make:
                    # Exclusively, so that a mode is only ever given to a file of our own.
                    descriptor = self._create(name, flags | os.O_EXCL, mode)
                else:
                    descriptor = os.open(_plain(name), plain | _NO_WAIT, dir_fd=self.descriptor)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
                make = False
                continue
            except FileNotFoundError:
                # If not even a new file can be made, it is this folder that was removed.
                if make or not flags & os.O_CREAT:
                    raise
                make = True
                continue
            except OSError as error:
                raise self._refusal(name, error) from None
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise UnsafePathError(f"{self.at(name)} is not a regular file", self.at(name))
            return descriptor
        raise UnsafePathError(f"{self.at(name)} comes and goes; somebody else is at work there", self.at(name))

    def read(self, name: str, max_bytes: int = MAX_BYTES) -> bytes:
        """The content of a regular file.

        :param max_bytes: refuse anything larger (bytes).
        :raises UnsafePathError: a link, a pipe, a device, a folder.
        :raises FileError: too large, missing, or unreadable; ``__cause__`` is the :class:`OSError`.
        """
        try:
            descriptor = self.open_file(name, os.O_RDONLY)
        except UnsafePathError:
            raise
        except OSError as error:
            raise FileError(f"{self.at(name)} cannot be read: {error.strerror or error}") from error
        return read_descriptor(descriptor, self.at(name), max_bytes)

    def write_new(
        self, name: str, content: bytes, mode: int, durable: bool = False, owner: tuple[int, int] | None = None
    ) -> None:
        """Create a file that must not exist yet; nobody can read more of it than its mode allows, from its first byte.

        :param durable: wait until the content is on the disk (the name: :meth:`fsync`).
        :param owner: user and group id that it is given to; -1 leaves one as it is.
        :raises FileExistsError: something of this name exists.
        """
        self._fill(self._create(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), content, mode, durable, owner)

    def write_once(self, name: str, content: bytes, mode: int, durable: bool = False) -> None:
        """Create a file in one step: it appears with all its content, and never replaces another.

        :raises FileExistsError: something of this name exists; nothing is left behind.
        """
        temporary = self.unused_name()
        try:
            self.write_new(temporary, content, mode, durable)
            self.link(temporary, name)
        finally:
            self.unlink(temporary, missing_ok=True)

    def replace(
        self,
        name: str,
        content: bytes,
        mode: int,
        durable: bool = False,
        owner: tuple[int, int] | None = None,
        attributes: dict[str, bytes] | None = None,
    ) -> None:
        """Put new content in place of a file, atomically: readers see the old or the new, never a mix.

        A link of this name is replaced itself, never what it leads to.

        :param durable: wait until content and name are on the disk.
        :param owner: user and group id that the new file is given to; -1 leaves one as it is.
        :param attributes: extended attributes for it, as :func:`attributes_of` returns them.
        :raises OSError: it could not be written; the old file is untouched and nothing is left behind.
        """
        temporary = self.unused_name()
        try:
            descriptor = self._create(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._fill(descriptor, content, mode, durable, owner, attributes)
            self.rename(temporary, name)
        except BaseException:
            with contextlib.suppress(OSError):
                self.unlink(temporary, missing_ok=True)
            raise
        if durable:
            self.fsync()

    # Names

    @staticmethod
    def unused_name(prefix: str = ".new-") -> str:
        """A name that nobody has; to be created exclusively."""
        return prefix + secrets.token_hex(8)

    def rename(self, name: str, to: str, folder: Folder | None = None) -> None:
        """Give another name, here or in another open folder; replaces a file, or an empty folder, of that name."""
        other = (folder or self).descriptor
        os.replace(_plain(name), _plain(to), src_dir_fd=self.descriptor, dst_dir_fd=other)

    def link(self, name: str, to: str, folder: Folder | None = None) -> None:
        """Give a file a second name, here or in another open folder.

        :raises FileExistsError: that name exists.
        """
        other = (folder or self).descriptor
        os.link(_plain(name), _plain(to), src_dir_fd=self.descriptor, dst_dir_fd=other, follow_symlinks=False)

    def symlink(self, target: str, name: str) -> None:
        """Make a symbolic link.

        :raises FileExistsError: that name exists.
        """
        os.symlink(target, _plain(name), dir_fd=self.descriptor)

    def replace_symlink(self, target: str, name: str) -> None:
        """Make a symbolic link, in place of a file or link of that name, atomically."""
        temporary = self.unused_name(".link-")
        self.symlink(target, temporary)
        try:
            self.rename(temporary, name)
        except BaseException:
            with contextlib.suppress(OSError):
                self.unlink(temporary, missing_ok=True)
            raise

    def unlink(self, name: str, missing_ok: bool = False) -> None:
        """Remove a file or link."""
        try:
            os.unlink(_plain(name), dir_fd=self.descriptor)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(_plain(name), dir_fd=self.descriptor)

    def rmtree(self, name: str, missing_ok: bool = False) -> None:
        """Remove a file, a link, or a folder with all that is in it; what links lead to stays.

        :raises OSError: something cannot be removed; what was removed before is gone.
        """
        status = self.look(name)
        if status is None:
            if missing_ok:
                return
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.at(name))
        if not stat.S_ISDIR(status.st_mode):
            self.unlink(name, missing_ok)
            return
        with self.folder(name) as inner:
            for entry in inner.listdir():
                inner.rmtree(entry, missing_ok=True)
        self.rmdir(name)

    def fsync(self) -> None:
        """Make the names in it durable; file systems that cannot are left alone."""
        with contextlib.suppress(OSError):
            os.fsync(self.descriptor)

    # Inside

    def _create(self, name: str, flags: int, mode: int) -> int:
        descriptor = os.open(_plain(name), flags | _NO_WAIT, mode & 0o600, dir_fd=self.descriptor)
        if flags & os.O_EXCL:
            os.fchmod(descriptor, mode)
        return descriptor

    @staticmethod
    def _fill(
        descriptor: int,
        content: bytes,
        mode: int,
        durable: bool,
        owner: tuple[int, int] | None,
        attributes: dict[str, bytes] | None = None,
    ) -> None:
        with os.fdopen(descriptor, "wb") as stream:
            if owner is not None:
                os.fchown(descriptor, *owner)
            # Afterwards, since a change of owner takes bits away.
            os.fchmod(descriptor, mode)
            stream.write(content)
            stream.flush()
            give_attributes(descriptor, attributes or {})
            if durable:
                os.fsync(descriptor)

    def _refusal(self, name: str, error: OSError) -> OSError:
        if error.errno == errno.ELOOP:
            return self._link(name)
        if error.errno == errno.ENXIO:  # a pipe or socket with nobody at the other end
            return UnsafePathError(f"{self.at(name)} is not a regular file", self.at(name))
        return error

    def _link(self, name: str) -> UnsafePathError:
        path = self.at(name)
        return UnsafePathError(f"{path} is a link where none belongs; remove it if you did not make it", path)


def others_may_write(status: os.stat_result) -> bool:
    """Whether somebody else than root and this process's user may write what has this status.

    For a file with an access control list the bits of the group are the most that anybody listed has (acl(5)).
    """
    return status.st_uid not in (0, os.geteuid()) or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def check_path(path: str) -> None:
    """See to it that the system can be asked for a path.

    :raises FileError: it cannot: a null character, or half a character.
    """
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeError:
        usable = False
    if not usable:
        raise FileError(f"{path!a} is not a path that a file can have")


def read_descriptor(descriptor: int, path: str, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of an open regular file, which is closed afterwards.

    :param path: what it is called in messages.
    :raises FileError: not a regular file, too large, unreadable.
    """
    return read_with_mode(descriptor, path, max_bytes)[0]


def read_with_mode(descriptor: int, path: str, max_bytes: int = MAX_BYTES) -> tuple[bytes, int]:
    """The content of an open regular file and its mode bits; it is closed afterwards.

    :param path: what it is called in messages.
    :raises FileError: not a regular file, too large, unreadable.
    """
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"{path} is not a regular file")
        if status.st_size > max_bytes:
            raise FileError(f"{path} has {status.st_size} bytes; at most {max_bytes} are read")
        # One octet more than it has says that it ends there. A buffer for the most that it may have would cost more
        # than all the rest, for files of a few kilobytes.
        pieces = [os.read(descriptor, status.st_size + 1)]
        left = max_bytes - len(pieces[0])
        while pieces[-1] and left > 0 and len(pieces[0]) != status.st_size:
            pieces.append(os.read(descriptor, min(left, _PIECE)))
            left -= len(pieces[-1])
        return b"".join(pieces)[:max_bytes], stat.S_IMODE(status.st_mode)
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    finally:
        os.close(descriptor)


def attributes_of(descriptor: int) -> dict[str, bytes]:
    """The extended attributes (SELinux label, access control list) of an open file, as far as they can be read."""
    found: dict[str, bytes] = {}
    with contextlib.suppress(OSError, AttributeError):
        for name in os.listxattr(descriptor):
            with contextlib.suppress(OSError):
                found[name] = os.getxattr(descriptor, name)
    return found


def give_attributes(descriptor: int, attributes: dict[str, bytes]) -> None:
    """Set extended attributes of an open file, as far as the system takes them."""
    for name, value in attributes.items():
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            if error.errno not in _UNWRITABLE_ATTRIBUTES:
                raise


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _plain(name: str) -> str:
    check_path(name)
    if name in ("", ".", "..") or "/" in name:
        raise FileError(f"{name!r} is not the name of a file in a folder")
    return name


def _make(parent: int, name: str, mode: int, exist_ok: bool) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        if exist_ok:
            return
        raise
    with _closing(os.open(name, _FOLDER, dir_fd=parent)) as made:
        # Somebody may have exchanged it where others can write.
        if os.fstat(made).st_uid == os.geteuid():
            os.fchmod(made, mode)


def _walk(path: str, make: int | None, last: bool) -> tuple[int, str, str]:
    """Go along a path, over links of root and of this process's user alone.

    :param last: whether the last component is a folder that is entered as well.
    :returns: the descriptor of the folder where the walk ended, the name that was left, and the folder's real path.
    """
    check_path(path)
    todo = [part for part in reversed(os.path.abspath(path).split("/")) if part]
    descriptor = os.open("/", _PASS)
    links = 0
    way: list[str] = []
    try:
        while todo:
            part = todo.pop()
            try:
                target = _own_link(descriptor, part, path)
            except FileNotFoundError:
                if todo or last:
                    if make is None:
                        raise
                    _make(descriptor, part, make, exist_ok=True)
                target = None
            if target is not None:
                links += 1
                if links > _MAX_LINKS:
                    raise UnsafePathError(f"{path} leads over too many links", path)
                todo += [piece for piece in reversed(target.split("/")) if piece not in ("", ".")]
                if not target.startswith("/"):
                    continue
                part, way = "/", []
            elif not todo and not last and part != "..":
                return descriptor, part, "/" + "/".join(way)
            elif part == "..":
                way = way[:-1]
            else:
                way = [*way, part]
            following = os.open(part, _PASS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = following
    except BaseException:
        os.close(descriptor)
        raise
    if not last:
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor, "", "/" + "/".join(way)


def _readable(descriptor: int) -> int:
    """A descriptor that can be listed and synced, in place of one for passing through."""
    with contextlib.suppress(PermissionError):  # what cannot be listed can be written all the same
        reading = os.open(".", _FOLDER, dir_fd=descriptor)
        os.close(descriptor)
        return reading
    return descriptor


def _own_link(parent: int, name: str, path: str) -> str | None:
    """Where a link leads to, or ``None`` if the name is none.

    :raises UnsafePathError: the link is another user's.
    """
    if _LOOK:
        # The link that is judged is the one that is read, even if somebody exchanges the name meanwhile.
        with _closing(os.open(name, _LOOK | os.O_NOFOLLOW | _CLOEXEC, dir_fd=parent)) as looked:
            status = os.fstat(looked)
            target = os.readlink("", dir_fd=looked) if stat.S_ISLNK(status.st_mode) else None
    else:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(status.st_mode) else None
    if target is not None and status.st_uid not in (0, os.geteuid()):
        raise UnsafePathError(
            f"{path} leads over {name!r}, a link that belongs to user {status.st_uid}; "
            "name the folder that is meant, without this link",
            path,
        )
    return target
