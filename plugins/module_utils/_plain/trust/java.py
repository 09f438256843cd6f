# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Java keystores: the cacerts of each installed Java, or keystores that are named."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Iterator, Sequence

from ..errors import FileError, InputError
from ..file_update import Current
from ..files import PRIVATE_FILE, read_file, why, write_new
from ..folders import Folder, UnsafePathError
from ..protected import exposed_within
from .model import OURS, Anchor, Held, Store
from .pem import certificates
from .tools import Runner, ToolError, find, usable

_HOMES = ("/usr/lib/jvm/*", "/usr/lib64/jvm/*", "/usr/java/*", "/opt/java/*", "/opt/jdk*", "/opt/jre*")
# The first one that exists is what Java reads (JSSE Reference Guide, "cacerts").
_INSIDE = (
    "lib/security/jssecacerts",
    "lib/security/cacerts",
    "jre/lib/security/jssecacerts",
    "jre/lib/security/cacerts",
)
# Made by the system's own command from the system's anchors (RHEL, Arch, SUSE); what is written there is lost.
_EXTRACTED = ("/etc/pki/ca-trust/extracted/", "/etc/ca-certificates/extracted/", "/var/lib/ca-certificates/")
# Here bin and lib are the whole system's; what is there is root's, or nothing on this machine is.
_NO_JAVA = ("/", "/usr", "/usr/local")
_PASSWORD = "OT_PKI_STOREPASS"  # noqa: S105 - the name of a variable
# English words to look for, and the shortest start-up.
_QUICK = ("-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-J-Xshare:auto")
# Debian's hook names the system's anchors so.
_OURS = (OURS, "debian:" + OURS)


def inside(home: str) -> str | None:
    """The keystore that the Java in this folder reads."""
    for path in _INSIDE:
        full = os.path.join(home, path)
        if os.path.isfile(full):
            return full
    return None


def discover() -> list[str]:
    """The keystores of all installed Java, each file once."""
    homes = [home for pattern in _HOMES for home in sorted(glob.glob(pattern))]
    if os.environ.get("JAVA_HOME"):
        homes.append(os.environ["JAVA_HOME"])
    tool = find("keytool")
    if tool:
        homes.append(os.path.dirname(os.path.dirname(os.path.realpath(tool))))
    stores = []
    for store in filter(None, map(inside, homes)):
        with suppress(FileError):
            stores.append(_meant(store))
    return list(dict.fromkeys(stores))


def named(path: str) -> str:
    """The keystore that is meant by a path: itself, or that of the Java in this folder.

    :raises InputError: there is none.
    :raises FileError: another user's link leads there.
    """
    if os.path.isdir(path):
        store = inside(path)
        if store is None:
            raise InputError(f"java_keystores has {path}, which is no Java: it has no lib/security/cacerts")
        return _meant(store)
    if not os.path.isfile(path):
        raise InputError(f"java_keystores has {path}, which does not exist")
    return _meant(path)


def _meant(path: str) -> str:
    """Where a path leads, over links of root and of this process's user alone."""
    try:
        folder, name = Folder.of(path)
    except UnsafePathError:
        raise
    except OSError as error:
        raise FileError(f"{path} cannot be looked at: {why(error)}") from error
    with folder:
        return folder.at(name)


@lru_cache
def _whole(tool: str, keystore: str) -> bool:
    """Whether nobody else may change anything of the Java that a keytool starts.

    The program itself is the least of it: it loads libraries, classes and settings of the folders beside it.

    :param keystore: is data, and may be somebody else's.
    """
    home = os.path.dirname(os.path.dirname(os.path.realpath(tool)))
    if home in _NO_JAVA:
        return True
    folders = [os.path.join(home, name) for name in ("bin", "lib", "conf", "jre")]
    return not any(exposed_within(folder, os.geteuid(), keystore) for folder in folders if os.path.exists(folder))


class JavaStore(Store):
    """A Java keystore, by keytool. It is changed as a copy and put in place as a whole."""

    type = "java"

    def __init__(self, path: str, password: str, runner: Runner) -> None:
        super().__init__("Java keystore", path)
        self.verifier = "keytool -list"
        self._runner = runner
        # Java takes its time to start: the list is read once, and again after a change.
        self._known: list[Held] | None = None
        # For the process list shows arguments, and the environment only to the user who runs it.
        self._environment = {_PASSWORD: password}

    def held(self) -> list[Held]:
        """The trusted certificates."""
        if self._known is None:
            self._known = self._listed()
        return self._known

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        """Import and delete in a copy, which then takes the keystore's place."""
        if self.path.startswith(_EXTRACTED):
            raise ToolError(f"{self.path} is made from the system's anchors; have the store 'system' done as well")
        aliases = {entry.place for entry in self.held()}
        file = Current.read(self.path)
        with self._copy(file) as copy:
            for entry in remove:
                self._keytool("-delete", "-alias", entry.place, "-keystore", copy)
            for anchor in add:
                if anchor.name in aliases:
                    # The alias is ours; what it holds is not this certificate any more.
                    self._keytool("-delete", "-alias", anchor.name, "-keystore", copy)
                self._keytool("-importcert", "-noprompt", "-alias", anchor.name, "-keystore", copy, given=anchor.pem)
            file.put(read_file(copy))
            self._known = None

    def distrusts(self, anchor: Anchor) -> str:
        """Ask keytool."""
        known = any(entry.fingerprint == anchor.fingerprint for entry in self.held())
        return "" if known else "it is not among its trusted certificates"

    def _listed(self) -> list[Held]:
        with self._copy(Current.read(self.path)) as copy:
            output = self._keytool("-list", "-rfc", "-keystore", copy)
        entries = []
        for part in re.split(r"(?m)^Alias name: ", output)[1:]:
            alias, _newline, rest = part.partition("\n")
            if "Entry type: trustedCertEntry" in rest:
                alias = alias.strip()
                entries += [
                    Held(found.fingerprint, alias, alias.startswith(_OURS)) for found in certificates(rest.encode())
                ]
        return entries

    @staticmethod
    @contextmanager
    def _copy(file: Current) -> Iterator[str]:
        """A copy where nobody else can reach it: what keytool reads is what was read, and stays so."""
        with tempfile.TemporaryDirectory(prefix="ot_pki-") as folder:
            copy = os.path.join(folder, "keystore")
            try:
                write_new(copy, file.content, PRIVATE_FILE)
            except OSError as error:
                raise FileError(f"{file.path} cannot be copied: {why(error)}") from error
            yield copy

    def _keytool(self, *arguments: str, given: str = "") -> str:
        command = [self._tool(), *_QUICK, *arguments, "-storepass:env", _PASSWORD]
        done = self._runner.run(command, self._environment, given=given.encode("ascii"))
        if done.code == 0:
            return done.output
        if "password was incorrect" in done.output or "integrity check failed" in done.output.lower():
            raise ToolError(f"{self.path} does not open with the password given; set java_password")
        raise ToolError(f"keytool cannot work on {self.path}: {done.words}")

    def _tool(self) -> str:
        """The keytool of the Java that the keystore belongs to, if it is safe to run; otherwise the system's."""
        home = self.path
        for _level in range(4):
            home = os.path.dirname(home)
            own = os.path.join(home, "bin", "keytool")
            if usable(own) and _whole(own, self.path):
                return own
        tool = find("keytool")
        if tool is None or not _whole(tool, self.path):
            installed = [path for home in _HOMES for path in sorted(glob.glob(os.path.join(home, "bin/keytool")))]
            tool = next((path for path in installed if usable(path) and _whole(path, self.path)), None)
        if tool is None:
            raise ToolError(
                f"there is no keytool for {self.path} that nobody but root can change; install a Java runtime"
            )
        return tool
