# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the trust stores' own tools: safe ones, in a fresh environment, no terminal, bounded in time and output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

from ..errors import PkiError
from ..files import why
from ..protected import exposed
from ..texts import harmless
from .accounts import Account, by_id

# Modules run with a short PATH under some connections.
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What tools say when another process holds what they need.
_BUSY = ("database is locked", "could not get lock", "unable to lock", "frontend lock", "is another process using it")
MAX_OUTPUT = 64 * 1024 * 1024
_PIECE = 65536
_STORES = 0o022  # umask: what the distributions' commands make is read by everybody
_PEOPLE = 0o077


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
        return harmless(" ".join(lines[-3:]), 400) or f"exit status {self.code}"

    @property
    def busy(self) -> bool:
        """Whether it failed because another process is at work."""
        text = self.output.lower()
        return self.code != 0 and any(sign in text for sign in _BUSY)


def search_path() -> list[str]:
    """The folders in which tools are looked for: those of PATH, and the usual ones."""
    known = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    return list(dict.fromkeys([*known, *_FOLDERS]))


def usable(path: str) -> bool:
    """Whether a program may be run: it is one, and nobody but root and this process's user could have put it there."""
    return os.path.isfile(path) and os.access(path, os.X_OK) and not exposed(path, os.geteuid())


def find(tool: str) -> str | None:
    """The path of a tool that may be run, or ``None``."""
    for folder in search_path():
        path = os.path.join(folder, tool)
        if usable(path):
            return path
    return None


class Runner:
    """Runs tools with a limit of time."""

    def __init__(self, timeout: float = 120.0, total: float | None = None) -> None:
        """Prepare.

        :param timeout: seconds for one call of a tool.
        :param total: seconds for all calls together, or no limit.
        """
        self.timeout = timeout
        self._left = total

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        given: bytes = b"",
    ) -> Done:
        """Run a tool to its end. It gets nothing of this process's environment.

        :param environment: more variables; secrets go here, for the process list shows arguments.
        :param account: as whom to run, if not as the current user.
        :param given: what it reads from its standard input.
        :raises ToolError: it cannot be run, does not end in time, or prints without end.
        """
        limit = self.timeout if self._left is None else min(self.timeout, self._left)
        if limit <= 0:
            raise ToolError(f"{command[0]} is not run any more: the calls before it have taken all the time there is")
        begin = time.monotonic()
        try:
            return self._run(command, environment or {}, account, given, begin + limit, limit)
        finally:
            if self._left is not None:
                self._left -= time.monotonic() - begin

    def _run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        account: Account | None,
        given: bytes,
        deadline: float,
        limit: float,
    ) -> Done:
        other = account if account and os.geteuid() == 0 and account.uid != 0 else None
        try:
            # The library knows no AnsibleModule, and its run_command has neither a time limit nor another user.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**_environment(other), **environment},
                start_new_session=True,  # no terminal to ask for a password on
                preexec_fn=_becoming(other),  # safe: the module has one thread
                cwd="/",
            )
        except OSError as error:
            raise ToolError(f"{command[0]} cannot be run: {why(error)}") from error
        except subprocess.SubprocessError as error:
            raise ToolError(f"{command[0]} cannot be run as {other.name if other else 'root'}: {error}") from error
        try:
            output = _talk(process, given, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            raise ToolError(f"{command[0]} did not end within {limit:g} seconds; it was stopped") from error
        except OverflowError as error:
            raise ToolError(f"{command[0]} printed more than {MAX_OUTPUT} bytes; it was stopped") from error
        finally:
            _end(process)
        return Done(code, output.decode("utf-8", "replace"))

    def must(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        given: bytes = b"",
    ) -> str:
        """Run a tool that has to succeed, and return what it printed.

        :raises ToolError: it failed; the error has its own words.
        """
        done = self.run(command, environment, account, given)
        if done.code == 0:
            return done.output
        if done.busy:
            raise ToolError(
                f"{command[0]} is held up by another process; run this again when it has ended: {done.words}"
            )
        raise ToolError(f"{command[0]} failed: {done.words}")


def _environment(account: Account | None) -> dict[str, str]:
    variables = {"LC_ALL": "C", "LANGUAGE": "C"}
    if account:
        return {
            **variables,
            "PATH": os.pathsep.join(_FOLDERS),
            "HOME": account.home,
            "USER": account.name,
            "LOGNAME": account.name,
        }
    safe = [folder for folder in search_path() if os.path.isdir(folder) and not exposed(folder, os.geteuid())]
    # Of the account, not of the environment: p11-kit loads libraries that a file in HOME names.
    own = by_id(os.geteuid())
    return {**variables, "PATH": os.pathsep.join(safe), "HOME": own.home if own else "/"}


def _becoming(account: Account | None) -> Callable[[], None]:
    def become() -> None:
        os.umask(_PEOPLE if account else _STORES)
        if account:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)

    return become


def _talk(process: subprocess.Popen[bytes], given: bytes, deadline: float) -> bytes:
    """Give a process its input and take its output, until it closes that.

    :raises TimeoutError: the moment has come.
    :raises OverflowError: there is too much output.
    :raises ValueError: the process has no pipes.
    """
    output = bytearray()
    source, sink = process.stdout, process.stdin
    if source is None or sink is None:
        raise ValueError("the process was started without pipes")
    rest = memoryview(given)
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        if given:
            os.set_blocking(sink.fileno(), False)
            selector.register(sink, selectors.EVENT_WRITE)
        else:
            sink.close()
        while source in {key.fileobj for key in selector.get_map().values()}:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                raise TimeoutError
            for key, _events in ready:
                if key.fileobj is source:
                    piece = os.read(source.fileno(), _PIECE)
                    output += piece
                    if len(output) > MAX_OUTPUT:
                        raise OverflowError
                    if not piece:
                        selector.unregister(source)
                else:
                    with contextlib.suppress(BrokenPipeError):
                        rest = rest[os.write(sink.fileno(), rest[:_PIECE]) :]
                        if rest:
                            continue
                    selector.unregister(sink)
                    with contextlib.suppress(OSError):
                        sink.close()
    return bytes(output)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let go of a process; what is left of it and its children is stopped."""
    if process.returncode is None:
        # It leads a group of its own, and as it has not been waited for, the group's number is nobody else's.
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stdin):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
