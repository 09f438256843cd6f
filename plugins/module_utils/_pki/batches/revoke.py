# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revoke certificates of the embedded CA: by sensor, serial number or file.

Revoking only writes records; no key is needed. The next CRL of the CA lists them (:mod:`..crl.publishing`).
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError
from ..._plain.files import read_file
from .. import crypto
from ..crypto import x509
from ..state import revocations
from ..state.durable import make_durable
from ..state.ledger import Ledger
from ..state.revocations import RevocationRecord
from ..values import moments, reading
from ..values import text as texts
from ..values import x509_parts as parts
from ..values.faults import shown
from ..values.text import serial_text
from .engine import attempt

OPTIONS = ("serial", "certificate", "sensor", "reason", "revoked_at")
TARGETS = OPTIONS[:3]
REVOKED, KEPT, FAILED = "revoked", "kept", "failed"


@dataclass(frozen=True)
class RevokedCertificate:
    """One certificate of a request: what the ledger says of it now, and whether this run wrote it."""

    certificate: x509.Certificate
    record: RevocationRecord
    new: bool

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "serial": serial_text(self.record.serial),
            "subject": texts.name_text(self.certificate.subject),
            "sensor": self.record.sensor,
            "not_after": moments.iso(self.record.not_after),
            "reason": self.record.reason,
            "revoked_at": moments.iso(self.record.revoked),
            "changed": self.new,
        }

    @property
    def unseen(self) -> str | None:
        """What to say if nothing tells sensors and browsers of it: it names no CRL in which they would look."""
        if parts.crl_url(self.certificate) is not None:
            return None
        whose = f" of {self.record.sensor}" if self.record.sensor else ""
        return (
            f"{serial_text(self.record.serial)}{whose} names no CRL, so no sensor and no browser will see that it is "
            f"revoked: it works until it ends ({moments.iso(self.record.not_after)[:10]}) unless its console gets "
            "another one; run deploy_certs and upload what it issues"
        )


@dataclass(frozen=True)
class RevocationOutcome:
    """What became of one request to revoke."""

    asked: Mapping[str, Any]
    action: str
    certificates: tuple[RevokedCertificate, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data, what was asked first."""
        return {
            **{key: self.asked.get(key) for key in TARGETS},
            "action": self.action,
            "changed": self.action == REVOKED,
            "certificates": [entry.to_dict() for entry in self.certificates],
            "errors": list(self.errors),
            "warnings": list(self.warnings),
        }


@dataclass
class Revoking:
    """Where revocations go, and by whose certificates they are judged.

    :ivar authorities: the CA's certificates, issuing CA first.
    """

    ledger: Ledger
    authorities: Sequence[x509.Certificate]
    moment: datetime.datetime
    check_mode: bool = False
    _planned: dict[int, RevocationRecord] = field(default_factory=dict)

    def run(self, requests: Sequence[Mapping[str, Any]]) -> list[RevocationOutcome]:
        """Carry out every request; one that cannot be done does not keep the others from it."""
        outcomes = [
            attempt(functools.partial(self._one, request), functools.partial(_failed, request)) for request in requests
        ]
        if any(outcome.action == REVOKED for outcome in outcomes) and not self.check_mode:
            # On the disk before anybody is told that something is revoked.
            make_durable([self.ledger.folder])
        return outcomes

    def revoke(self, certificate: x509.Certificate, sensor: str | None, reason: str) -> RevokedCertificate | None:
        """Revoke one certificate now; None if this CA did not issue it. The caller sees to it that it is on the disk.

        :raises PkiError: it could not be recorded.
        """
        issuer = self._issuer(certificate)
        if issuer is None or certificate.issuer == certificate.subject:
            return None
        return self._revoke(certificate, issuer, sensor, revocations.reason_of(reason), self.moment)

    def _one(self, request: Mapping[str, Any]) -> RevocationOutcome:
        given = [key for key in TARGETS if request.get(key) not in (None, "")]
        if len(given) != 1:
            what = f"{' and '.join(given)} are given" if given else "nothing says what to revoke"
            raise InputError(f"{what}; wanted: exactly one of {', '.join(TARGETS)}")
        reason = revocations.reason_of(request.get("reason"))
        when = self._when(request.get("revoked_at"))
        warnings: list[str] = []
        entries = []
        for certificate, issuer, sensor in self._find(given[0], request[given[0]], warnings):
            entry = self._revoke(certificate, issuer, sensor, reason, when)
            if not entry.new and entry.record.reason != reason:
                warnings.append(
                    f"{serial_text(entry.record.serial)} was revoked before ({entry.record.text}); that record stays"
                )
            warnings += [entry.unseen] if entry.unseen else []
            entries.append(entry)
        action = REVOKED if any(entry.new for entry in entries) else KEPT
        return RevocationOutcome(request, action, tuple(entries), warnings=tuple(warnings))

    def _when(self, value: Any) -> datetime.datetime:
        if value in (None, ""):
            return self.moment
        try:
            moment = datetime.datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
        except ValueError as error:
            wanted = "an ISO 8601 time such as 2026-11-22T10:00:00Z"
            raise InputError(f"revoked_at is {shown(value)}; wanted: {wanted}") from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        try:
            moment = moment.astimezone(datetime.timezone.utc).replace(microsecond=0)
        except OverflowError:
            raise InputError(f"revoked_at is {shown(value)}, which is outside of the calendar") from None
        if moment > self.moment:
            raise InputError(f"revoked_at is {shown(value)}, which is in the future; wanted: now or earlier")
        return moment

    def _find(
        self, target: str, value: Any, warnings: list[str]
    ) -> list[tuple[x509.Certificate, x509.Certificate, str | None]]:
        """The certificates that a request means, each with its issuer and sensor."""
        if target == "sensor":
            return self._of_sensor(value, warnings)
        certificate, sensor = self._by_serial(value) if target == "serial" else self._from_file(value)
        issuer = self._issuer(certificate)
        if issuer is None:
            raise InputError(
                f"the certificate {texts.name_text(certificate.subject)} was issued by "
                f"{texts.name_text(certificate.issuer)}, not by this CA; have that CA revoke it"
            )
        if certificate.issuer == certificate.subject:
            raise InputError("a root cannot be revoked: remove it from the trust stores and make a new CA")
        return [(certificate, issuer, sensor)]

    def _of_sensor(
        self, sensor: Any, warnings: list[str]
    ) -> list[tuple[x509.Certificate, x509.Certificate, str | None]]:
        if not isinstance(sensor, str):
            raise InputError(f"sensor is {shown(sensor)}; wanted: the sensor's name in the inventory")
        unreadable: list[str] = []
        recorded = revocations.certificates_of(self.ledger, sensor, unreadable)
        if not recorded:
            if unreadable:
                raise InputError("; ".join(unreadable[:5]))
            raise InputError(f"the ledger {self.ledger.folder} has no certificate of the sensor {sensor}")
        # What can be revoked is revoked at once; whether there was more, nobody can tell.
        warnings += [f"{text}; if it is a certificate of {sensor}, it is not revoked" for text in unreadable[:5]]
        found: list[tuple[x509.Certificate, x509.Certificate, str | None]] = []
        for certificate in sorted(recorded, key=lambda one: one.not_valid_before_utc):
            if certificate.not_valid_after_utc < self.moment:
                continue
            issuer = self._issuer(certificate)
            if issuer is None:
                serial = serial_text(certificate.serial_number)
                warnings.append(f"{serial} of {sensor} was issued by an earlier CA, which alone can revoke it")
            else:
                found.append((certificate, issuer, sensor))
        if not found:
            raise InputError(f"no certificate of {sensor} that this CA issued is still valid, so none can be revoked")
        return found

    def _by_serial(self, value: Any) -> tuple[x509.Certificate, str | None]:
        for number in serial_candidates(value):
            for authority in self.authorities:
                if authority.serial_number == number:
                    return authority, None
            recorded = revocations.certificate_with(self.ledger, number)
            if recorded is not None:
                return recorded
        raise InputError(f"the ledger {self.ledger.folder} has no certificate with the serial number {value}")

    def _from_file(self, path: Any) -> tuple[x509.Certificate, str | None]:
        if not isinstance(path, str):
            raise InputError(f"certificate is {shown(path)}; wanted: the path of a certificate")
        content = reading.read_content(read_file(path))
        blocks = content.of_kind(reading.CERTIFICATE)
        if not blocks or blocks[0].der is None:
            raise InputError(f"{path} is {content.kind}; wanted: a certificate")
        try:
            certificate = reading.load_certificate(blocks[0].der)
        except ValueError as error:
            raise InputError(f"{path} cannot be read: {crypto.explain(error)}") from error
        recorded = revocations.certificate_with(self.ledger, certificate.serial_number)
        return certificate, recorded[1] if recorded is not None else None

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        return next((one for one in self.authorities if parts.signed_by(certificate, one)), None)

    def _revoke(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        sensor: str | None,
        reason: str,
        when: datetime.datetime,
    ) -> RevokedCertificate:
        serial = certificate.serial_number
        mark = revocations.key_mark(issuer)
        before = self._planned.get(serial) or revocations.find_or_infer(self.ledger, serial, mark)
        if before is not None:
            return RevokedCertificate(certificate, before, new=False)
        if when < certificate.not_valid_before_utc - moments.ONE_DAY:
            raise InputError(
                f"revoked_at is {moments.iso(when)}, before the certificate {serial_text(serial)} began "
                f"({moments.iso(certificate.not_valid_before_utc)}); wanted: a moment of its life, up to now"
            )
        wanted = RevocationRecord(serial, when, reason, mark, certificate.not_valid_after_utc, sensor)
        if self.check_mode:
            self._planned[serial] = wanted  # the same certificate may be asked for twice
            return RevokedCertificate(certificate, wanted, new=True)
        self.ledger.prepare()
        stands = revocations.record(self.ledger, certificate, wanted)
        return RevokedCertificate(certificate, stands, new=stands is wanted)


def _failed(request: Mapping[str, Any], error: str) -> RevocationOutcome:
    return RevocationOutcome(request, FAILED, errors=(error,))


def serial_candidates(value: Any) -> list[int]:
    """The numbers a serial may mean: hexadecimal as OpenSSL prints it; a number that YAML made of digits, both ways.

    :raises InputError: not a serial number.
    """
    wanted = "hexadecimal digits in quotes, as 'openssl x509 -serial' prints them"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InputError(f"serial is {shown(value)}; wanted: {wanted}")
    text = str(value).strip()
    if text.lower().startswith("serial="):
        text = text[7:]
    text = re.sub(r"[:\s]", "", text)
    text = text[2:] if text.lower().startswith("0x") else text
    if not re.fullmatch(r"[0-9A-Fa-f]{1,64}", text):
        raise InputError(f"serial is {shown(value)}; wanted: {wanted}")
    numbers = [int(text, 16)]
    if text.isdecimal():
        numbers.append(int(text))
    return numbers
