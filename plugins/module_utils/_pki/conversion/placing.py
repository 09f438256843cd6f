# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files put in their places with mode and owner: each in one step, and none before all are written."""

from __future__ import annotations

import contextlib
import datetime
import grp
import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError
from ..._plain.files import PRIVATE_FILE, PUBLIC_FILE, unused_name, why, write_new
from ..intake.problem import ConversionProblem


@dataclass(frozen=True)
class Ownership:
    """Mode and owner of what is written; None: as it is, or the default of a new file."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Placement:
    """One file that is to be in its place.

    :ivar content: new content, or None if only mode and owner may differ.
    """

    path: str
    content: bytes | None = field(repr=False)
    mode: int
    uid: int | None
    gid: int | None
    attributes: tuple[str, ...] = ()


def parse_mode(value: Any) -> int | None:
    """A file mode: a string of octal digits, or the number itself.

    :raises InputError: neither.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InputError(f"mode is {value!r}; wanted: octal digits in quotes, for example '0640'")
    try:
        mode = int(value, 8) if isinstance(value, str) else value
    except ValueError:
        raise InputError(f"mode is {value!r}; wanted: octal digits in quotes, for example '0640'") from None
    if not 0 <= mode <= 0o7777:
        raise InputError(f"mode is {value!r}; wanted: octal digits in quotes, for example '0640'")
    return mode


def ownership_of(mode: Any, owner: Any, group: Any) -> Ownership:
    """Names turned into numbers.

    :raises InputError: an unknown name, or not a mode.
    """
    uid = gid = None
    try:
        if owner not in (None, ""):
            uid = int(owner) if str(owner).isdigit() else pwd.getpwnam(str(owner)).pw_uid
    except KeyError:
        raise InputError(f"owner is {owner!r}; wanted: a user that this machine knows") from None
    try:
        if group not in (None, ""):
            gid = int(group) if str(group).isdigit() else grp.getgrnam(str(group)).gr_gid
    except KeyError:
        raise InputError(f"group is {group!r}; wanted: a group that this machine knows") from None
    return Ownership(parse_mode(mode), uid, gid)


def status_of(path: str) -> os.stat_result | None:
    """The status of a file that is to be written, or None if there is none.

    :raises ConversionProblem: something else than a file is in its place.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        text = why(error) if isinstance(error, OSError) else str(error)
        raise ConversionProblem("dest.unusable", f"cannot be looked at: {text}", path) from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ConversionProblem("dest.unusable", f"is {kind}; wanted: the path of a file", path)
    return status


def plan_placement(path: str, content: bytes | None, holds_key: bool, ownership: Ownership) -> Placement | None:
    """What is to be done about one file; None if nothing.

    A file that holds a key is 0600 unless a mode is given; any other keeps what it has.

    :raises ConversionProblem: something else than a file is in its place.
    """
    status = status_of(path)
    if status is None:
        mode = ownership.mode if ownership.mode is not None else PRIVATE_FILE if holds_key else PUBLIC_FILE
        return Placement(path, content, mode, ownership.uid, ownership.gid)
    have = stat.S_IMODE(status.st_mode)
    mode = ownership.mode if ownership.mode is not None else PRIVATE_FILE if holds_key else have
    attributes = []
    if have != mode:
        attributes.append(f"mode {have:04o} instead of {mode:04o}")
    if ownership.uid is not None and status.st_uid != ownership.uid:
        attributes.append(f"owner {status.st_uid} instead of {ownership.uid}")
    if ownership.gid is not None and status.st_gid != ownership.gid:
        attributes.append(f"group {status.st_gid} instead of {ownership.gid}")
    if content is None and not attributes:
        return None
    # A replaced file keeps its owner, as far as this user may give it away.
    uid = ownership.uid if ownership.uid is not None else status.st_uid
    gid = ownership.gid if ownership.gid is not None else status.st_gid
    return Placement(path, content, mode, uid, gid, tuple(attributes))


def place(placements: Sequence[Placement], ownership: Ownership, backup: bool) -> dict[str, str]:
    """Put files in their places. New content is written whole beside each before the first is switched.

    :returns: the backup files by path.
    :raises ConversionProblem: nothing has been changed.
    """
    prepared: list[tuple[str, Placement]] = []
    backups: dict[str, str] = {}
    current = ""
    try:
        for placement in placements:
            current = placement.path
            if placement.content is None:
                continue
            temporary = unused_name(os.path.dirname(placement.path))
            prepared.append((temporary, placement))
            if placement.uid is None and placement.gid is None:
                write_new(temporary, placement.content, placement.mode)
            else:
                write_new(temporary, placement.content, PRIVATE_FILE)
                _own(temporary, placement, ownership)
                os.chmod(temporary, placement.mode)
            if backup and os.path.exists(placement.path):
                backups[placement.path] = _back_up(placement.path)
        while prepared:
            temporary, placement = prepared[0]
            current = placement.path
            os.replace(temporary, placement.path)
            del prepared[0]
        for placement in placements:
            current = placement.path
            if placement.content is None:
                _own(placement.path, placement, ownership)
                os.chmod(placement.path, placement.mode)
    except OSError as error:
        raise ConversionProblem("dest.unusable", f"cannot be written: {why(error)}", current) from None
    finally:
        for temporary, _placement in prepared:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    return backups


def _own(path: str, placement: Placement, ownership: Ownership) -> None:
    status = os.stat(path)
    uid = placement.uid if placement.uid is not None else status.st_uid
    gid = placement.gid if placement.gid is not None else status.st_gid
    if (uid, gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.chown(path, uid, gid)
    except OSError:
        # Asked for, it is an error; merely kept, it is not.
        if ownership.uid is not None or ownership.gid is not None:
            raise


def _back_up(path: str) -> str:
    """A copy beside the file, with its mode from the first byte on."""
    moment = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    target = f"{path}.{os.getpid()}.{moment}~"
    with open(path, "rb") as stream:
        write_new(target, stream.read(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode))
    return target
