# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who works on which sensor: two runs over the same sensor never interleave, over others they do not meet.

All sensors share one lock file; each has its own byte of it, so thousands of locks need one descriptor.
The kernel drops the locks of a process that dies, however it dies. (POSIX record locks also work on NFS.)
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, why
from ..._plain.folders import Folder
from ..values.moments import iso, now
from .stage_folder import LOCKS, StageFolder

_POLL_SECONDS = 0.2
_LOCK_FILE = "sensors.lock"
_NOTE = re.compile(r"[A-Za-z0-9._-]{1,200}-[0-9]+\.json\Z")
_MAX_NOTE = 16 * 1024 * 1024


def _offset(sensor: str) -> int:
    # 62 bits: far from a collision, and within the largest file offset.
    return int.from_bytes(hashlib.sha256(sensor.encode("utf-8", "surrogateescape")).digest()[:8], "big") >> 2


@contextlib.contextmanager
def hold(folder: str, sensors: Iterable[str], timeout: float) -> Iterator[dict[str, str]]:
    """Hold the locks of the given sensors while the body runs.

    :param folder: the folder of the lock file; it exists.
    :param timeout: seconds to wait, for all sensors together.
    :returns: for each sensor that another run still held at the end of the wait, who that is.
    :raises FileError: the lock file cannot be opened, or the file system has no locks.
    """
    path = os.path.join(folder, _LOCK_FILE)
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(Folder.open(folder))
            descriptor = opened.open_file(_LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        except OSError as error:
            raise FileError(f"the lock file {path} cannot be opened: {why(error)}") from error
        stack.callback(os.close, descriptor)  # releases every lock
        note = f"{re.sub(r'[^A-Za-z0-9._-]', '_', socket.gethostname())}-{os.getpid()}.json"
        stack.callback(_withdraw, opened, note)
        # In one order for all runs, waiting for one lock at a time: two runs never wait for each other.
        waiting = sorted(set(sensors), key=_offset)
        held: list[str] = []
        refused: list[str] = []
        deadline = time.monotonic() + timeout
        for sensor in waiting:
            while not _try_lock(descriptor, sensor, path):
                if time.monotonic() >= deadline:
                    refused.append(sensor)
                    break
                _announce(opened, note, held)
                time.sleep(_POLL_SECONDS)
            else:
                held.append(sensor)
        _announce(opened, note, held)
        holders = _holders(opened, note) if refused else {}
        yield {sensor: holders.get(sensor, "another run") for sensor in refused}


@contextlib.contextmanager
def hold_for(stage: StageFolder, sensors: Sequence[str], timeout: float, check_mode: bool) -> Iterator[dict[str, str]]:
    """Make the stage directory and hold the sensors' locks in it; in check mode do neither.

    :returns: as :func:`hold`.
    :raises FileError: the stage directory cannot be made, or as :func:`hold`.
    """
    if check_mode or not sensors:
        yield {}
        return
    stage.prepare()
    with hold(os.path.join(stage.stage_dir, LOCKS), sensors, timeout) as holders:
        yield holders


def _try_lock(descriptor: int, sensor: str, path: str) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(sensor))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise FileError(f"{path} cannot be locked: {why(error)}") from error
    return True


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    """What changes with each start of this machine; process numbers mean something only within it."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()
    return ""


def _announce(folder: Folder, note: str, held: list[str]) -> None:
    """Tell others whose locks these are; losing this note costs only the name in their message."""
    content = {
        "process": os.getpid(),
        "run": os.getppid(),
        "host": socket.gethostname(),
        "boot": _boot(),
        "since": iso(now()),
        "sensors": held,
    }
    with contextlib.suppress(OSError):
        folder.replace(note, json.dumps(content).encode(), PRIVATE_FILE)


def _withdraw(folder: Folder, note: str) -> None:
    with contextlib.suppress(OSError):
        folder.unlink(note, missing_ok=True)


def _holders(folder: Folder, own_note: str) -> dict[str, str]:
    """Who holds which sensor, from the notes of the runs that are alive; each note is read once."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for name in folder.listdir():
            if not _NOTE.match(name) or name == own_note:
                continue
            with contextlib.suppress(OSError, FileError, ValueError, KeyError, TypeError, RecursionError):
                content = json.loads(folder.read(name, _MAX_NOTE))
                if _alive(content):
                    text = f"process {content['run']} on {content['host']}, which works on it since {content['since']}"
                    found.update((str(sensor), text) for sensor in content["sensors"])
    return found


def _alive(content: Mapping[str, Any]) -> bool:
    """False for a note that a killed run of this host left behind."""
    if content["host"] != socket.gethostname():
        return True
    if content.get("boot", _boot()) != _boot():
        return False
    try:
        os.kill(int(str(content["process"])), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
