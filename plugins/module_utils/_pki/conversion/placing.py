# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files put in their places with mode and owner: all of one conversion, or none."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.file_update import Current
from ..._plain.files import PRIVATE_FILE, remove_file, why
from ..._plain.folders import Folder
from ..intake.problem import ConversionProblem
from .switching import Switch

_MAX_ID = 2**32 - 2  # the number after it says "as it is" to chown(2)


@dataclass(frozen=True)
class Ownership:
    """Mode and owner of what is written; None: as it is, or the default of a new file."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Placement:
    """One file that is to be written.

    :ivar content: what is to be in it; what it has already, if only mode and owner differ.
    :ivar current: the file as it was read.
    :ivar renewed: whether the content is another.
    :ivar asked: whether uid or gid was asked for; otherwise they are kept as far as that can be.
    """

    path: str
    content: bytes = field(repr=False)
    mode: int
    uid: int
    gid: int
    current: Current
    renewed: bool
    asked: bool
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
            uid = _number(owner) if str(owner).isdigit() else pwd.getpwnam(str(owner)).pw_uid
    except (KeyError, ValueError):
        raise InputError(f"owner is {owner!r}; wanted: a user that this machine knows") from None
    try:
        if group not in (None, ""):
            gid = _number(group) if str(group).isdigit() else grp.getgrnam(str(group)).gr_gid
    except (KeyError, ValueError):
        raise InputError(f"group is {group!r}; wanted: a group that this machine knows") from None
    return Ownership(parse_mode(mode), uid, gid)


def _number(text: Any) -> int:
    """A user or group id.

    :raises ValueError: not one that a system can have.
    """
    number = int(str(text))
    if number > _MAX_ID:
        raise ValueError(number)
    return number


def read_current(path: str, max_bytes: int) -> Current:
    """The file that is to be written, as it is now.

    :raises ConversionProblem: something else than a file is in its place, or it cannot be read.
    """
    try:
        if os.path.isdir(path):
            raise ConversionProblem("dest.unusable", "is a folder; wanted: the path of a file", path)
        return Current.read(path, max_bytes)
    except FileError as error:
        text = str(error)
        if "at most" in text:
            return Current(path, b"", os.stat(path))
        words = text[len(path) :].lstrip() if text.startswith(path) else text
        raise ConversionProblem("dest.unusable", words, path) from None
    except ValueError as error:
        raise ConversionProblem("dest.unusable", f"cannot be looked at: {error}", path) from None


def plan_placement(current: Current, content: bytes | None, holds_key: bool, ownership: Ownership) -> Placement | None:
    """What is to be done about one file; None if nothing.

    A file that holds a key is 0600 unless a mode is given; any other keeps what it has.

    :param content: new content, or None if what it has is right.
    """
    status = current.status
    asked = ownership.uid is not None or ownership.gid is not None
    keeps = _keeps_owner(current)
    uid = ownership.uid if ownership.uid is not None else status.st_uid if status and keeps else -1
    gid = ownership.gid if ownership.gid is not None else status.st_gid if status and keeps else -1
    default = PRIVATE_FILE if holds_key else current.mode
    mode = ownership.mode if ownership.mode is not None else default
    attributes = []
    if status is not None:
        have = stat.S_IMODE(status.st_mode)
        if ownership.mode is None and not holds_key:
            mode = have
        if have != mode:
            attributes.append(f"mode {have:04o} instead of {mode:04o}")
        if ownership.uid is not None and status.st_uid != ownership.uid:
            attributes.append(f"owner {status.st_uid} instead of {ownership.uid}")
        if ownership.gid is not None and status.st_gid != ownership.gid:
            attributes.append(f"group {status.st_gid} instead of {ownership.gid}")
    if content is None and not attributes:
        return None
    renewed = content is not None
    text = content if content is not None else current.content
    return Placement(current.path, text, mode, uid, gid, current, renewed, asked, tuple(attributes))


def _keeps_owner(current: Current) -> bool:
    """Whether what replaces a file goes to its owner: not to somebody who put it where many can write."""
    if current.status is None:
        return False
    try:
        with Folder.open(os.path.dirname(os.path.abspath(current.path))) as folder:
            return not folder.foreign or current.status.st_uid in (0, os.geteuid(), folder.status.st_uid)
    except OSError:
        return False


def place(placements: Sequence[Placement], backup: bool) -> dict[str, str]:
    """Put files in their places: all of them, or none.

    Only files that were made here are given a mode and an owner, and by their descriptor: what lies under a name
    may be somebody else's, put there to be given away.

    :returns: the backup files by path.
    :raises ConversionProblem: nothing has been changed, or it says what has.
    """
    switches: dict[str, Switch] = {}
    backups: dict[str, str] = {}
    current = ""
    try:
        try:
            for placement in placements:
                current = placement.path
                folder = os.path.dirname(os.path.abspath(placement.path))
                if folder not in switches:
                    switches[folder] = Switch(folder)
                _write(switches[folder], placement)
            for placement in placements:
                current = placement.path
                if backup and placement.renewed and placement.current.status is not None:
                    backups[placement.path] = placement.current.back_up()
            for switch in switches.values():
                switch.ready()
            for placement in placements:
                current = placement.path
                switches[os.path.dirname(os.path.abspath(current))].put(os.path.basename(current))
        except BaseException:
            _take_back(switches.values(), backups)
            raise
    except OSError as error:
        raise ConversionProblem("dest.unusable", f"cannot be written: {why(error)}", current) from None
    except FileError as error:
        raise ConversionProblem("dest.unusable", str(error), current) from None
    finally:
        for switch in switches.values():
            switch.finish()
    return backups


def _write(switch: Switch, placement: Placement) -> None:
    name = os.path.basename(placement.path)
    owner = (placement.uid, placement.gid)
    try:
        switch.add(name, placement.content, placement.mode, None if owner == (-1, -1) else owner)
    except PermissionError:
        # Asked for, it is an error; merely kept, it is not.
        if placement.asked:
            raise
        switch.discard(name)
        switch.add(name, placement.content, placement.mode, None)


def _take_back(switches: Iterable[Switch], backups: dict[str, str]) -> None:
    for path in backups.values():
        with contextlib.suppress(OSError):
            remove_file(path)
    failed = ""
    for switch in switches:
        try:
            switch.put_back()
        except OSError as error:
            failed = failed or f"the earlier files in {switch.folder.path} could not be put back: {why(error)}"
    if failed:
        raise ConversionProblem("dest.unusable", f"{failed}; run this again when the cause is mended")
