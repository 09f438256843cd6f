# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The store of bundles inside the stage directory, and the one step that makes a bundle visible.

    <stage_dir>/<sensor>                      symbolic link to the bundle in use
    <stage_dir>/.store/<sensor>/<bundle>/     one .crt, one .key, one .pem, named after the CN
    <stage_dir>/.locks/                       who works on which sensor now

A bundle is written under a name with a leading dot, renamed when it is complete, and becomes visible by
renaming a symbolic link over the sensor's entry: readers who open the entry once see the old or the new
bundle, never a mix.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, PUBLIC_FILE, read_file, unused_name, why, write_new

STORE = ".store"
LOCKS = ".locks"
KINDS = ("crt", "key", "pem")
MAX_FILE = 1024 * 1024

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@dataclass(frozen=True)
class BundleFiles:
    """Where the three files of a bundle are."""

    folder: str
    crt: str
    key: str
    pem: str

    def read(self, kind: str) -> bytes:
        """One file's content.

        :raises FileError: it cannot be read.
        """
        return read_file(getattr(self, kind), MAX_FILE)


def find_files(folder: str) -> BundleFiles:
    """The one .crt, .key and .pem in a folder.

    :raises FileError: the folder cannot be read, or does not hold exactly one of each.
    """
    try:
        entries = [entry for entry in os.listdir(folder) if not entry.startswith(".")]
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error
    paths = {}
    for kind in KINDS:
        found = [entry for entry in entries if entry.endswith("." + kind)]
        if len(found) != 1:
            raise FileError(f"{folder} holds {len(found) or 'no'} .{kind} file{'s' if len(found) > 1 else ''}")
        paths[kind] = os.path.join(folder, found[0])
    return BundleFiles(folder, **paths)


class Store:
    """The stage directory of a fleet."""

    def __init__(self, stage_dir: str) -> None:
        self.stage_dir = os.path.abspath(stage_dir)
        self.folder = os.path.join(self.stage_dir, STORE)

    def problem(self) -> str | None:
        """Why bundles could not be staged here, found without writing anything."""
        path = self.stage_dir
        while not os.path.lexists(path):
            path = os.path.dirname(path)
        if not os.path.isdir(path):
            return f"{path} is not a directory"
        if not os.access(path, os.W_OK | os.X_OK):
            return f"{path} is not writable for this user"
        for name in (STORE, LOCKS):
            inner = os.path.join(self.stage_dir, name)
            if os.path.lexists(inner) and not os.path.isdir(inner):
                return f"{inner} is not a directory"
            if os.path.isdir(inner) and not os.access(inner, os.W_OK | os.X_OK):
                return f"{inner} is not writable for this user"
        return None

    def prepare(self) -> None:
        """Make the stage directory and its store.

        :raises FileError: it cannot be made.
        """
        try:
            os.makedirs(self.stage_dir, exist_ok=True)
            # As open as the umask lets them be: whoever may read the certificates finds them; keys are 0600.
            for name in (STORE, LOCKS):
                os.makedirs(os.path.join(self.stage_dir, name), exist_ok=True)
        except OSError as error:
            raise FileError(f"the stage directory {self.stage_dir} cannot be made: {why(error)}") from error

    def visible(self, sensor: str) -> str:
        """The path under which people find a sensor's bundle."""
        return os.path.join(self.stage_dir, sensor)

    def sensors(self) -> list[str]:
        """The names of all sensors that have a visible bundle, sorted.

        :raises FileError: the stage directory cannot be read.
        """
        try:
            entries = os.listdir(self.stage_dir)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(f"the stage directory {self.stage_dir} cannot be read: {why(error)}") from error
        return sorted(entry for entry in entries if not entry.startswith("."))

    def current(self, sensor: str) -> str | None:
        """The real folder of the visible bundle, or ``None`` if there is none.

        :raises FileError: something else than a folder has the sensor's name.
        """
        path = self.visible(sensor)
        if not os.path.lexists(path):
            return None
        if not os.path.isdir(path):
            if os.path.islink(path):
                return None  # dangling: the bundle behind it is gone, so there is none
            raise FileError(f"{path} is a file where the sensor's folder should be; move it away")
        return os.path.realpath(path)

    def bundles(self, sensor: str) -> list[str]:
        """The folders of all complete bundles in the store, oldest first."""
        home = os.path.join(self.folder, sensor)
        try:
            entries = sorted(entry for entry in os.listdir(home) if not entry.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise FileError(f"{home} cannot be read: {why(error)}") from error
        return [os.path.join(home, entry) for entry in entries]

    def pending(self, sensor: str) -> list[str]:
        """Complete bundles that were made after the visible one and are not visible yet, newest first."""
        every = self.bundles(sensor)
        current = self.current(sensor)
        real = [os.path.realpath(path) for path in every]
        if current in real:
            every = every[real.index(current) + 1 :]
        elif current is not None:
            return []
        return every[::-1]

    def add(
        self, sensor: str, mark: str, common_name: str, contents: Mapping[str, bytes], moment: datetime.datetime
    ) -> BundleFiles:
        """Write a new bundle where nobody sees it yet.

        :param mark: distinguishes bundles made in the same second, for example the serial number.
        :param contents: the bytes by kind (``crt``, ``key``, ``pem``).
        :raises FileError: it could not be written; nothing is left behind.
        """
        home = os.path.join(self.folder, sensor)
        folder = os.path.join(home, f"{moment.strftime('%Y%m%dT%H%M%SZ')}-{mark[:16]}")
        work = None
        try:
            os.makedirs(home, exist_ok=True)
            work = unused_name(home)
            os.mkdir(work)
            for kind in KINDS:
                mode = PRIVATE_FILE if kind == "key" else PUBLIC_FILE
                write_new(os.path.join(work, f"{common_name}.{kind}"), contents[kind], mode)
            os.rename(work, folder)
            work = None
        except OSError as error:
            raise FileError(f"the bundle could not be written in {home}: {why(error)}") from error
        finally:
            if work is not None:
                with contextlib.suppress(OSError):
                    shutil.rmtree(work)
        return find_files(folder)

    def reveal(self, sensor: str, folder: str) -> None:
        """Make a bundle of the store the visible one, in one step.

        :raises FileError: it could not be done; what was visible still is.
        """
        home = os.path.join(self.folder, sensor)
        path = self.visible(sensor)
        target = os.path.relpath(folder, self.stage_dir)
        link = unused_name(home, ".link-")
        try:
            os.symlink(target, link)
            if os.path.isdir(path) and not os.path.islink(path):
                # A folder that was put there by hand: exchanged in one step, and kept as a previous bundle.
                _exchange(link, path)
                os.rename(link, os.path.join(home, f"00000000T000000Z-{os.path.basename(link)[6:]}"))
            else:
                os.rename(link, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                if os.path.islink(link):
                    os.unlink(link)
            raise FileError(f"{path} could not be switched to the new bundle: {why(error)}") from error

    def surplus(self, sensor: str, keep: int, one_more: bool = False) -> list[str]:
        """Folders that can go: all but the visible bundle, the ``keep`` before it, and what is pending.

        Remains of runs that were killed are among them; they may hold keys.

        :param one_more: predict for the moment when the visible bundle has been replaced.
        """
        home = os.path.join(self.folder, sensor)
        try:
            remains = [entry for entry in os.listdir(home) if entry.startswith((".new-", ".link-"))]
        except OSError:
            remains = []
        pending = set(self.pending(sensor))
        current = self.current(sensor)
        previous = [
            path
            for path in self.bundles(sensor)
            if path not in pending and (one_more or os.path.realpath(path) != current)
        ]
        return [os.path.join(home, entry) for entry in sorted(remains)] + previous[: max(0, len(previous) - keep)]

    def remove(self, paths: list[str]) -> None:
        """Remove surplus bundles from the store.

        :raises FileError: one could not be removed.
        """
        for path in paths:
            try:
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise FileError(f"{path} could not be removed: {why(error)}; it may hold a key") from error


def _exchange(first: str, second: str) -> None:
    """Swap two directory entries atomically (renameat2 with RENAME_EXCHANGE, Linux).

    :raises OSError: it failed or this system cannot.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError) as error:
        raise OSError(errno.ENOSYS, "a folder that was put there by hand; move it away") from error
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)} (a folder was put there by hand; move it away)")
