# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where bundles live, and the one step that makes a bundle visible.

A bundle is certificate, key and chain in a folder of their own below ``.store/<sensor>/``. What people see,
``<stage_dir>/<sensor>``, is a symbolic link to one of them, so that switching to a new bundle is one rename(2):
whoever opens the folder gets three files that belong together, at any moment. Folders that somebody put there
by hand are swapped with renameat2(2) and kept as a previous bundle.

Everything is done relative to descriptors of the folders (:mod:`..._plain.folders`): a link that somebody plants
in the stage directory leads no write and no removal elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, PUBLIC_FILE, why
from ..._plain.folders import Folder

STORE = ".store"
LOCKS = ".locks"
KINDS = ("crt", "key", "pem")
# The files' extensions, if the appliance's profile says no others.
EXTENSIONS: Mapping[str, str] = {"crt": ".crt", "key": ".key", "pem": ".pem"}
MAX_FILE = 1024 * 1024
_FOLDER_MODE = 0o755
# The names that this file gives; nothing else in the store is read, shown or removed.
_BUNDLE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9A-Za-z]{1,16}\Z")
_REMAINS = re.compile(r"\.(new|link)-[0-9A-Za-z]+\Z")

_RENAME_EXCHANGE = 2


class IncompleteBundle(FileError):
    """A folder does not hold exactly one file of each kind. (One that cannot be read is another matter.)"""


@dataclass(frozen=True)
class BundleFiles:
    """Where the files of a bundle are."""

    folder: str
    crt: str
    key: str
    pem: str


@dataclass(frozen=True)
class Bundle:
    """The files of a bundle as they were read through one opened folder, so that they belong together.

    :ivar visible: people see this one.
    :ivar key_problem: why the key could not be read, where that is no reason to say nothing; the key is empty then.
    """

    files: BundleFiles
    contents: Mapping[str, bytes] = field(repr=False)
    visible: bool = False
    key_problem: str | None = None

    @property
    def crt(self) -> bytes:
        """The certificate, PEM."""
        return self.contents["crt"]

    @property
    def key(self) -> bytes:
        """The private key, PEM."""
        return self.contents["key"]

    @property
    def pem(self) -> bytes:
        """The chain, PEM."""
        return self.contents["pem"]


def _files_in(folder: Folder, path: str, extensions: Mapping[str, str]) -> BundleFiles:
    """The one .crt, .key and .pem in an opened folder, named as ``path`` says.

    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: it cannot be read.
    """
    try:
        entries = [entry for entry in folder.listdir() if not entry.startswith(".")]
    except OSError as error:
        raise FileError(f"{path} cannot be read: {why(error)}") from error
    paths = {}
    for kind in KINDS:
        found = [entry for entry in entries if entry.endswith(extensions[kind])]
        if len(found) != 1:
            plural = "s" if len(found) > 1 else ""
            raise IncompleteBundle(f"{path} holds {len(found) or 'no'} {extensions[kind]} file{plural}")
        paths[kind] = os.path.join(path, found[0])
    return BundleFiles(path, **paths)


def find_files(folder: str) -> BundleFiles:
    """The one .crt, .key and .pem in a folder.

    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: the folder cannot be read.
    """
    try:
        opened = Folder.open(folder)
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error
    with opened:
        return _files_in(opened, folder, EXTENSIONS)


def _read(
    folder: Folder,
    path: str,
    visible: bool = False,
    extensions: Mapping[str, str] | None = None,
    spare_key: bool = False,
) -> Bundle:
    files = _files_in(folder, path, extensions or EXTENSIONS)
    contents, key_problem = {}, None
    for kind in KINDS:
        try:
            contents[kind] = folder.read(os.path.basename(getattr(files, kind)), MAX_FILE)
        except (OSError, FileError) as error:
            if kind != "key" or not spare_key:
                raise
            contents[kind], key_problem = b"", str(error)
    return Bundle(files, contents, visible, key_problem)


def read_bundle(folder: str, extensions: Mapping[str, str] | None = None, spare_key: bool = False) -> Bundle:
    """The files of a bundle anywhere.

    :param spare_key: a key that cannot be read is no error; the bundle says so.
    :raises IncompleteBundle: it does not hold exactly one of each.
    :raises FileError: the folder or one of the files cannot be read.
    """
    try:
        opened = Folder.open(folder)
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {why(error)}") from error
    with opened:
        return _read(opened, folder, extensions=extensions, spare_key=spare_key)


class StageFolder:
    """The stage directory of a fleet."""

    def __init__(self, stage_dir: str, extensions: Mapping[str, str] | None = None) -> None:
        """Name it.

        :param extensions: of the files by kind (``crt``, ``key``, ``pem``), as the appliance wants them.
        """
        self.extensions = extensions or EXTENSIONS
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
            if os.path.islink(inner) or (os.path.lexists(inner) and not os.path.isdir(inner)):
                return f"{inner} is not a directory"
            if os.path.isdir(inner) and not os.access(inner, os.W_OK | os.X_OK):
                return f"{inner} is not writable for this user"
        return None

    def prepare(self) -> None:
        """Make the stage directory and its store.

        :raises FileError: it cannot be made.
        """
        try:
            with Folder.open(self.stage_dir, make=_FOLDER_MODE) as stage:
                # Whoever may read the certificates finds them; keys are 0600.
                for name in (STORE, LOCKS):
                    stage.make_folder(name, _FOLDER_MODE, exist_ok=True).close()
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

    # What there is for a sensor

    @contextlib.contextmanager
    def _home(self, sensor: str, make: bool = False) -> Iterator[Folder | None]:
        """The sensor's folder of the store, opened without following a link; None if there is none."""
        try:
            opened = self._open_home(sensor, make)
        except (FileNotFoundError, NotADirectoryError):
            opened = None
        except OSError as error:
            raise FileError(f"{os.path.join(self.folder, sensor)} cannot be used: {why(error)}") from error
        try:
            yield opened
        finally:
            if opened is not None:
                opened.close()

    def _open_home(self, sensor: str, make: bool) -> Folder:
        with contextlib.ExitStack() as stack:
            stage = stack.enter_context(Folder.open(self.stage_dir))
            if not make:
                return stack.enter_context(stage.folder(STORE)).folder(sensor)
            store = stack.enter_context(stage.make_folder(STORE, _FOLDER_MODE, exist_ok=True))
            return store.make_folder(sensor, _FOLDER_MODE, exist_ok=True)

    def current(self, sensor: str) -> str | None:
        """The real folder of the visible bundle, or ``None`` if there is none.

        :raises FileError: something else than a folder has the sensor's name, or it cannot be looked at.
        """
        path = self.visible(sensor)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"{path} cannot be looked at: {why(error)}") from error
        if stat.S_ISDIR(status.st_mode):
            return os.path.realpath(path)
        if not stat.S_ISLNK(status.st_mode):
            raise FileError(f"{path} is a file where the sensor's folder should be; move it away")
        try:
            behind = os.stat(path)
        except FileNotFoundError:
            return None  # dangling: the bundle behind it is gone, so there is none
        except OSError as error:
            raise FileError(f"{path} cannot be looked at: {why(error)}") from error
        if not stat.S_ISDIR(behind.st_mode):
            raise FileError(f"{path} leads to a file where the sensor's folder should be; move it away")
        return os.path.realpath(path)

    def read_visible(self, sensor: str, spare_key: bool = False) -> Bundle | None:
        """The visible bundle, read through one opened folder.

        :param spare_key: a key that cannot be read (by an account that only looks) is no error.
        :raises IncompleteBundle: it does not hold exactly one file of each kind.
        :raises FileError: it cannot be read; that is not the same as missing.
        """
        path = self.current(sensor)
        if path is None:
            return None
        name = self._own_name(sensor, path)
        if name is None:
            return replace(read_bundle(path, self.extensions, spare_key), visible=True)
        with self._home(sensor) as home:
            if home is None:
                return None
            return self._read_in(home, name, path, visible=True, spare_key=spare_key)

    def read_stored(self, sensor: str, folder: str) -> Bundle:
        """A bundle of the store.

        :raises IncompleteBundle: it does not hold exactly one file of each kind.
        :raises FileError: it cannot be read, or is none of this sensor's.
        """
        name = self._own_name(sensor, folder)
        with self._home(sensor) as home:
            if home is None or name is None:
                raise FileError(f"{folder} is no bundle of the store")
            return self._read_in(home, name, folder)

    def _read_in(self, home: Folder, name: str, path: str, visible: bool = False, spare_key: bool = False) -> Bundle:
        try:
            opened = home.folder(name)
        except OSError as error:
            raise FileError(f"{path} cannot be read: {why(error)}") from error
        with opened:
            return _read(opened, path, visible, self.extensions, spare_key)

    def _own_name(self, sensor: str, folder: str) -> str | None:
        """The name of a bundle in the sensor's store, or None if the folder is elsewhere."""
        home, name = os.path.split(os.path.abspath(folder))
        if os.path.realpath(home) != os.path.realpath(os.path.join(self.folder, sensor)):
            return None
        return name if _BUNDLE.match(name) else None

    def in_store(self, sensor: str, folder: str) -> bool:
        """Whether a folder is a bundle of the sensor's store."""
        return self._own_name(sensor, folder) is not None

    def bundles(self, sensor: str) -> list[str]:
        """The folders of all complete bundles in the store, oldest first."""
        with self._home(sensor) as home:
            return [] if home is None else [home.at(name) for name in self._listed(home) if _BUNDLE.match(name)]

    @staticmethod
    def _listed(home: Folder) -> list[str]:
        try:
            return home.listdir()
        except OSError as error:
            raise FileError(f"{home.path} cannot be read: {why(error)}") from error

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

    # Changes

    def add(
        self, sensor: str, mark: str, common_name: str, contents: Mapping[str, bytes], moment: datetime.datetime
    ) -> BundleFiles:
        """Write a new bundle where nobody sees it yet.

        :param mark: distinguishes bundles made in the same second, for example the serial number.
        :param contents: the bytes by kind (``crt``, ``key``, ``pem``).
        :raises FileError: it could not be written; nothing is left behind.
        """
        try:
            with self._open_home(sensor, make=True) as home:
                name = _next_name([entry for entry in home.listdir() if _BUNDLE.match(entry)], moment, mark)
                path = home.at(name)
                work = home.unused_name()
                try:
                    with home.make_folder(work, _FOLDER_MODE) as inner:
                        for kind in KINDS:
                            mode = PRIVATE_FILE if kind == "key" else PUBLIC_FILE
                            inner.write_new(common_name + self.extensions[kind], contents[kind], mode)
                    home.rename(work, name)
                except BaseException:
                    with contextlib.suppress(OSError):
                        home.rmtree(work, missing_ok=True)
                    raise
        except OSError as error:
            text = f"the bundle could not be written in {os.path.join(self.folder, sensor)}: {why(error)}"
            raise FileError(text) from error
        return BundleFiles(path, **{kind: os.path.join(path, common_name + self.extensions[kind]) for kind in KINDS})

    def reveal(self, sensor: str, folder: str) -> None:
        """Make a bundle of the store the visible one, in one step.

        :raises FileError: it could not be done; what was visible still is.
        """
        path = self.visible(sensor)
        name = self._own_name(sensor, folder)
        if name is None:
            raise FileError(f"{folder} is no bundle of the store, so it cannot be shown")
        try:
            with Folder.open(self.stage_dir) as stage, self._open_home(sensor, make=False) as home:
                link = home.unused_name(".link-")
                home.symlink(os.path.join(STORE, sensor, name), link)
                try:
                    self._switch(stage, home, sensor, link)
                except BaseException:
                    with contextlib.suppress(OSError):
                        if home.is_link(link):
                            home.unlink(link)
                    raise
        except OSError as error:
            raise FileError(f"{path} could not be switched to the new bundle: {why(error)}") from error

    @staticmethod
    def _switch(stage: Folder, home: Folder, sensor: str, link: str) -> None:
        there = stage.look(sensor)
        if there is not None and stat.S_ISDIR(there.st_mode):
            # A folder that was put there by hand: exchanged in one step, and kept as a previous bundle.
            _exchange(home, link, stage, sensor)
            home.rename(link, _by_hand(link))
        else:
            home.rename(link, sensor, stage)

    def hide(self, sensor: str) -> None:
        """Take a sensor's bundle out of sight; it stays in the store.

        :raises FileError: it could not be done.
        """
        try:
            with Folder.open(self.stage_dir) as stage:
                there = stage.look(sensor)
                if there is None:
                    return
                if stat.S_ISLNK(there.st_mode):
                    stage.unlink(sensor, missing_ok=True)
                    return
                with self._open_home(sensor, make=True) as home:
                    stage.rename(sensor, _by_hand(home.unused_name(".link-")), home)
        except OSError as error:
            raise FileError(f"{self.visible(sensor)} could not be taken away: {why(error)}") from error

    def forget(self, sensor: str) -> None:
        """Take away everything of a sensor, what people see and the whole of its store; it holds keys.

        :raises FileError: something could not be removed.
        """
        self.hide(sensor)
        try:
            with Folder.open(self.stage_dir) as stage, stage.folder(STORE) as store:
                store.rmtree(sensor, missing_ok=True)
        except FileNotFoundError:
            return  # there is no store
        except OSError as error:
            path = os.path.join(self.folder, sensor)
            raise FileError(f"{path} could not be removed: {why(error)}; it may hold a key") from error

    def surplus(self, sensor: str, keep: int, one_more: bool = False) -> list[str]:
        """Folders that can go: all but the visible bundle, the ``keep`` before it, and what is pending.

        Remains of runs that were killed are among them; they may hold keys.

        :param one_more: predict for the moment when the visible bundle has been replaced.
        """
        with self._home(sensor) as home:
            remains = [] if home is None else [home.at(name) for name in self._listed(home) if _REMAINS.match(name)]
        pending = set(self.pending(sensor))
        current = self.current(sensor)
        previous = [
            path
            for path in self.bundles(sensor)
            if path not in pending and (one_more or os.path.realpath(path) != current)
        ]
        return remains + previous[: max(0, len(previous) - keep)]

    def remove(self, sensor: str, paths: Sequence[str]) -> None:
        """Remove surplus bundles from the sensor's store; anything else is left alone.

        :raises FileError: one could not be removed.
        """
        if not paths:
            return
        with self._home(sensor) as home:
            for path in paths:
                name = os.path.basename(path)
                if home is None or not (_BUNDLE.match(name) or _REMAINS.match(name)):
                    continue
                try:
                    home.rmtree(name, missing_ok=True)
                except OSError as error:
                    raise FileError(f"{path} could not be removed: {why(error)}; it may hold a key") from error


def _next_name(there: Sequence[str], moment: datetime.datetime, mark: str) -> str:
    """A name that sorts behind all others: names tell which bundle is the later one, also within a second."""
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    latest = max((name.partition("-")[0] for name in there), default="")
    if latest >= stamp:
        after = datetime.datetime.strptime(latest, "%Y%m%dT%H%M%SZ") + datetime.timedelta(seconds=1)
        stamp = after.strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{mark[:16]}"


def _by_hand(link: str) -> str:
    """The name in the store of a folder that was put there by hand: older than all others."""
    return f"00000000T000000Z-{link.partition('-')[2]}"


def _exchange(folder: Folder, name: str, other: Folder, other_name: str) -> None:
    """Swap two directory entries atomically (renameat2 with RENAME_EXCHANGE, Linux).

    :raises OSError: it failed or this system cannot.
    """
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError) as error:
        raise OSError(errno.ENOSYS, "a folder that was put there by hand; move it away") from error
    result = renameat2(
        folder.descriptor, os.fsencode(name), other.descriptor, os.fsencode(other_name), _RENAME_EXCHANGE
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)} (a folder was put there by hand; move it away)")
