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
import functools
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, PUBLIC_FILE, why
from ..._plain.folders import Folder
from .bundles import EXTENSIONS, KINDS, Bundle, BundleFiles, read_bundle, read_opened
from .home import SensorHome

STORE = ".store"
LOCKS = ".locks"
_FOLDER_MODE = 0o755
# The names that this file gives; nothing else in the store is read, shown or removed.
_BUNDLE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9A-Za-z]{1,16}\Z")
_REMAINS = re.compile(r"\.(new|link)-[0-9A-Za-z]+\Z")

_RENAME_EXCHANGE = 2


class StageFolder:
    """The stage directory of a fleet."""

    def __init__(self, stage_dir: str, extensions: Mapping[str, str] | None = None) -> None:
        """Name it.

        :param extensions: of the files by kind (``crt``, ``key``, ``pem``), as the appliance wants them.
        """
        self.extensions = extensions or EXTENSIONS
        self.stage_dir = os.path.abspath(stage_dir)
        self.folder = os.path.join(self.stage_dir, STORE)
        self._store: Folder | None = None

    @contextlib.contextmanager
    def held_open(self) -> Iterator[None]:
        """Keep the store open while the body looks at many sensors: to walk to it takes longer than to look.

        Without a store (yet), nothing is kept.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError), Folder.open(self.stage_dir) as stage:
                self._store = stack.enter_context(stage.folder(STORE))
            try:
                yield
            finally:
                self._store = None

    @functools.cached_property
    def _real(self) -> str:
        """The stage directory's real path; asked for once there is something in it."""
        return os.path.realpath(self.stage_dir)

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
        if self._store is not None:
            return self._store.make_folder(sensor, _FOLDER_MODE, exist_ok=True) if make else self._store.folder(sensor)
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
            target = os.readlink(path)
            behind = os.stat(path)
        except FileNotFoundError:
            return None  # dangling: the bundle behind it is gone, so there is none
        except OSError as error:
            raise FileError(f"{path} cannot be looked at: {why(error)}") from error
        if not stat.S_ISDIR(behind.st_mode):
            raise FileError(f"{path} leads to a file where the sensor's folder should be; move it away")
        if self._link_name(sensor, target) is not None:
            # Our own link. Whoever reads there opens each folder without following, so a planted link is an error.
            return os.path.join(self._real, target)
        return os.path.realpath(path)

    @staticmethod
    def _link_name(sensor: str, target: str) -> str | None:
        """The name of the bundle to which a link of our own leads; None for any other target."""
        start, _slash, name = target.rpartition("/")
        return name if start == f"{STORE}/{sensor}" and _BUNDLE.match(name) else None

    def look(self, sensor: str) -> SensorHome:
        """Everything that there is for a sensor, from one look at its folder.

        :raises FileError: something cannot be looked at.
        """
        current = self.current(sensor)
        shown = None if current is None else self.name_of(sensor, current)
        with self._home(sensor) as home:
            if home is None:
                return SensorHome(os.path.join(self.folder, sensor), current, shown)
            listed = self._listed(home)
            return SensorHome(
                home.path,
                current,
                shown,
                tuple(name for name in listed if _BUNDLE.match(name)),
                tuple(name for name in listed if _REMAINS.match(name)),
            )

    def read_visible(self, sensor: str, spare_key: bool = False, kinds: Sequence[str] = KINDS) -> Bundle | None:
        """The visible bundle, read through one opened folder.

        :param spare_key: a key that cannot be read (by an account that only looks) is no error.
        :param kinds: the files whose content is wanted.
        :raises IncompleteBundle: it does not hold exactly one file of each kind.
        :raises FileError: it cannot be read; that is not the same as missing.
        """
        path = self.current(sensor)
        if path is None:
            return None
        name = self.name_of(sensor, path)
        if name is None:
            return replace(read_bundle(path, self.extensions, spare_key, kinds), visible=True)
        with self._home(sensor) as home:
            if home is None:
                return None
            return self._read_in(home, name, path, visible=True, spare_key=spare_key, kinds=kinds)

    def read_stored(self, sensor: str, folder: str) -> Bundle:
        """A bundle of the store.

        :raises IncompleteBundle: it does not hold exactly one file of each kind.
        :raises FileError: it cannot be read, or is none of this sensor's.
        """
        name = self.name_of(sensor, folder)
        with self._home(sensor) as home:
            if home is None or name is None:
                raise FileError(f"{folder} is no bundle of the store")
            return self._read_in(home, name, folder)

    def _read_in(
        self,
        home: Folder,
        name: str,
        path: str,
        visible: bool = False,
        spare_key: bool = False,
        kinds: Sequence[str] = KINDS,
    ) -> Bundle:
        try:
            opened = home.folder(name)
        except OSError as error:
            raise FileError(f"{path} cannot be read: {why(error)}") from error
        with opened:
            return read_opened(opened, path, visible, self.extensions, spare_key, kinds)

    def name_of(self, sensor: str, folder: str) -> str | None:
        """The name of a bundle in the sensor's store, or None if a folder is elsewhere."""
        home, name = os.path.split(os.path.abspath(folder))
        own = os.path.join(self.folder, sensor)
        # Mostly it is named as we name it; the rest costs a look at each folder on the way.
        if home not in (own, os.path.join(self._real, STORE, sensor)) and (
            os.path.realpath(home) != os.path.realpath(own)
        ):
            return None
        return name if _BUNDLE.match(name) else None

    @staticmethod
    def _listed(home: Folder) -> list[str]:
        try:
            return home.listdir()
        except OSError as error:
            raise FileError(f"{home.path} cannot be read: {why(error)}") from error

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
        name = self.name_of(sensor, folder)
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

    def stored(self) -> list[str]:
        """The sensors that have a folder in the store, whether people see anything of them or not.

        :raises FileError: the store cannot be read.
        """
        try:
            with Folder.open(self.stage_dir) as stage, stage.folder(STORE) as store:
                return [name for name in store.listdir() if not name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(f"{self.folder} cannot be read: {why(error)}") from error

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
