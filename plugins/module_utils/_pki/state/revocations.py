# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's second half: which certificates were revoked, when and why.

A revocation is one more file beside the certificate's record, ``<SERIAL>.revoked.json``, created once and
never changed or removed: what was revoked stays revoked, and parallel runs do not collide.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..._plain.errors import FileError, InputError
from ..._plain.files import PUBLIC_FILE, read_file, sync_folder, why, write_once
from ..crypto import x509
from ..values import x509_parts as parts
from .ledger import FORMAT, REVOKED, Ledger, actor, serial_text

MAX_RECORD = 64 * 1024
UNSPECIFIED = "unspecified"
# RFC 5280, section 5.3.1. removeFromCRL is missing: it only has a meaning in delta CRLs, which are not made here.
REASONS = (
    UNSPECIFIED,
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
)


@dataclass(frozen=True)
class RevocationRecord:
    """One revocation.

    :ivar issuer_key: key identifier of the CA that issued the certificate, hexadecimal; its CRL lists it.
    :ivar not_after: the certificate's end, after which a CRL may drop it.
    """

    serial: int
    revoked: datetime.datetime
    reason: str
    issuer_key: str
    not_after: datetime.datetime
    sensor: str | None = None

    @property
    def text(self) -> str:
        """Reason and time in words."""
        return f"{self.reason}, on {parts.iso(self.revoked)}"


@lru_cache(maxsize=64)
def reason_of(value: object) -> str:
    """The RFC 5280 name of a reason, however it is spelt (``keyCompromise``, ``key_compromise``).

    :raises InputError: no such reason.
    """
    if value is None or value == "":
        return UNSPECIFIED
    if isinstance(value, str):
        plain = value.replace("_", "").replace("-", "").replace(" ", "").lower()
        for reason in REASONS:
            if reason.lower() == plain:
                return reason
    raise InputError(f"reason is {value!r}; wanted: one of {', '.join(REASONS)}")


def key_mark(certificate: x509.Certificate) -> str:
    """The key identifier of a CA, by which its revocations are told from those of an earlier CA."""
    return parts.subject_key_identifier(parts.rsa_public_key(certificate)).hex()


def find(ledger: Ledger, serial: int) -> RevocationRecord | None:
    """The revocation of a certificate, or None if it was not revoked.

    :raises FileError: there is a record that cannot be read.
    """
    path = _path(ledger, serial)
    return _read(path) if os.path.exists(path) else None


def record(ledger: Ledger, certificate: x509.Certificate, entry: RevocationRecord) -> RevocationRecord:
    """Record a revocation, once.

    :returns: what stands in the ledger: the new record, or the one that another run made before.
    :raises FileError: it could not be recorded, so the certificate is not revoked.
    """
    content = {
        "format": FORMAT,
        "serial": serial_text(entry.serial),
        "revoked": parts.iso(entry.revoked),
        "reason": entry.reason,
        "issuer_key": entry.issuer_key,
        "not_after": parts.iso(entry.not_after),
        "sensor": entry.sensor,
        "subject": parts.name_text(certificate.subject),
        "fingerprint": parts.fingerprint(certificate),
        "recorded": parts.iso(parts.now()),
        "recorded_by": actor(),
    }
    path = _path(ledger, entry.serial)
    try:
        write_once(path, json.dumps(content).encode() + b"\n", PUBLIC_FILE)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise FileError(f"the revocation could not be recorded in {ledger.folder}: {why(error)}") from error
    sync_folder(ledger.folder)
    return entry


class Records:
    """The revocations of a ledger as it is now, of which only those that matter are read.

    :param cache: records by serial number that were read before; they never change.
    :raises FileError: the ledger cannot be read.
    """

    def __init__(self, ledger: Ledger, cache: dict[int, RevocationRecord] | None = None) -> None:
        self._folder = ledger.folder
        self._names = {_serial_of(name, ledger): name for name in _names(ledger, revoked=True)}
        self._cache = {} if cache is None else cache

    @property
    def serials(self) -> set[int]:
        """The serial numbers of everything that was revoked, whoever issued it."""
        return set(self._names)

    def by(self, issuer: x509.Certificate, serials: Collection[int]) -> list[RevocationRecord]:
        """Those of the given serial numbers that a CA issued, in their order.

        :raises FileError: one of the records cannot be read; a CRL without it would be wrong.
        """
        mark = key_mark(issuer)
        if missing := [serial for serial in serials if serial not in self._cache]:
            self._load(missing)
        return [entry for serial in sorted(serials) if (entry := self._cache[serial]).issuer_key == mark]

    def _load(self, serials: Collection[int]) -> None:
        # A hundred thousand small files: each system call counts.
        try:
            folder = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise FileError(f"the ledger {self._folder} cannot be read: {why(error)}") from error
        try:
            for serial in serials:
                name = self._names[serial]
                path = f"{self._folder}/{name}"
                try:
                    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
                    try:
                        data = os.read(descriptor, MAX_RECORD)
                    finally:
                        os.close(descriptor)
                except OSError as error:
                    raise FileError(f"{path} cannot be read: {why(error)}") from error
                self._cache[serial] = _parse(path, data)
        finally:
            os.close(folder)


def _serial_of(name: str, ledger: Ledger) -> int:
    try:
        return int(name[: -len(REVOKED)], 16)
    except ValueError as error:
        raise FileError(f"{ledger.folder}/{name} is no record of this ledger; move it away") from error


def certificates_of(ledger: Ledger, sensor: str) -> list[x509.Certificate]:
    """Every certificate that was ever recorded for a sensor.

    :raises FileError: the ledger or one of the records cannot be read.
    """
    # Looked for in the text first: parsing thousands of records for one sensor takes its time.
    needle = json.dumps(sensor).encode()
    found = []
    for name in _names(ledger, revoked=False):
        path = f"{ledger.folder}/{name}"
        data = read_file(path)
        if needle in data and _content(path, data).get("sensor") == sensor:
            found.append(_certificate(path, data))
    return found


def certificate_with(ledger: Ledger, serial: int) -> tuple[x509.Certificate, str] | None:
    """The recorded certificate with a serial number and the sensor it was issued to, or None.

    :raises FileError: the record cannot be read.
    """
    path = os.path.join(ledger.folder, serial_text(serial) + ".json")
    if not os.path.exists(path):
        return None
    data = read_file(path)
    return _certificate(path, data), str(_content(path, data).get("sensor"))


def _path(ledger: Ledger, serial: int) -> str:
    return os.path.join(ledger.folder, serial_text(serial) + REVOKED)


def _names(ledger: Ledger, revoked: bool) -> Iterator[str]:
    try:
        names = os.listdir(ledger.folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"the ledger {ledger.folder} cannot be read: {why(error)}") from error
    for name in names:
        if name.endswith(".json") and not name.startswith(".") and name.endswith(REVOKED) == revoked:
            yield name


def _content(path: str, data: bytes) -> dict[str, object]:
    try:
        content = json.loads(data)
        if content["format"] != FORMAT:
            raise FileError(f"{path} has format {content['format']}; this version knows format {FORMAT}")
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{path} is damaged; restore it from the backup") from error
    return dict(content)


def _certificate(path: str, data: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(str(_content(path, data)["certificate"]).encode())
    except (ValueError, KeyError) as error:
        raise FileError(f"{path} is damaged; restore it from the backup") from error


def _read(path: str) -> RevocationRecord:
    return _parse(path, read_file(path, MAX_RECORD))


def _parse(path: str, data: bytes) -> RevocationRecord:
    content = _content(path, data)
    try:
        return RevocationRecord(
            serial=int(str(content["serial"]), 16),
            revoked=_moment(content["revoked"]),
            reason=reason_of(str(content["reason"])),
            issuer_key=str(content["issuer_key"]),
            not_after=_moment(content["not_after"]),
            sensor=None if content["sensor"] is None else str(content["sensor"]),
        )
    except (ValueError, KeyError, InputError) as error:
        raise FileError(f"{path} is damaged; restore it from the backup") from error


def _moment(value: object) -> datetime.datetime:
    # fromisoformat of Python before 3.11 does not know the Z.
    return datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
