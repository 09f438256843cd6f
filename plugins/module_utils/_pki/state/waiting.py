# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that wait for their certificate: made for a request that somebody else has not answered yet.

One folder for each, ``<stage_dir>/.waiting/<sensor>/<public key, 16 digits>/``, with ``private.key`` (0600,
encrypted if the sensor has a passphrase), ``request.csr`` and ``request.json``. It appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FILE, PRIVATE_FOLDER, PUBLIC_FILE, why
from ..._plain.folders import Folder

WAITING = ".waiting"
_KEY, _CSR, _ABOUT = "private.key", "request.csr", "request.json"
_NAME = re.compile(r"[0-9a-f]{16}\Z")
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_REMAINS = re.compile(r"\.new-[0-9a-f]+\Z")
_MAX_FILE = 1024 * 1024


@dataclass(frozen=True)
class WaitingKey:
    """A key and the request that was made with it.

    :ivar public_key_id: SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal; an answer is told by it.
    :ivar issuer: the issuer's name in the inventory.
    :ivar requested: ISO 8601, UTC.
    :ivar asked: what the request asks for, as plain data.
    :ivar ticket: what the issuer gave to ask again by, if it gave something.
    """

    sensor: str
    public_key_id: str
    issuer: str
    requested: str
    key: bytes = field(repr=False)
    csr: bytes = b""
    asked: Mapping[str, Any] = field(default_factory=dict)
    ticket: Mapping[str, Any] = field(default_factory=dict)


class WaitingKeys:
    """The waiting keys of a stage directory."""

    def __init__(self, stage_dir: str) -> None:
        self.stage_dir = os.path.abspath(stage_dir)
        self.folder = os.path.join(self.stage_dir, WAITING)

    def sensors(self) -> list[str]:
        """The sensors for which a key waits.

        :raises FileError: the folder cannot be read.
        """
        with self._open() as waiting:
            return [] if waiting is None else [name for name in waiting.listdir() if not name.startswith(".")]

    def of(self, sensor: str) -> list[WaitingKey]:
        """The keys that wait for a sensor's certificate, the oldest request first.

        :raises FileError: one cannot be read.
        """
        found = []
        with self._open(sensor) as home:
            if home is None:
                return []
            for name in home.listdir():
                if not _NAME.match(name):
                    continue
                try:
                    with home.folder(name) as inner:
                        found.append(_read(sensor, inner))
                except OSError as error:
                    raise FileError(f"{home.at(name)} cannot be read: {why(error)}") from error
        return sorted(found, key=lambda entry: (entry.requested, entry.public_key_id))

    def add(self, entry: WaitingKey) -> None:
        """Keep a key until its certificate comes.

        :raises FileError: it could not be written; nothing is left behind.
        """
        about = {
            "format": 1,
            "sensor": entry.sensor,
            "public_key_sha256": entry.public_key_id,
            "issuer": entry.issuer,
            "requested": entry.requested,
            "asked": dict(entry.asked),
            "ticket": dict(entry.ticket),
        }
        try:
            with contextlib.ExitStack() as stack:
                stage = stack.enter_context(Folder.open(self.stage_dir, make=0o755))
                waiting = stack.enter_context(stage.make_folder(WAITING, PRIVATE_FOLDER, exist_ok=True))
                home = stack.enter_context(waiting.make_folder(entry.sensor, PRIVATE_FOLDER, exist_ok=True))
                for name in home.listdir():
                    if _REMAINS.match(name):  # a run that was killed
                        home.rmtree(name, missing_ok=True)
                work = home.unused_name()
                try:
                    with home.make_folder(work, PRIVATE_FOLDER) as inner:
                        inner.write_new(_KEY, entry.key, PRIVATE_FILE)
                        inner.write_new(_CSR, entry.csr, PUBLIC_FILE)
                        inner.write_new(_ABOUT, json.dumps(about, indent=1).encode() + b"\n", PUBLIC_FILE)
                    home.rename(work, entry.public_key_id[:16])
                except BaseException:
                    with contextlib.suppress(OSError):
                        home.rmtree(work, missing_ok=True)
                    raise
        except OSError as error:
            raise FileError(f"the key of {entry.sensor} could not be kept in {self.folder}: {why(error)}") from error

    def remove(self, entry: WaitingKey) -> None:
        """Let go of a key: its certificate came, or its request was withdrawn.

        :raises FileError: it could not be removed.
        """
        with self._open(entry.sensor) as home:
            if home is None:
                return
            try:
                # Out of sight in one step: a run that is killed now leaves no request without its key.
                aside = home.unused_name()
                with contextlib.suppress(FileNotFoundError):
                    home.rename(entry.public_key_id[:16], aside)
                    home.rmtree(aside, missing_ok=True)
            except OSError as error:
                path = home.at(entry.public_key_id[:16])
                raise FileError(f"{path} could not be removed: {why(error)}; it holds a key") from error
        self._leave(entry.sensor)

    def tidy(self, sensor: str) -> None:
        """Remove what killed runs left of a sensor's keys. Nobody else works on this sensor at this moment.

        :raises FileError: it could not be removed.
        """
        with self._open(sensor) as home:
            if home is None:
                return
            remains = [name for name in home.listdir() if _REMAINS.match(name)]
            for name in remains:
                try:
                    home.rmtree(name, missing_ok=True)
                except OSError as error:
                    raise FileError(f"{home.at(name)} could not be removed: {why(error)}; it holds a key") from error
        if remains:
            self._leave(sensor)

    def _leave(self, sensor: str) -> None:
        """Remove a sensor's folder if nothing is in it any more."""
        with contextlib.suppress(OSError), Folder.open(self.folder) as waiting:
            waiting.rmdir(sensor)

    def forget(self, sensor: str) -> None:
        """Let go of every key of a sensor.

        :raises FileError: one could not be removed.
        """
        with self._open() as waiting:
            if waiting is None:
                return
            try:
                waiting.rmtree(sensor, missing_ok=True)
            except OSError as error:
                path = waiting.at(sensor)
                raise FileError(f"{path} could not be removed: {why(error)}; it may hold a key") from error

    @contextlib.contextmanager
    def _open(self, sensor: str | None = None) -> Iterator[Folder | None]:
        with contextlib.ExitStack() as stack:
            try:
                opened = self._opened(stack, sensor)
                yield opened
            except OSError as error:
                raise FileError(f"{self.folder} cannot be read: {why(error)}") from error

    def _opened(self, stack: contextlib.ExitStack, sensor: str | None) -> Folder | None:
        try:
            opened = stack.enter_context(Folder.open(self.stage_dir))
            opened = stack.enter_context(opened.folder(WAITING))
            return opened if sensor is None else stack.enter_context(opened.folder(sensor))
        except FileNotFoundError:
            return None


def _read(sensor: str, folder: Folder) -> WaitingKey:
    try:
        about = json.loads(folder.read(_ABOUT, _MAX_FILE))
        if not _KEY_ID.fullmatch(about["public_key_sha256"]):
            raise ValueError("no key id")  # it stands in a script that people run
        return WaitingKey(
            sensor=sensor,
            public_key_id=str(about["public_key_sha256"]),
            issuer=str(about["issuer"]),
            requested=str(about["requested"]),
            key=folder.read(_KEY, _MAX_FILE),
            csr=folder.read(_CSR, _MAX_FILE),
            asked=dict(about["asked"]),
            ticket=dict(about["ticket"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{folder.at(_ABOUT)} is damaged; remove {folder.path} to have a new request made") from error
