# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The append-only record of certificates: one file for each that was issued or received, never changed.

A record is durable before its certificate is shown to anybody, so that nothing is in use which could not be
revoked. Files carry the serial number as their name and are created exclusively: parallel runs on a shared
folder do not collide, and no CA's serial number is used twice. Two CAs may use the same number; then the later
record has its issuer's key in its name as well. What happens to certificates afterwards is in :mod:`.events`
and :mod:`.revocations`.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..._plain.errors import FileError
from ..._plain.files import PRIVATE_FOLDER, PUBLIC_FILE, make_folder, read_file, remove_file, why, write_once
from ..crypto import guard, x509
from ..values import moments
from ..values import text as texts
from ..values import x509_parts as parts
from ..values.text import serial_text

FORMAT = 1
ISSUED, RECEIVED = "issued", "received"
RECORD = ".json"
REVOKED = ".revoked.json"
MAX_RECORD = 64 * 1024
_NAME = re.compile(r"(?P<serial>-?[0-9A-F]{1,80})(?:-(?P<issuer>[0-9a-f]{8,64}))?(?P<kind>\.revoked)?\.json\Z")


@lru_cache(maxsize=1)
def actor() -> str:
    """Who runs this, as ``user@host``; for the record only."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's arbitrary user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def authority_key_of(certificate: x509.Certificate) -> str | None:
    """The key identifier of a certificate's issuer (RFC 5280 section 4.2.1.1), if it names one."""
    # One odd extension must not keep a certificate from being recorded.
    with contextlib.suppress(Exception):
        value = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        return value.key_identifier.hex()[:64] if value.key_identifier else None
    return None


def issuer_key_of(certificate: x509.Certificate) -> str:
    """What tells the issuer of a certificate from other CAs: its key identifier, or a hash of its name."""
    found = authority_key_of(certificate)
    if found is not None:
        return found
    return hashlib.sha256(certificate.issuer.public_bytes()).hexdigest()[:40]


@dataclass(frozen=True)
class Record:
    """What was recorded of one certificate.

    :ivar asked: what was asked for when it was obtained (plain data), as far as the issuer may give something else.
    """

    path: str
    serial: int
    sensor: str
    event: str
    issuer: str
    issuer_key: str
    fingerprint: str
    time: str
    actor: str
    reason: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    certificate: x509.Certificate | None = field(default=None, repr=False)


@dataclass
class LedgerIndex:
    """The names in a ledger as they are now, read once: what is recorded, what is revoked, what is empty.

    :ivar empty: files without content, as a power failure leaves them.
    """

    records: dict[int, list[str]] = field(default_factory=dict)
    revocations: dict[int, list[str]] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ledger:
    """The folder of records. It is made with its first record."""

    folder: str

    def has_records(self) -> bool:
        """Whether anything was ever recorded here.

        :raises FileError: the folder exists and cannot be read.
        """
        return any(True for _name in self._names())

    def index(self) -> LedgerIndex:
        """Every name in the ledger, by serial number.

        :raises FileError: the folder exists and cannot be read.
        """
        found = LedgerIndex()
        for name in self._names(found.empty):
            match = _NAME.match(name)
            if match is None:
                found.foreign.append(name)
                continue
            kind = found.revocations if match["kind"] else found.records
            kind.setdefault(int(match["serial"], 16), []).append(name)
        return found

    def _names(self, empty: list[str] | None = None) -> Iterator[str]:
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".json") and not entry.name.startswith("."):
                        if empty is not None and entry.stat(follow_symlinks=False).st_size == 0:
                            empty.append(entry.name)
                        yield entry.name
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(f"the ledger {self.folder} cannot be read: {why(error)}") from error

    def prepare(self) -> None:
        """Make the folder.

        :raises FileError: it cannot be made.
        """
        try:
            make_folder(self.folder, PRIVATE_FOLDER)
        except OSError as error:
            raise FileError(f"the ledger {self.folder} cannot be made: {why(error)}") from error

    def record(
        self,
        sensor: str,
        certificate: x509.Certificate,
        *,
        event: str = ISSUED,
        issuer: str = "local_ca",
        reason: str = "",
        asked: Mapping[str, Any] | None = None,
    ) -> str:
        """Record a certificate that is about to be handed out.

        :param issuer: the issuer's name in the inventory.
        :param reason: why it was obtained.
        :returns: the record's path.
        :raises FileError: it could not be recorded; the certificate must not be used.
        """
        content = {
            "format": FORMAT,
            "event": event,
            "serial": serial_text(certificate.serial_number),
            "sensor": sensor,
            "subject": texts.name_text(certificate.subject),
            "issuer": texts.name_text(certificate.issuer),
            "issuer_name": issuer,
            "issuer_key": issuer_key_of(certificate),
            "not_before": moments.iso(certificate.not_valid_before_utc),
            "not_after": moments.iso(certificate.not_valid_after_utc),
            "fingerprint": parts.fingerprint(certificate),
            "reason": reason,
            "recorded": moments.iso(moments.now()),
            "recorded_by": actor(),
            "certificate": parts.pem(certificate).decode(),
        }
        if asked:
            content["asked"] = dict(asked)
        try:
            return self.claim(certificate.serial_number, str(content["issuer_key"]), RECORD, content, _issuer_of_record)
        except FileExistsError as error:
            raise FileError(
                f"the serial number {content['serial']} is in the ledger already ({error.filename})"
            ) from error
        except OSError as error:
            raise FileError(f"the certificate could not be recorded in {self.folder}: {why(error)}") from error

    def claim(
        self,
        serial: int,
        issuer_key: str,
        suffix: str,
        content: Mapping[str, Any],
        issuer_of: Callable[[Mapping[str, Any]], str],
    ) -> str:
        """Create the file of a serial number, which works once for each issuer.

        An empty file of that name was left by a power failure and counts as none.

        :param issuer_of: the issuer's key of a file that is there.
        :raises FileExistsError: this issuer's is there already; ``filename`` says where.
        :raises OSError: it could not be written; nothing is left behind.
        """
        data = json.dumps(content, indent=1).encode() + b"\n"
        plain, own = (os.path.join(self.folder, name) for name in self._file_names(serial, issuer_key, suffix))
        if os.path.exists(own):
            raise FileExistsError(17, "it is there already", own)
        path = plain
        if not _create(plain, data):
            try:
                with guard():
                    other = issuer_of(json.loads(read_file(plain, MAX_RECORD)))
            except (FileError, ValueError):
                other = issuer_key  # damaged: nobody knows whose it is, so it counts as this one's
            if other == issuer_key:
                raise FileExistsError(17, "it is there already", plain)
            path = own
            if not _create(own, data):
                raise FileExistsError(17, "it is there already", own)
        return path

    def find(self, certificate: x509.Certificate) -> Record | None:
        """The record of a certificate, or None if there is none of it.

        :raises FileError: there is one that cannot be read.
        """
        return self.find_serial(certificate.serial_number, issuer_key_of(certificate))

    def find_serial(self, serial: int, issuer_key: str | None = None) -> Record | None:
        """The record of a serial number; of this issuer, if one is named.

        :raises FileError: there is one that cannot be read.
        """
        for path in self.paths(serial, RECORD, issuer_key):
            record = self.read(path)
            if issuer_key is None or record.issuer_key == issuer_key:
                return record
        return None

    def paths(self, serial: int, suffix: str, issuer_key: str | None = None) -> list[str]:
        """Where files of a serial number stand that exist; the one that names the issuer first."""
        if issuer_key is not None:
            names = self._file_names(serial, issuer_key, suffix)[::-1]
        else:
            plain = serial_text(serial) + suffix
            names = [plain]
            try:
                start = serial_text(serial) + "-"
                names += sorted(
                    name
                    for name in os.listdir(self.folder)
                    if name.startswith(start)
                    and name.endswith(suffix)
                    and name.endswith(REVOKED) == (suffix == REVOKED)
                )
            except OSError:
                pass
        paths = [os.path.join(self.folder, name) for name in names]
        # An empty record says nothing and counts as none; an empty revocation still says by its name what is revoked.
        return [path for path in paths if os.path.exists(path) and (suffix == REVOKED or os.path.getsize(path))]

    @staticmethod
    def _file_names(serial: int, issuer_key: str, suffix: str) -> list[str]:
        text = serial_text(serial)
        return [f"{text}{suffix}", f"{text}-{issuer_key}{suffix}"]

    def read(self, path: str) -> Record:
        """One record, checked against its name and its certificate.

        :raises FileError: it cannot be read, is damaged, or was altered.
        """
        return parse_record(path, read_file(path, MAX_RECORD))

    def records(self, sensor: str | None = None, unreadable: list[str] | None = None) -> Iterator[Record]:
        """Every record, or those of one sensor.

        :param unreadable: takes what is to be said of records that cannot be read; None: they are an error.
        :raises FileError: the ledger or one of the records cannot be read.
        """
        # Looked for in the text first: parsing thousands of records for one sensor takes its time.
        needle = None if sensor is None else json.dumps(sensor).encode()
        for name in sorted(self._names()):
            if name.endswith(REVOKED):
                continue
            path = f"{self.folder}/{name}"
            try:
                data = read_file(path, MAX_RECORD)
                if needle is not None and needle not in data:
                    continue
                record = parse_record(path, data)
            except FileError as error:
                if unreadable is None:
                    raise
                unreadable.append(str(error))
                continue
            if sensor is None or record.sensor == sensor:
                yield record

    def is_revoked(self, serial: int) -> bool:
        """Whether a record says that a certificate with this serial number was revoked, whoever issued it."""
        return bool(self.paths(serial, REVOKED))


def _create(path: str, data: bytes) -> bool:
    """Create a file, or fill one that is empty; False if it is there with content."""
    try:
        write_once(path, data, PUBLIC_FILE)
    except FileExistsError:
        if os.stat(path).st_size:
            return False
        # Empty since a power failure: replaced by a whole one. Two runs that heal the same write the same.
        remove_file(path)
        write_once(path, data, PUBLIC_FILE)
    return True


def content_of(path: str, data: bytes) -> dict[str, Any]:
    """The content of a file of the ledger.

    :raises FileError: it is damaged, or of a later format.
    """
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise FileError(f"{path} has format {content['format']}; this version knows format {FORMAT}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(damaged(path)) from error
    return dict(content)


def damaged(path: str) -> str:
    """The sentence for a record that cannot be used."""
    return f"{path} is damaged; restore it from the backup"


def _issuer_of_record(content: Mapping[str, Any]) -> str:
    given = content.get("issuer_key")
    if given:
        return str(given)
    # Records of version 1.0.0 say it in their certificate.
    return issuer_key_of(x509.load_pem_x509_certificate(str(content["certificate"]).encode()))


def parse_record(path: str, data: bytes) -> Record:
    """A record from a file's content; records of version 1.0.0 are read as they are.

    :raises FileError: it is damaged, or says something else than its name or its certificate.
    """
    content = content_of(path, data)
    try:
        with guard():
            certificate = x509.load_pem_x509_certificate(str(content["certificate"]).encode())
            serial = int(str(content["serial"]), 16)
            fingerprint = str(content["fingerprint"])
            asked = content.get("asked") or {}
            record = Record(
                path=path,
                serial=serial,
                sensor=str(content["sensor"]),
                event=str(content.get("event", ISSUED)),
                issuer=str(content.get("issuer_name", "local_ca")),
                issuer_key=_issuer_of_record(content),
                fingerprint=fingerprint,
                time=str(content["recorded"]),
                actor=str(content["recorded_by"]),
                reason=str(content.get("reason", "")),
                asked=asked if isinstance(asked, dict) else {},
                certificate=certificate,
            )
    except ValueError as error:
        raise FileError(damaged(path)) from error
    named = _NAME.match(os.path.basename(path))
    said = {
        "not_before": moments.iso(certificate.not_valid_before_utc),
        "not_after": moments.iso(certificate.not_valid_after_utc),
        "issuer_key": issuer_key_of(certificate),
        "fingerprint": parts.fingerprint(certificate),
    }
    if serial != certificate.serial_number or any(content.get(key, value) != value for key, value in said.items()):
        raise FileError(f"{path} was altered: it does not say what its certificate says; restore it from the backup")
    if named is not None and int(named["serial"], 16) != serial:
        raise FileError(f"{path} was altered: its name is another serial number; restore it from the backup")
    return record
