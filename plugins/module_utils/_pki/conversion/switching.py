# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Several files of one folder change together, or stay as they were, also if the process is killed between two of them.

No system call replaces several names at once. So new files lie ready in a folder of their own inside the target
folder; a file ``go`` in it says that they are all there; then they are put in place one after the other. Whoever
finds such a folder of a run that has ended goes on where that stopped: forward with ``go``, back if that run had
begun to put the earlier files back (``back``), and away with all of it if it had not got so far.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat

from ..._plain.folders import Folder

PREFIX = ".ot_pki-convert-"
_LOCK, _GO, _BACK, _NEW, _OLD = "lock", "go", "back", "new", "old"
_PRIVATE, _FOLDER = 0o600, 0o700
_ATTEMPTS = 100


class Switch:
    """The change of several files in one folder.

    :ivar folder: where they are; closed by :meth:`finish`.
    """

    def __init__(self, path: str) -> None:
        """Prepare: nothing is changed yet.

        :raises OSError: nothing can be written in the folder.
        """
        self.folder = Folder.open(path)
        self.names: list[str] = []
        self._closing = contextlib.ExitStack()
        self._closing.enter_context(self.folder)
        try:
            self._name, self._work = self._begin()
            self._closing.enter_context(self._work)
            self._new = self._closing.enter_context(self._work.make_folder(_NEW, _FOLDER))
            self._old = self._closing.enter_context(self._work.make_folder(_OLD, _FOLDER))
        except BaseException:
            self._closing.close()
            raise

    def add(self, name: str, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        """Write a new file, which nobody else can reach yet.

        :param owner: user and group id that it is given to; -1 leaves one as it is.
        """
        self._new.write_new(name, content, mode, owner=owner)
        self.names.append(name)

    def discard(self, name: str) -> None:
        """Take back what :meth:`add` wrote, or began to write."""
        self._new.unlink(name, missing_ok=True)
        self.names = [other for other in self.names if other != name]

    def ready(self) -> None:
        """All new files are written: keep the earlier ones, and say that it may begin."""
        created = []
        for name in self.names:
            if self.folder.look(name) is None:
                created.append(name)
            else:
                # Without links (other people's files, FAT) it is moved when its turn comes.
                with contextlib.suppress(OSError):
                    self.folder.link(name, name, self._old)
        self._work.write_once(_GO, json.dumps(created).encode(), _PRIVATE)

    def put(self, name: str) -> None:
        """Put one file in its place."""
        if self.folder.look(name) is not None and self._old.look(name) is None:
            self.folder.rename(name, name, self._old)
        self._new.rename(name, name, self.folder)

    def put_back(self) -> None:
        """Put the earlier files back.

        :raises OSError: one of them could not be; a later run goes on with it.
        """
        if self._work.look(_GO) is None:
            return
        with contextlib.suppress(OSError):
            self._work.write_new(_BACK, b"", _PRIVATE)
        _settle(self.folder, self._work)

    def finish(self) -> None:
        """Remove what is not needed any more, unless something could not be put back."""
        with self._closing, contextlib.suppress(OSError):
            if self._work.look(_BACK) is None or self._work.look(_GO) is None:
                _clear(self.folder, self._name, self._work)

    def _begin(self) -> tuple[str, Folder]:
        for _attempt in range(_ATTEMPTS):
            name = self.folder.unused_name(PREFIX)
            # Between making and locking it another run may take it for an abandoned one, and remove it.
            with contextlib.suppress(FileNotFoundError, BlockingIOError), contextlib.ExitStack() as failed:
                work = failed.enter_context(self.folder.make_folder(name, _FOLDER))
                lock = work.open_file(_LOCK, os.O_RDWR | os.O_CREAT, _PRIVATE)
                self._closing.callback(os.close, lock)
                _hold(lock)
                there = work.look(_LOCK)
                if there is not None and os.path.samestat(there, os.fstat(lock)):
                    failed.pop_all()
                    return name, work
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.folder.path)


def settle_abandoned(path: str) -> list[str]:
    """Finish, or take back, what runs that were killed have left in a folder.

    :returns: the names of files that were put in place or put back.
    :raises OSError: the folder or something in it cannot be read or changed.
    """
    touched: list[str] = []
    with Folder.open(path) as folder:
        for name in folder.listdir():
            if name.startswith(PREFIX) and _ours(folder.look(name)):
                with contextlib.suppress(FileNotFoundError), folder.folder(name) as work:
                    touched += _settle_one(folder, name, work)
    return touched


def _ours(status: os.stat_result | None) -> bool:
    """Whether this user has made it, and nobody else can have put anything into it."""
    if status is None or not stat.S_ISDIR(status.st_mode):
        return False
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == _FOLDER


def _settle_one(folder: Folder, name: str, work: Folder) -> list[str]:
    if not _ours(work.status):
        return []
    try:
        lock = work.open_file(_LOCK, os.O_RDWR)
    except FileNotFoundError:
        # Of a run that has just begun, or was killed then.
        with contextlib.suppress(OSError):
            folder.rmdir(name)
        return []
    try:
        if not _hold(lock):
            return []  # nobody can tell whether that run is still at work
        touched = _settle(folder, work)
        _clear(folder, name, work)
    except BlockingIOError:
        return []
    finally:
        os.close(lock)
    return touched


def _hold(lock: int) -> bool:
    """Lock a file; whether its file system has locks at all.

    :raises BlockingIOError: another process holds it.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _settle(folder: Folder, work: Folder) -> list[str]:
    """Go on where a change has stopped; the names of the files that were touched."""
    if work.look(_GO) is None:
        return []
    touched = []
    with work.folder(_NEW) as new, work.folder(_OLD) as old:
        if work.look(_BACK) is None:
            for name in new.listdir():
                new.rename(name, name, folder)
                touched.append(name)
        else:
            waiting = new.listdir()
            for name in _created(work):
                if name not in waiting and folder.look(name) is not None:
                    folder.unlink(name)
                    touched.append(name)
            for name in old.listdir():
                old.rename(name, name, folder)
                touched.append(name)
    work.unlink(_GO)
    return touched


def _created(work: Folder) -> list[str]:
    try:
        names = json.loads(work.read(_GO))
    except ValueError:
        return []  # a power failure has taken the content; which files there were none of is not known
    return [name for name in names if isinstance(name, str)]


def _clear(folder: Folder, name: str, work: Folder) -> None:
    # The lock last: without it nobody sees that somebody is at work here.
    for inner in sorted(work.listdir(), key=lambda entry: (entry == _LOCK, entry != _GO)):
        work.rmtree(inner, missing_ok=True)
    folder.rmdir(name)
