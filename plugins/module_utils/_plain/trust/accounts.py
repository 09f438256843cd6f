# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The people of a machine, and where they live: as whom work is done in somebody's home."""

from __future__ import annotations

import glob
import os
import pwd
from dataclasses import dataclass

from ..errors import InputError

_FIRST_PERSON = 1000  # user ids below are services, but for root


@dataclass(frozen=True)
class Account:
    """Somebody as whom a tool is run.

    :ivar uid: user id.
    :ivar gid: id of the main group.
    """

    name: str
    uid: int
    gid: int
    home: str

    @property
    def reachable(self) -> bool:
        """Whether this process may work as this account."""
        return os.geteuid() in (0, self.uid)


def by_name(name: str) -> Account:
    """The account of this name.

    :raises InputError: there is none.
    """
    try:
        return _account(pwd.getpwnam(name))
    except (KeyError, ValueError) as error:
        raise InputError(f"nss_users has {name!r}, but this host has no such user") from error


def by_id(uid: int) -> Account | None:
    """The account with this user id, or ``None``."""
    try:
        return _account(pwd.getpwuid(uid))
    except (KeyError, OverflowError):
        return None


def with_homes() -> list[Account]:
    """Root and all people with a home of their own."""
    people = [_account(person) for person in pwd.getpwall()]
    found = [person for person in people if person.uid == 0 or person.uid >= _FIRST_PERSON]
    known = {person.home for person in found}
    # People of a directory service are not listed, but have a folder. The account database says whose it is,
    # never the folder: what counts is that it is the home of the account with its name.
    for folder in sorted(glob.glob("/home/*")):
        if folder not in known:
            try:
                person = _account(pwd.getpwnam(os.path.basename(folder)))
            except (KeyError, ValueError):
                continue
            if person.uid >= _FIRST_PERSON and os.path.realpath(person.home) == os.path.realpath(folder):
                found.append(person)
    return [person for person in dict.fromkeys(found) if person.home.strip("/")]


def _account(person: pwd.struct_passwd) -> Account:
    return Account(person.pw_name, person.pw_uid, person.pw_gid, person.pw_dir)
