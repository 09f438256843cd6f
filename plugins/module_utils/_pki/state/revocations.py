# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's second half: which certificates were revoked, when and why.

A revocation is one more file beside the certificate's record, ``<SERIAL>.revoked.json``, created once and
never changed or removed: what was revoked stays revoked, and parallel runs do not collide. A file that a power
failure or somebody's hand left empty or damaged still says by its name which certificate was revoked: that
stays revoked, without its reason, and the loss is told.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..._plain.errors import FileError, InputError
from ..._plain.files import read_file, why
from ..crypto import x509
from ..values import moments, text
from ..values import x509_parts as parts
from ..values.faults import shown
from ..values.text import serial_text
from .ledger import FORMAT, MAX_RECORD, REVOKED, Ledger, actor, authority_key_of, content_of, damaged

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
        return f"{self.reason}, on {moments.iso(self.revoked)}"


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
    raise InputError(f"reason is {shown(value)}; wanted: one of {', '.join(REASONS)}")


def key_mark(certificate: x509.Certificate) -> str:
    """The key identifier of a CA, by which its revocations are told from those of an earlier CA."""
    # An organization's root, which can stand above the embedded CA, may have a key of any kind.
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex()


def find(ledger: Ledger, serial: int, issuer_key: str | None = None) -> RevocationRecord | None:
    """The revocation of a certificate, or None if it was not revoked.

    :param issuer_key: the key identifier of its issuer; None: whoever issued it.
    :raises FileError: there is a record that cannot be read.
    """
    for path in ledger.paths(serial, REVOKED, issuer_key):
        entry = _parse(path, read_file(path, MAX_RECORD))
        if issuer_key is None or entry.issuer_key == issuer_key:
            return entry
    return None


def find_or_infer(ledger: Ledger, serial: int, issuer_key: str) -> RevocationRecord | None:
    """As :func:`find`, but a damaged record of that name counts as a revocation without a reason."""
    try:
        return find(ledger, serial, issuer_key)
    except FileError:
        path = ledger.paths(serial, REVOKED, issuer_key)[0]
        return _inferred(ledger, path, serial)


def record(ledger: Ledger, certificate: x509.Certificate, entry: RevocationRecord) -> RevocationRecord:
    """Record a revocation, once.

    It is on the disk only when the caller has made it so (:mod:`.durable`), once for all that a run revokes.

    :returns: what stands in the ledger: the new record, or the one that another run made before.
    :raises FileError: it could not be recorded, so the certificate is not revoked.
    """
    content = {
        "format": FORMAT,
        "serial": serial_text(entry.serial),
        "revoked": moments.iso(entry.revoked),
        "reason": entry.reason,
        "issuer_key": entry.issuer_key,
        "not_after": moments.iso(entry.not_after),
        "sensor": entry.sensor,
        "subject": text.name_text(certificate.subject),
        "fingerprint": parts.fingerprint(certificate),
        "recorded": moments.iso(moments.now()),
        "recorded_by": actor(),
    }
    try:
        ledger.claim(entry.serial, entry.issuer_key, REVOKED, content, lambda there: str(there["issuer_key"]))
    except FileExistsError as error:
        return _parse(str(error.filename), read_file(str(error.filename), MAX_RECORD))
    except OSError as error:
        raise FileError(f"the revocation could not be recorded in {ledger.folder}: {why(error)}") from error
    return entry


class Records:
    """The revocations of a ledger as it is now, of which only those that matter are read.

    :param cache: records by file name that were read before; they never change.
    :ivar problems: records that cannot be read, in words; what they name stays revoked.
    :raises FileError: the ledger cannot be read.
    """

    def __init__(self, ledger: Ledger, cache: dict[str, RevocationRecord] | None = None) -> None:
        self._ledger = ledger
        index = ledger.index()
        self._names = index.revocations
        self._cache = {} if cache is None else cache
        self.problems: list[str] = [
            f"{ledger.folder}/{name} is no record of this ledger; move it away"
            for name in index.foreign
            if name.endswith(REVOKED)
        ]

    @property
    def serials(self) -> set[int]:
        """The serial numbers of everything that was revoked, whoever issued it."""
        return set(self._names)

    def by(self, issuer: x509.Certificate, serials: Collection[int]) -> list[RevocationRecord]:
        """Those of the given serial numbers that a CA issued, in their order."""
        mark = key_mark(issuer)
        names = [(name, serial) for serial in sorted(serials) for name in self._names[serial]]
        if missing := [(name, serial) for name, serial in names if name not in self._cache]:
            self._load(missing)
        # A record that says no issuer is damaged: which CA it was is not known, and listing a number that is not
        # one's own harms nobody, while leaving it out would bring a revoked certificate back.
        return [entry for name, _serial in names if (entry := self._cache[name]).issuer_key in (mark, "")]

    def _load(self, missing: Collection[tuple[str, int]]) -> None:
        # A hundred thousand small files: each system call counts.
        try:
            folder = os.open(self._ledger.folder, os.O_RDONLY)
        except OSError as error:
            raise FileError(f"the ledger {self._ledger.folder} cannot be read: {why(error)}") from error
        try:
            for name, serial in missing:
                path = f"{self._ledger.folder}/{name}"
                try:
                    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
                    try:
                        data = os.read(descriptor, MAX_RECORD)
                    finally:
                        os.close(descriptor)
                except OSError as error:
                    raise FileError(f"{path} cannot be read: {why(error)}") from error
                try:
                    self._cache[name] = _parse(path, data)
                except FileError:
                    self._cache[name] = _inferred(self._ledger, path, serial)
                    lost = "its certificate stays revoked, without a reason. Restore it from the backup"
                    self.problems.append(f"{path} is damaged; {lost}")
        finally:
            os.close(folder)


def _inferred(ledger: Ledger, path: str, serial: int) -> RevocationRecord:
    """What a damaged revocation still says by its name, and by the certificate's own record."""
    when = datetime.datetime.fromtimestamp(int(os.stat(path).st_mtime), datetime.timezone.utc)
    issuer_key, sensor, end = "", None, datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc)
    with contextlib.suppress(FileError):
        issued = ledger.find_serial(serial)
        if issued is not None and issued.certificate is not None:
            issuer_key, sensor = authority_key_of(issued.certificate) or "", issued.sensor
            end = issued.certificate.not_valid_after_utc
            when = max(when, issued.certificate.not_valid_before_utc)
    return RevocationRecord(serial, min(when, moments.now()), UNSPECIFIED, issuer_key, end, sensor)


def certificates_of(ledger: Ledger, sensor: str, unreadable: list[str]) -> list[x509.Certificate]:
    """Every certificate that was ever recorded for a sensor.

    :param unreadable: takes what is to be said of records that name the sensor and cannot be used.
    :raises FileError: the ledger cannot be read.
    """
    return [entry.certificate for entry in ledger.records(sensor, unreadable) if entry.certificate is not None]


def certificate_with(ledger: Ledger, serial: int) -> tuple[x509.Certificate, str] | None:
    """The recorded certificate with a serial number and the sensor it was issued to, or None.

    :raises FileError: the record cannot be read.
    """
    entry = ledger.find_serial(serial)
    return None if entry is None or entry.certificate is None else (entry.certificate, entry.sensor)


def _parse(path: str, data: bytes) -> RevocationRecord:
    content: Mapping[str, Any] = content_of(path, data)
    try:
        entry = RevocationRecord(
            serial=int(str(content["serial"]), 16),
            revoked=_moment(content["revoked"]),
            reason=reason_of(str(content["reason"])),
            issuer_key=str(content["issuer_key"]),
            not_after=_moment(content["not_after"]),
            sensor=None if content["sensor"] is None else str(content["sensor"]),
        )
    except (ValueError, KeyError, OverflowError, InputError) as error:
        raise FileError(damaged(path)) from error
    if not os.path.basename(path).startswith(serial_text(entry.serial)):
        raise FileError(damaged(path))
    return entry


def _moment(value: object) -> datetime.datetime:
    # fromisoformat of Python before 3.11 does not know the Z.
    moment = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    # X.509 knows no year before 1950 that a CRL could hold (RFC 5280 section 5.1.2.6 and 4.1.2.5.1).
    if moment.tzinfo is None or moment.year < 1950:
        raise ValueError("not a moment that a CRL can hold")
    return moment


def read_told(path: str) -> tuple[RevocationRecord, dict[str, str]]:
    """A revocation and what else its record says: when and by whom it was recorded.

    :raises FileError: it cannot be read.
    """
    data = read_file(path, MAX_RECORD)
    entry = _parse(path, data)
    return entry, {key: str(value) for key, value in content_of(path, data).items() if isinstance(value, str)}
