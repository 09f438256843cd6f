# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NSS databases, by certutil: Chromium's and Firefox's on Linux, for each user, and the system-wide one.

A database names libraries that certutil loads and runs (``pkcs11.txt``). So certutil runs as the account in whose home
the database lies, and as root only where nobody else can have written anything. The owner of a file says nothing:
anybody may link to, or move, a file of somebody else's.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from itertools import islice
from typing import Iterator, Sequence

from ..errors import FileError, InputError
from ..files import why
from ..folders import Folder
from ..protected import exposed
from .accounts import Account, by_id, with_homes
from .model import OURS, Anchor, Held, Store
from .pem import certificates
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
_FILES = (_DATABASE, "key4.db", "pkcs11.txt", "secmod.db")
MAX_IN_A_HOME = 64  # databases; more are no browser's
MAX_IN_A_DATABASE = 1000  # certificates; certutil is run for each
_FLAGS = re.compile(r"[a-zA-Z]*,[a-zA-Z]*,[a-zA-Z]*")
_NEEDED = (
    "install libnss3-tools (Debian, Ubuntu), nss-tools (RHEL, Fedora, Alpine), mozilla-nss-tools (SUSE) or nss (Arch)"
)


def discover() -> list[tuple[str, Account | None]]:
    """The databases that there are, with the account whose home each lies in; the system-wide one has none."""
    found: list[tuple[str, Account | None]] = []
    if os.path.isfile(os.path.join(SYSTEM_DATABASE, _DATABASE)):
        found.append((SYSTEM_DATABASE, None))
    seen = {SYSTEM_DATABASE}
    for person in with_homes():
        if person.reachable:
            for path in islice(_in_home(person.home), MAX_IN_A_HOME):
                # The same folder in two homes is tried by both: a link is no right to anything.
                if f"{person.uid} {os.path.realpath(path)}" not in seen:
                    seen.add(f"{person.uid} {os.path.realpath(path)}")
                    found.append((path, person))
    return found


def _in_home(home: str) -> Iterator[str]:
    for pattern in _IN_HOMES:
        for database in glob.iglob(os.path.join(glob.escape(home), pattern, _DATABASE)):
            yield os.path.dirname(database)


def _listed(output: str) -> list[tuple[str, str]]:
    """Nickname and trust of each certificate that C(certutil -L) lists.

    Line by line and from the end: what is printed there is the account's, and may be as long and odd as it likes.
    """
    found = []
    for line in output.splitlines():
        words = line.rsplit(None, 1)
        if len(words) == 2 and not line[0].isspace() and _FLAGS.fullmatch(words[1]):
            found.append((words[0], words[1]))
    return found


class NssStore(Store):
    """An NSS database, changed as the account that it belongs to."""

    type = "nss"

    def __init__(self, path: str, runner: Runner, account: Account | None = None, create: bool = False) -> None:
        """Prepare.

        :param account: in whose home it lies; ``None`` for one that was named, or is the system's.
        :param create: whether it is made if there is none yet.
        """
        super().__init__("NSS database", path)
        self.verifier = "certutil -V -u L"
        self._runner = runner
        self._home_of = account
        self._create_it = create
        self._as: Account | None = None
        # Nicknames of what somebody has marked as not to be trusted for servers.
        self._prohibited: set[str] = set()

    def held(self) -> list[Held]:
        """Every certificate by its nickname."""
        if not self._exists():
            if not self._create_it:
                raise InputError(f"{self.path} is no NSS database: it has no {_DATABASE}")
            self._tool()
            return []
        entries = []
        self._prohibited = set()
        listed = _listed(self._certutil("-L"))
        if len(listed) > MAX_IN_A_DATABASE:
            raise ToolError(f"{self.path} has {len(listed)} certificates; at most {MAX_IN_A_DATABASE} are looked at")
        for nickname, flags in listed:
            servers = flags.split(",", maxsplit=1)[0]
            trusted = "C" in servers
            if "p" in servers:
                self._prohibited.add(nickname)
            text = self._certutil("-L", "-a", "-n", nickname)
            for found in certificates(text.encode()):
                entries.append(Held(found.fingerprint, nickname, nickname.startswith(OURS), trusted))
        return entries

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Delete, add, or give trust to what is there without it."""
        if not self._exists():
            self._create()
        nicknames = {entry.fingerprint: entry.place for entry in self.held()}
        for anchor in add:
            if nicknames.get(anchor.fingerprint) in self._prohibited:
                raise ToolError(
                    f"{self.path} has the mark that {anchor.label} is not to be trusted; whoever set it has to take it "
                    f"away first (certutil -D -n '{nicknames[anchor.fingerprint]}')"
                )
        for entry in remove:
            self._certutil("-D", "-n", entry.place)
        for anchor in add:
            if anchor.fingerprint in nicknames:
                self._certutil("-M", "-n", nicknames[anchor.fingerprint], "-t", "C,,")
            else:
                self._certutil("-A", "-n", anchor.name, "-t", "C,,", "-a", given=anchor.pem)

    def distrusts(self, anchor: Anchor) -> str:
        """Ask certutil whether it is good as an authority for TLS servers."""
        for entry in self.held():
            if entry.fingerprint == anchor.fingerprint:
                command = self._command("-V", "-u", "L", "-n", entry.place)
                done = self._runner.run(command, account=self._account())
                return "" if done.code == 0 else done.words
        return "it is not in the database"

    def _exists(self) -> bool:
        return os.path.isfile(os.path.join(self.path, _DATABASE))

    def _create(self) -> None:
        # As the user, so that no link in somebody's home can lead root elsewhere.
        account = self._account()
        self._runner.must(["mkdir", "-p", "-m", "0700", self.path], account=account)
        self._certutil("-N", "--empty-password")

    def _account(self) -> Account | None:
        """As whom certutil is run; ``None`` is this process's user.

        :raises FileError: there is nobody as whom that would be safe.
        """
        if self._home_of is not None and self._home_of.uid != 0:
            return None if self._home_of.uid == os.geteuid() else self._home_of
        if self._as is None:
            self._as = self._judged()
        return None if self._as.uid == os.geteuid() else self._as

    def _judged(self) -> Account:
        """The owner of folder and files, if that is one, and nobody else can exchange anything."""
        me = by_id(os.geteuid()) or Account(str(os.geteuid()), os.geteuid(), os.getegid(), "/")
        if not self._exists():
            above = self.path
            while not os.path.lexists(above):
                above = os.path.dirname(above)
            problem = exposed(above, me.uid)
            if problem:
                raise FileError(f"{self.path} is not made as {me.name}: {problem}")
            return me
        try:
            above, own = os.path.split(os.path.abspath(self.path))
            with Folder.open(above) as parent, parent.folder(own) as folder:
                owner = folder.status.st_uid
                for name in folder.listdir():
                    if name.startswith(_FILES):  # journals of SQLite as well
                        self._check_file(folder, name, owner)
        except OSError as error:
            raise FileError(f"{self.path} is not used: {why(error)}") from error
        if owner not in (0, me.uid) and me.uid != 0:
            raise FileError(f"{self.path} belongs to user {owner}; become root, or that user, to change it")
        problem = exposed(self.path, owner)
        if problem:
            raise FileError(
                f"{self.path} is not used, since others could exchange it: {problem}; give folder and files to one "
                "user, and take the right to write from all others"
            )
        account = by_id(owner if me.uid == 0 else me.uid)
        if account is None:
            raise FileError(f"{self.path} belongs to user {owner}, whom this host does not know; change its owner")
        return account

    def _check_file(self, folder: Folder, name: str, owner: int) -> None:
        status = folder.look(name)
        if status is None:
            return
        problem = ""
        if not stat.S_ISREG(status.st_mode):
            problem = "is a link" if stat.S_ISLNK(status.st_mode) else "is no regular file"
        elif status.st_uid != owner:
            problem = f"belongs to user {status.st_uid}, and its folder to user {owner}"
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            problem = f"can be written by others (mode {stat.S_IMODE(status.st_mode):04o})"
        if problem:
            raise FileError(
                f"{self.path} is not used: {name} {problem}; wanted: plain files that belong, with their folder, to "
                "one user who alone can write them"
            )

    @staticmethod
    def _tool() -> str:
        tool = find("certutil")
        if tool is None:
            raise ToolError(f"certutil is missing on this host; {_NEEDED}")
        return tool

    def _command(self, *arguments: str) -> list[str]:
        return [self._tool(), *arguments, "-d", f"sql:{self.path}"]

    def _certutil(self, *arguments: str, given: str = "") -> str:
        done = self._runner.run(self._command(*arguments), account=self._account(), given=given.encode("ascii"))
        if done.code == 0:
            return done.output
        if "password" in done.output.lower() or "SEC_ERROR_TOKEN_NOT_LOGGED_IN" in done.output:
            raise ToolError(f"{self.path} is protected by a password, so its owner has to import the certificate")
        raise ToolError(f"certutil cannot work on {self.path}: {done.words}")
