# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NSS databases, by certutil: Chromium's and Firefox's on Linux, for each user, and the system-wide one."""

from __future__ import annotations

import glob
import os
import pwd
import re
from typing import Sequence

from ..errors import InputError
from .model import OURS, Anchor, Held, Store
from .pem import certificates, temporary
from .tools import Runner, ToolError, find

SYSTEM_DATABASE = "/etc/pki/nssdb"
CHROMIUM = ".pki/nssdb"
_IN_HOMES = (
    CHROMIUM,
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
)
_DATABASE = "cert9.db"
_FIRST_PERSON = 1000  # user ids below are services, but for root
_NICKNAME = re.compile(r"(?m)^(?P<name>\S.*?)\s+(?P<flags>[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*)\s*$")
_NEEDED = (
    "install libnss3-tools (Debian, Ubuntu), nss-tools (RHEL, Fedora, Alpine), mozilla-nss-tools (SUSE) or nss (Arch)"
)


def discover() -> list[str]:
    """The databases that there are: system-wide, and in people's homes."""
    found = [SYSTEM_DATABASE] if os.path.isfile(os.path.join(SYSTEM_DATABASE, _DATABASE)) else []
    people = [person for person in pwd.getpwall() if person.pw_uid == 0 or person.pw_uid >= _FIRST_PERSON]
    # People of a directory service are not listed, but have a folder.
    homes = dict.fromkeys([*(person.pw_dir for person in people), *sorted(glob.glob("/home/*"))])
    for home in homes:
        for pattern in _IN_HOMES if home.strip("/") else ():
            databases = sorted(glob.glob(os.path.join(glob.escape(home), pattern, _DATABASE)))
            found += [os.path.dirname(database) for database in databases]
    return list(dict.fromkeys(os.path.realpath(path) for path in found))


def of_user(name: str) -> str:
    """Where Chromium keeps the database of a user, made if there is none yet.

    :raises InputError: there is no such user.
    """
    try:
        return os.path.join(pwd.getpwnam(name).pw_dir, CHROMIUM)
    except KeyError as error:
        raise InputError(f"nss_users has {name!r}, but this host has no such user") from error


class NssStore(Store):
    """An NSS database, changed as its owner."""

    type = "nss"

    def __init__(self, path: str, runner: Runner, create_for: str | None = None) -> None:
        super().__init__("NSS database", path)
        self.verifier = "certutil -V -u L"
        self._runner = runner
        self._create_for = create_for

    def held(self) -> list[Held]:
        """Every certificate by its nickname."""
        if not os.path.isfile(os.path.join(self.path, _DATABASE)):
            if self._create_for is None:
                raise InputError(f"{self.path} is no NSS database: it has no {_DATABASE}")
            self._tool()
            return []
        entries = []
        for match in _NICKNAME.finditer(self._certutil("-L")):
            nickname, flags = match["name"], match["flags"]
            trusted = "C" in flags.split(",", maxsplit=1)[0]
            text = self._certutil("-L", "-a", "-n", nickname)
            for found in certificates(text.encode()):
                entries.append(Held(found.fingerprint, nickname, nickname.startswith(OURS), trusted))
        return entries

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Delete, add, or give trust to what is there without it."""
        if not os.path.isfile(os.path.join(self.path, _DATABASE)):
            self._create()
        nicknames = {entry.fingerprint: entry.place for entry in self.held()}
        for entry in remove:
            self._certutil("-D", "-n", entry.place)
        for anchor in add:
            if anchor.fingerprint in nicknames:
                self._certutil("-M", "-n", nicknames[anchor.fingerprint], "-t", "C,,")
                continue
            with temporary(anchor.pem, self._owner()[0]) as file:
                self._certutil("-A", "-n", anchor.name, "-t", "C,,", "-a", "-i", file)

    def distrusts(self, anchor: Anchor) -> str:
        """Ask certutil whether it is good as an authority for TLS servers."""
        for entry in self.held():
            if entry.fingerprint == anchor.fingerprint:
                done = self._runner.run(self._command("-V", "-u", "L", "-n", entry.place), owner=self._owner())
                return "" if done.code == 0 else done.words
        return "it is not in the database"

    def _create(self) -> None:
        # As the user, so that no link in somebody's home can lead root elsewhere.
        self._runner.must(["mkdir", "-p", "-m", "0700", self.path], owner=self._owner())
        self._certutil("-N", "--empty-password")

    def _owner(self) -> tuple[int, int]:
        if self._create_for is not None:
            person = pwd.getpwnam(self._create_for)
            return person.pw_uid, person.pw_gid
        status = os.stat(os.path.join(self.path, _DATABASE))
        return status.st_uid, status.st_gid

    @staticmethod
    def _tool() -> str:
        tool = find("certutil")
        if tool is None:
            raise ToolError(f"certutil is missing on this host; {_NEEDED}")
        return tool

    def _command(self, *arguments: str) -> list[str]:
        return [self._tool(), *arguments, "-d", f"sql:{self.path}"]

    def _certutil(self, *arguments: str) -> str:
        done = self._runner.run(self._command(*arguments), owner=self._owner())
        if done.code == 0:
            return done.output
        if "password" in done.output.lower() or "SEC_ERROR_TOKEN_NOT_LOGGED_IN" in done.output:
            raise ToolError(f"{self.path} is protected by a password, so its owner has to import the certificate")
        raise ToolError(f"certutil cannot work on {self.path}: {done.words}")
