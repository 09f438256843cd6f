# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a path is safe from other users: nobody else can exchange what lies there, or anything on the way."""

from __future__ import annotations

import contextlib
import os
import stat

from .files import why

_MAX_LINKS = 40
_MAX_ENTRIES = 100_000
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def exposed(path: str, user: int) -> str:
    """Why others than root and one user may change what a path leads to; empty if they cannot.

    Looks at each component from the root of the file system on. Where this finds nothing, the path still means
    the same when it is used: nobody else may change a name on it. In a folder like ``/tmp`` (sticky) others may add
    names, but not exchange those of root or the user.

    :param user: user id that is trusted beside root; 0 for root alone.
    """
    trusted = {0, user}
    todo = [part for part in reversed(os.path.abspath(path).split("/")) if part]
    way = "/"
    links = 0
    while True:
        try:
            status = os.lstat(way)
            target = os.readlink(way) if stat.S_ISLNK(status.st_mode) else None
        except OSError as error:
            return f"{way} cannot be looked at: {why(error)}"
        shared = bool(stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and todo)
        problem = _own_fault(way, status, trusted, shared)
        if problem:
            return problem
        if target is not None:
            links += 1
            if links > _MAX_LINKS:
                return f"{path} leads over too many links"
            todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]
            way = "/" if target.startswith("/") else os.path.dirname(way)
            continue
        if not todo:
            return ""
        part = todo.pop()
        way = os.path.dirname(way) if part == ".." else os.path.join(way, part)


def exposed_within(folder: str, user: int, but: str = "") -> str:
    """Why others than root and one user may change what is in a folder, or what its links lead to; empty: they cannot.

    What cannot be looked at is left out: whoever runs a program from there cannot read it either.

    :param user: user id that is trusted beside root; 0 for root alone.
    :param but: a file that does not matter.
    """
    problem = exposed(folder, user)
    todo, seen = [os.path.realpath(folder)], set()
    left = _MAX_ENTRIES
    while todo and not problem:
        above = todo.pop()
        if above in seen:
            continue
        seen.add(above)
        with contextlib.suppress(OSError), os.scandir(above) as entries:
            for entry in entries:
                left -= 1
                status = entry.stat(follow_symlinks=False)
                if left < 0:
                    return f"{folder} holds too much to be looked through"
                if stat.S_ISLNK(status.st_mode):
                    real = os.path.realpath(entry.path)
                    problem = exposed(entry.path if os.path.exists(real) else _existing(real), user)
                    if os.path.isdir(real):
                        todo.append(real)
                elif entry.path != but:
                    problem = _own_fault(entry.path, status, {0, user})
                    if stat.S_ISDIR(status.st_mode):
                        todo.append(entry.path)
                if problem:
                    break
    return problem


def _existing(path: str) -> str:
    """The first folder above a path that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _own_fault(path: str, status: os.stat_result, trusted: set[int], shared: bool = False) -> str:
    if status.st_uid not in trusted:
        return f"{path} belongs to user {status.st_uid}"
    if status.st_mode & _OTHERS and not shared and not stat.S_ISLNK(status.st_mode):
        return f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):04o})"
    return ""
