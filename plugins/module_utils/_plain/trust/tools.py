# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the trust stores' own tools: no terminal, no endless waiting, their words in the error."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from ..errors import PkiError
from ..files import why

# Modules run with a short PATH under some connections.
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What tools say when another process holds what they need.
_BUSY = ("database is locked", "could not get lock", "unable to lock", "frontend lock", "is another process using it")


class ToolError(PkiError):
    """A tool is missing, failed, or did not end in time."""


@dataclass(frozen=True)
class Done:
    """What a tool printed and returned."""

    code: int
    output: str

    @property
    def words(self) -> str:
        """The last lines of its output, on one line, for messages."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return " ".join(lines[-3:])[:400] or f"exit status {self.code}"

    @property
    def busy(self) -> bool:
        """Whether it failed because another process is at work."""
        text = self.output.lower()
        return self.code != 0 and any(sign in text for sign in _BUSY)


def search_path() -> str:
    """Where tools are looked for."""
    known = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join([*known, *(folder for folder in _FOLDERS if folder not in known)])


def find(tool: str) -> str | None:
    """The path of a tool, or ``None``."""
    return shutil.which(tool, path=search_path())


class Runner:
    """Runs tools with a limit of time."""

    def __init__(self, timeout: float = 120.0) -> None:
        """Prepare.

        :param timeout: seconds for one call of a tool.
        """
        self.timeout = timeout

    def run(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, owner: tuple[int, int] | None = None
    ) -> Done:
        """Run a tool to its end.

        :param environment: more variables; secrets go here, for the process list shows arguments.
        :param owner: user and group id to run as, if it is not the current user.
        :raises ToolError: it cannot be run or does not end in time.
        """
        variables = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": search_path(), **(environment or {})}
        become: Callable[[], None] | None = None
        if owner and os.geteuid() == 0 and owner[0] != 0:
            uid, gid = owner

            def become() -> None:
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)

        try:
            # The library knows no AnsibleModule, and its run_command has neither a time limit nor another user.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                start_new_session=True,  # no terminal to ask for a password on
                preexec_fn=become,  # safe: the module has one thread
                cwd="/",
            )
        except OSError as error:
            raise ToolError(f"{command[0]} cannot be run: {why(error)}") from error
        except subprocess.SubprocessError as error:
            raise ToolError(f"{command[0]} cannot be run as user {owner[0] if owner else ''}: {error}") from error
        with process:
            try:
                output, _none = process.communicate(timeout=self.timeout)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise ToolError(f"{command[0]} did not end within {self.timeout:g} seconds; it was stopped") from error
        return Done(process.returncode, output.decode("utf-8", "replace"))

    def must(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, owner: tuple[int, int] | None = None
    ) -> str:
        """Run a tool that has to succeed, and return what it printed.

        :raises ToolError: it failed; the error has its own words.
        """
        done = self.run(command, environment, owner)
        if done.code == 0:
            return done.output
        if done.busy:
            raise ToolError(
                f"{command[0]} is held up by another process; run this again when it has ended: {done.words}"
            )
        raise ToolError(f"{command[0]} failed: {done.words}")
