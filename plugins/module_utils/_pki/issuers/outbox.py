# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder in which requests are laid out for the people or the software that answer them.

It holds the requests that are open and no others: ``<sensor>.csr`` (PEM), ``requests.csv``, and for AD CS
``submit.cmd``. A request that stands in ``requests.csv`` was shown: if its file is gone, somebody took it away to
submit it, and it is not put there again.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..._plain.errors import FileError
from ..._plain.files import PUBLIC_FILE, PUBLIC_FOLDER, why
from ..._plain.folders import Folder
from ..._plain.texts import cell, uncell
from ..values.faults import shown

COLUMNS = ("sensor", "common_name", "file", "public_key_sha256", "requested", "template")
CSV, SUBMIT, _LOCK = "requests.csv", "submit.cmd", ".lock"
_MAX = 64 * 1024 * 1024
_LOCK_TRIES, _LOCK_PAUSE = 100, 0.1


@dataclass(frozen=True)
class Row:
    """One open request."""

    sensor: str
    common_name: str
    public_key_sha256: str
    requested: str
    template: str = ""

    @property
    def file(self) -> str:
        """The request's file in the outbox."""
        return f"{self.sensor}.csr"

    def is_in(self, listed: Mapping[str, Row]) -> bool:
        """Whether this request is listed, and so was shown."""
        return self.sensor in listed and listed[self.sensor].public_key_sha256 == self.public_key_sha256


@dataclass(frozen=True)
class Outbox:
    """An outbox.

    :ivar where: the variable that names it, for messages.
    """

    path: str
    where: str
    template: str = ""

    def problem(self) -> str | None:
        """Why nothing can be written there, as far as that can be told without writing."""
        place = self.path
        while not os.path.lexists(place) and os.path.dirname(place) != place:
            place = os.path.dirname(place)
        if not os.path.isdir(place):
            return f"{self.where}: {self.path} cannot be written: {place} is not a folder"
        if not os.access(place, os.W_OK | os.X_OK):
            return f"{self.where}: {self.path} cannot be written: no permission for {place}"
        return None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Folder]:
        try:
            with Folder.open(self.path, make=PUBLIC_FOLDER) as folder:
                yield folder
        except OSError as error:
            raise FileError(f"{self.where}: {self.path} cannot be written: {why(error)}") from error

    def show(self, requests: Sequence[tuple[Row, bytes]]) -> None:
        """Lay out requests.

        :param requests: each with its CSR, PEM.
        :raises FileError: it could not be written.
        """
        with self._opened() as folder:
            for row, csr in requests:
                folder.replace(row.file, csr, PUBLIC_FILE)

    def listed(self) -> Mapping[str, Row]:
        """What stands in ``requests.csv``, by sensor; nothing if there is none, or one that is damaged.

        :raises FileError: there is one, and it cannot be read.
        """
        try:
            with Folder.open(self.path) as folder:
                if folder.look(CSV) is None:
                    return {}
                text = folder.read(CSV, _MAX).decode("utf-8-sig")
            rows = [
                Row(*(uncell(str(row.get(column))) for column in COLUMNS if column != "file"))
                for row in csv.DictReader(io.StringIO(text, newline=""))
            ]
            return {row.sensor: row for row in rows}
        except (FileNotFoundError, ValueError, csv.Error):
            return {}
        except OSError as error:
            raise FileError(f"{self.where}: {self.path} cannot be read: {why(error)}") from error

    def update(self, rows: Sequence[Row]) -> None:
        """Bring the lists up to date.

        A request that could not be shown is not listed: what is listed was shown once, and people may have taken the
        file away. The next run shows it.

        :param rows: every open request.
        :raises FileError: it could not be read or written.
        """
        if not rows and not os.path.isdir(self.path):
            return
        before = self.listed()
        with self._opened() as folder:
            rows = [row for row in rows if row.is_in(before) or folder.look(row.file)]
            ordered = sorted(rows, key=lambda row: row.sensor)
            _put(folder, CSV, _csv(ordered) if rows or folder.look(CSV) else None)
            if self.template:
                _put(folder, SUBMIT, submit_script(ordered, self.template) if rows or folder.look(SUBMIT) else None)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Two runs that share an outbox write its lists one after the other; who waits too long goes ahead."""
        try:
            with Folder.open(self.path) as folder:
                descriptor = folder.open_file(_LOCK, os.O_RDWR | os.O_CREAT, PUBLIC_FILE)
        except OSError:
            # No outbox yet, or one in which nothing can be written; if something has to be, that says so.
            yield
            return
        try:
            for _attempt in range(_LOCK_TRIES):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(_LOCK_PAUSE)
                except OSError:  # a file system without locks
                    break
            yield
        finally:
            os.close(descriptor)


def _put(folder: Folder, name: str, content: bytes | None) -> None:
    """Write a list that changed."""
    if content is None:
        return
    if folder.look(name) is not None and folder.read(name, _MAX) == content:
        return
    folder.replace(name, content, PUBLIC_FILE)


def remove_request(path: str, csr: bytes) -> None:
    """Remove a request's file, if it is there and holds this request.

    :raises FileError: it could not be removed.
    """
    try:
        with Folder.open(os.path.dirname(path)) as folder:
            name = os.path.basename(path)
            if folder.look(name) is not None and folder.read(name, _MAX).split() == csr.split():
                folder.unlink(name, missing_ok=True)
    except (FileNotFoundError, ValueError):
        return  # there is none, or no file could have that name
    except OSError as error:
        raise FileError(f"{path} could not be removed: {why(error)}; it is a request that is open no more") from error


def _csv(rows: Sequence[Row]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([cell(getattr(row, column)) for column in COLUMNS])
    return stream.getvalue().encode()


# What cmd.exe or certreq would take for something else than text, even between quotation marks.
_NOT_IN_A_TEMPLATE = '"\\/&|<>^%!\r\n'


def template_problem(template: str) -> str | None:
    """Why a text cannot be the name of a certificate template; None: it can."""
    if not template.isprintable() or len(template) > 64 or any(letter in _NOT_IN_A_TEMPLATE for letter in template):
        return f"{shown(template)}; wanted: the template's name (not its display name), at most 64 characters"
    return None


def _quoted(text: str) -> str:
    """A text as it stands between quotation marks in a script for cmd.exe: only the percent sign is special there."""
    return text.replace("%", "%%")


_SCRIPT = r"""@echo off
rem Submits the requests of this folder to AD CS and, when they are approved, retrieves the certificates.
rem Run it again until nothing is pending:  submit.cmd [folder for the answers] [CA, as in certreq -config]
rem The folder for the answers is the issuer's inbox, or any folder whose files are brought there.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
cd /d "%~dp0"
set "ANSWERS=%~1"
if not defined ANSWERS set "ANSWERS=%~dp0answers"
if not exist "%ANSWERS%\" mkdir "%ANSWERS%"
if not exist "submitted\" mkdir "submitted"
set "CA=%~2"
set "TEMPLATE={template}"
set "PENDING=0"
set "FAILED=0"
{calls}
echo %PENDING% pending, %FAILED% failed
if not "%FAILED%"=="0" exit /b 1
exit /b 0

:one
rem KEY: the first digits of the public key; an earlier answer for the name is not mistaken for this one.
set "FILE=%NAME%-%KEY%"
set "TO=%ANSWERS%\%FILE%.cer"
if exist "%TO%" exit /b 0
if not exist "%NAME%.csr" exit /b 0
set "ID="
if exist "submitted\%FILE%.id" set /p ID=<"submitted\%FILE%.id"
if defined ID goto retrieve
set "LOG=submitted\%FILE%.log"
if defined CA (
  certreq -submit -config "%CA%" -attrib "CertificateTemplate:%TEMPLATE%" "%NAME%.csr" "%TO%" >"%LOG%" 2>&1
) else (
  certreq -submit -attrib "CertificateTemplate:%TEMPLATE%" "%NAME%.csr" "%TO%" >"%LOG%" 2>&1
)
for /f "tokens=2 delims=: " %%I in ('findstr /i /b /c:"RequestId:" "submitted\%FILE%.log"') do set "ID=%%~I"
if defined ID >"submitted\%FILE%.id" echo %ID%
goto told

:retrieve
if defined CA (
  certreq -retrieve -config "%CA%" %ID% "%TO%" >"submitted\%FILE%.log" 2>&1
) else (
  certreq -retrieve %ID% "%TO%" >"submitted\%FILE%.log" 2>&1
)

:told
if exist "%TO%" (
  echo "%NAME%" issued
  exit /b 0
)
if defined ID (
  echo "%NAME%" pending, request %ID%
  set /a PENDING+=1 >nul
) else (
  echo "%NAME%" failed:
  type "submitted\%FILE%.log"
  set /a FAILED+=1 >nul
)
exit /b 0
"""


def submit_script(rows: Sequence[Row], template: str) -> bytes:
    """The script for AD CS: ``certreq -submit`` for each request, ``-retrieve`` for those that wait for approval.

    Values are set and never passed as arguments: ``call`` evaluates its arguments a second time.
    """
    calls = []
    for row in rows:
        if any(letter in '"<>|?*:' or ord(letter) < 32 for letter in row.sensor):
            calls.append("rem One request has a name that Windows does not know as a file's; submit it by hand.")
            continue
        calls += [
            f'set "NAME={_quoted(row.sensor)}"',
            f'set "KEY={row.public_key_sha256[:16]}"',
            "call :one",
        ]
    text = _SCRIPT.replace("{template}", _quoted(template)).replace("{calls}", "\n".join(calls))
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
