# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The append-only record of what the CA issued: one file for each certificate, never changed.

A record is written before its certificate is handed out, so that nothing is in use which could not be
revoked. Files carry the serial number as their name and are created exclusively: parallel runs on a
shared folder do not collide, and no serial number is used twice.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from dataclasses import dataclass
from functools import lru_cache

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FOLDER, PUBLIC_FILE, why, write_once
from ..crypto import x509
from ..values import x509_parts as parts

FORMAT = 1
REVOKED = ".revoked.json"


@lru_cache(maxsize=1)
def actor() -> str:
    """Who runs this, as ``user@host``; for the record only."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's arbitrary user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True)
class Ledger:
    """The folder of records. It is made with its first record."""

    folder: str

    def has_records(self) -> bool:
        """Whether anything was ever recorded here.

        :raises FileError: the folder exists and cannot be read.
        """
        try:
            with os.scandir(self.folder) as entries:
                return any(entry.name.endswith(".json") for entry in entries)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise FileError(f"the ledger {self.folder} cannot be read: {why(error)}") from error

    def prepare(self) -> None:
        """Make the folder.

        :raises FileError: it cannot be made.
        """
        try:
            os.makedirs(self.folder, mode=PRIVATE_FOLDER, exist_ok=True)
        except OSError as error:
            raise FileError(f"the ledger {self.folder} cannot be made: {why(error)}") from error

    def record(self, sensor: str, certificate: x509.Certificate) -> str:
        """Record a certificate that is about to be handed out.

        :returns: the record's path.
        :raises FileError: it could not be recorded; the certificate must not be used.
        """
        path = self._path(certificate.serial_number, ".json")
        content = {
            "format": FORMAT,
            "serial": serial_text(certificate.serial_number),
            "sensor": sensor,
            "subject": parts.name_text(certificate.subject),
            "issuer": parts.name_text(certificate.issuer),
            "not_before": parts.iso(certificate.not_valid_before_utc),
            "not_after": parts.iso(certificate.not_valid_after_utc),
            "fingerprint": parts.fingerprint(certificate),
            "recorded": parts.iso(parts.now()),
            "recorded_by": actor(),
            "certificate": parts.pem(certificate).decode(),
        }
        try:
            write_once(path, json.dumps(content, indent=1).encode() + b"\n", PUBLIC_FILE)
        except FileExistsError as error:
            raise FileError(f"the serial number {content['serial']} is in the ledger already ({path})") from error
        except OSError as error:
            raise FileError(f"the certificate could not be recorded in {self.folder}: {why(error)}") from error
        return path

    def is_revoked(self, serial: int) -> bool:
        """Whether a record says that the certificate with this serial number was revoked."""
        return os.path.exists(self._path(serial, REVOKED))

    def _path(self, serial: int, suffix: str) -> str:
        return os.path.join(self.folder, serial_text(serial) + suffix)


def serial_text(serial: int) -> str:
    """A serial number as OpenSSL prints it with ``-serial``: upper-case hexadecimal, whole octets."""
    text = f"{serial:X}"
    return text if len(text) % 2 == 0 else "0" + text
