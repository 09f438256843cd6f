# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sensor's own import command, run by a shell there: no Python, nothing left, no secret on a command line of ours.

What a sensor gets is one shell script as its command line, the same for every sensor, and everything that is secret
over standard input. The script makes a folder of its own (0700), writes the files into it (0600), runs the command,
tells its answer, and removes the folder, also if the connection is cut meanwhile. The command takes the key's
passphrase as an argument and in no other way that is documented, so it stands in the sensor's own process list
while the command runs, and nowhere else.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..._plain.errors import InputError
from ..._plain.texts import harmless
from ..profiles.base import CERTIFICATE, CHAIN, PRIVATE_KEY, ImportCommand

_FILES = (("key", PRIVATE_KEY, "private.key"), ("crt", CERTIFICATE, "certificate.crt"), ("pem", CHAIN, "chain.pem"))
_MOST_TOLD = 600
_NAME = re.compile(r"[A-Za-z0-9/][A-Za-z0-9._/+-]*\Z")
# A login over SSH without a terminal may find less than an administrator does.
_PATH = 'PATH="$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin"; export PATH'
HAS, LACKS = "has", "lacks"
# What ``timeout`` ends with when it ends the command, gently or not.
TIMED_OUT = (124, 137)


@dataclass(frozen=True)
class Answer:
    """What a sensor said.

    :ivar complete: the script reached its end; False: the connection broke, or no shell ran it.
    :ivar code: the command's exit status, or None if it did not run. :ivar text: what it printed, harmless, one line.
    :ivar trouble: why it did not run, in the shell's words, or empty. :ivar left: the folder that could not be removed.
    """

    complete: bool
    code: int | None = None
    text: str = ""
    trouble: str = ""
    left: str = ""


@dataclass(frozen=True)
class Remote:
    """The command of one kind of appliance, and where its files go.

    :ivar command: its name or path. :ivar folder: an existing folder of the sensor (absolute).
    :ivar mark: what no output has by accident; it also names the folder.
    :ivar limit: seconds after which the command is ended, where the sensor has C(timeout).
    """

    command: str
    options: Mapping[str, str]
    folder: str
    mark: str
    limit: int

    @classmethod
    def of(cls, profile: ImportCommand | None, command: str, folder: str, mark: str, limit: float) -> Remote:
        """From what users may set.

        :raises InputError: it cannot be used.
        """
        if profile is None:
            raise InputError("this profile's appliance has no command that takes a certificate; use its console")
        if not _NAME.match(command):
            raise InputError(
                f"sensor_upload_command is {command!r}; wanted: the name or path of a program, without arguments "
                "(to run it as root, set sensor_upload_become)"
            )
        if not folder.startswith("/") or not folder.isprintable():
            raise InputError(f"sensor_upload_dir is {folder!r}; wanted: the absolute path of a folder of the sensor")
        if not 1 <= limit <= 86400:
            raise InputError(f"sensor_upload_timeout is {limit:g}; wanted: seconds, 1 or more")
        return cls(command, profile.options, folder, mark, int(limit))

    @property
    def remains(self) -> str:
        """What the folders that this run makes on the sensor begin with."""
        return posixpath.join(self.folder, f".{self.mark}.")

    def probe(self) -> str:
        """A script that tells whether the command is there; it changes nothing."""
        name = shlex.quote(self.command)
        found = f"command -v {name} >/dev/null 2>&1"
        return f"{_PATH}; if {found}; then echo {self.mark} {HAS}; else echo {self.mark} {LACKS}; fi"

    def probed(self, output: str) -> str | None:
        """``has``, ``lacks``, or None if no shell has understood the question."""
        found = re.search(rf"^{self.mark} ({HAS}|{LACKS})\r?$", output, re.MULTILINE)
        return found[1] if found else None

    def clean(self) -> str:
        """A script that removes what a run has left."""
        # Where nothing matches, the pattern stays as it is, and there is no such file.
        pattern = shlex.quote(self.remains) + "*"
        remove = f'rm -rf -- "$folder"; if [ -e "$folder" ]; then echo "{self.mark} left $folder"; fi'
        return f"for folder in {pattern}; do {remove}; done; echo {self.mark} end"

    def script(self) -> str:
        """The script that imports what comes over its standard input (:meth:`data`)."""
        mark, arguments = (
            self.mark,
            " ".join(f'{self.options[role]} "$folder/{name}"' for _kind, role, name in _FILES if role in self.options),
        )
        # In the environment until then, which only its own user can read; so no other command line has it.
        add = f'if [ -n "$secret" ]; then set -- "$@" {self.options["passphrase"]} "$secret"; fi'
        last = f'{add}; unset secret; exec "$@"'
        return f"""\
{_PATH}; umask 077; trap '' PIPE HUP
folder={shlex.quote(self.remains)}$$
tell() {{ echo "{mark} $*" 2>/dev/null; }}
remove() {{ rm -rf -- "$folder"; if [ -e "$folder" ]; then tell left "$folder"; fi; tell end; }}
mkdir -m 700 -- "$folder" 2>&1 || {{ tell trouble the folder "$folder" could not be made; exit 3; }}
trap remove EXIT; trap 'exit 4' INT TERM
take() {{
  while IFS= read -r line; do
    if [ "$line" = {mark} ]; then return 0; fi
    printf '%s\\n' "$line" >&3 || {{ tell trouble "$folder" could not be written; exit 5; }}
  done 3>"$1"
  exit 6
}}
IFS= read -r secret || exit 6
take "$folder/private.key"; take "$folder/certificate.crt"; take "$folder/chain.pem"
set -- /bin/sh -c {shlex.quote(last)} sh {shlex.quote(self.command)} {arguments}
export secret
if command -v timeout >/dev/null 2>&1; then set -- timeout -k 10 {self.limit} "$@"; fi
(trap - PIPE; exec "$@") >"$folder/answer" 2>&1 </dev/null
tell code $?
cat "$folder/answer" 2>/dev/null
tell answered
"""

    def data(self, contents: Mapping[str, bytes], passphrase: str) -> bytes:
        """What goes to the script's standard input.

        :param contents: the files by kind (``key``, ``crt``, ``pem``), text.
        :raises InputError: the passphrase cannot be handed on; it is not told.
        """
        if any(character in passphrase for character in "\n\r\0"):
            raise InputError("the key's passphrase has a line break or a null character; no command line can have it")
        lines = [passphrase.encode()]
        for kind, _role, _name in _FILES:
            lines += [*contents[kind].replace(b"\r\n", b"\n").splitlines(), self.mark.encode()]
        return b"\n".join(lines) + b"\n"

    def answer(self, output: str, passphrase: str) -> Answer:
        """What the script's output says."""
        text = output.replace("\r\n", "\n")
        code = re.search(rf"^{self.mark} code (\d+)\n(.*?)^{self.mark} answered$", text, re.MULTILINE | re.DOTALL)
        trouble = re.search(rf"^{self.mark} trouble (.*)$", text, re.MULTILINE)
        left = re.search(rf"^{self.mark} left (.*)$", text, re.MULTILINE)
        said = code[2] if code else ""
        return Answer(
            complete=re.search(rf"^{self.mark} end$", text, re.MULTILINE) is not None,
            code=int(code[1]) if code else None,
            text=shown(said, passphrase),
            trouble=harmless(trouble[1]) if trouble else "",
            left=harmless(left[1]) if left else "",
        )


def shown(text: str, passphrase: str) -> str:
    """What a command printed, on one line, harmless, and without the passphrase."""
    if passphrase:
        text = text.replace(passphrase, "***")
    return harmless(" ".join(text.split()), _MOST_TOLD)


def refusal(answer: Answer, known: Sequence[str]) -> str | None:
    """The error with which the sensor refused the certificate, or None if it took it.

    :param known: the errors that are documented, the most telling first. One of them counts whatever the exit status.
    """
    for error in known:
        if error in answer.text:
            return error
    if answer.code == 0:
        return None
    if answer.code in TIMED_OUT:
        return f"the command did not end in time{_said(answer)}"
    return f"the command ended with status {answer.code}{_said(answer)}"


def _said(answer: Answer) -> str:
    return f" and said: {answer.text}" if answer.text else " and said nothing"
