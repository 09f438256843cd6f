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
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, replace_file, why
from ..values.x509_parts import iso, now
from .store import LOCKS, Store

_POLL_SECONDS = 0.2


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
    path = os.path.join(folder, "sensors.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    except OSError as error:
        raise FileError(f"the lock file {path} cannot be opened: {why(error)}") from error
    note = os.path.join(folder, f"{socket.gethostname()}-{os.getpid()}.json")
    try:
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
                _announce(note, held)
                time.sleep(_POLL_SECONDS)
            else:
                held.append(sensor)
        _announce(note, held)
        yield {sensor: _holder(folder, sensor, note) for sensor in refused}
    finally:
        with contextlib.suppress(OSError):
            os.unlink(note)
        os.close(descriptor)  # releases every lock


@contextlib.contextmanager
def hold_for(store: Store, sensors: Sequence[str], timeout: float, check_mode: bool) -> Iterator[dict[str, str]]:
    """Make the stage directory and hold the sensors' locks in it; in check mode do neither.

    :returns: as :func:`hold`.
    :raises FileError: the stage directory cannot be made, or as :func:`hold`.
    """
    if check_mode or not sensors:
        yield {}
        return
    store.prepare()
    with hold(os.path.join(store.stage_dir, LOCKS), sensors, timeout) as holders:
        yield holders


def _try_lock(descriptor: int, sensor: str, path: str) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(sensor))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise FileError(f"{path} cannot be locked: {why(error)}") from error
    return True


def _announce(note: str, held: list[str]) -> None:
    """Tell others whose locks these are; losing this note costs only the name in their message."""
    content = {
        "process": os.getpid(),
        "run": os.getppid(),
        "host": socket.gethostname(),
        "since": iso(now()),
        "sensors": held,
    }
    with contextlib.suppress(OSError):
        replace_file(note, json.dumps(content).encode(), PRIVATE_FILE)


def _holder(folder: str, sensor: str, own_note: str) -> str:
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if not entry.name.endswith(".json") or entry.path == own_note:
                continue
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                with open(entry.path, encoding="utf-8") as stream:
                    content = json.load(stream)
                if sensor in content["sensors"] and _alive(content):
                    return f"process {content['run']} on {content['host']}, which works on it since {content['since']}"
    return "another run"


def _alive(content: dict[str, object]) -> bool:
    """False for a note that a killed run of this host left behind."""
    if content["host"] != socket.gethostname():
        return True
    try:
        os.kill(int(str(content["process"])), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
