# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the CRLs of the embedded CA fresh in the publish folder: look, decide, sign, replace.

CRL numbers only grow (RFC 5280, section 5.2.3), across parallel runs and runs that were killed: a number is
taken by creating a file of that name in the ledger, ``crl/<key identifier>/<number>``, which works once, and
is never below that of the CRL that is published. A lock keeps an older CRL from replacing a newer one.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ..._plain.errors import FileError, InputError, PkiError
from ..._plain.files import PRIVATE_FOLDER, PUBLIC_FILE, read_file, replace_file, sync_folder, why, write_new
from ..._plain.folders import Folder
from ..crypto import rsa, serialization, x509
from ..issuers.local_ca.make import ISSUING, ROOT
from ..issuers.local_ca.opened import Authority
from ..state import locks, revocations
from ..state.ledger import Ledger, actor
from ..state.revocations import RevocationRecord
from ..values import reading
from ..values import x509_parts as parts
from .making import crl_number, make_crl

PUBLISHED, KEPT, FAILED = "published", "kept", "failed"
NUMBERS = "crl"
MAX_BYTES = 256 * 1024 * 1024
_FIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ +()-]{0,100}\Z")


@dataclass(frozen=True)
class Lifetimes:
    """How long CRLs live, in days: those of the CA that signs sensors, those of a root above it, and the remainder
    below which a CRL is renewed."""

    issuing: int
    root: int
    renew_before: int

    def renewal(self, this_update: datetime.datetime, next_update: datetime.datetime) -> datetime.datetime:
        """The moment from which a CRL is close to its end; never before half of its life."""
        span = (next_update - this_update) / 2
        return next_update - min(datetime.timedelta(days=self.renew_before), span)


@dataclass(frozen=True)
class Source:
    """A CA of the hierarchy that is to publish a CRL.

    :ivar key: None if it was taken offline.
    :ivar url: where the CRL will be fetched from, or None if no certificate names such a place.
    """

    tier: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | None
    url: str | None
    days: int
    file_name: str


@dataclass(frozen=True)
class CrlOutcome:
    """What became of the CRL of one CA. ``crl`` is the one that is published now."""

    tier: str
    subject: str
    path: str
    action: str
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    crl: x509.CertificateRevocationList | None = None
    size: int | None = None
    renew_after: datetime.datetime | None = None
    url: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        crl = self.crl
        end = crl.next_update_utc if crl is not None else None
        return {
            "ca": self.tier,
            "subject": self.subject,
            "url": self.url,
            "path": self.path,
            "path_pem": self.path + ".pem",
            "action": self.action,
            "changed": self.action == PUBLISHED,
            "reasons": list(self.reasons),
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "number": crl_number(crl) if crl is not None else None,
            "entries": len(crl) if crl is not None else None,
            "bytes": self.size,
            "this_update": parts.iso(crl.last_update_utc) if crl is not None else None,
            "next_update": parts.iso(end) if end is not None else None,
            "renew_after": parts.iso(self.renew_after) if self.renew_after is not None else None,
        }


def sources(authority: Authority, crl_url: str | None, lifetimes: Lifetimes) -> list[Source]:
    """The CAs of the hierarchy, the one that signs sensors first."""
    two = authority.tiers == 2
    signer = ISSUING if two else ROOT
    found = [
        Source(signer, authority.certificate, authority.key, crl_url, lifetimes.issuing, file_name(crl_url, signer))
    ]
    if two:
        url = parts.crl_url(authority.certificate)
        found.append(Source(ROOT, authority.root, authority.root_key, url, lifetimes.root, file_name(url, ROOT)))
    if len({source.file_name.lower() for source in found}) < len(found):
        found = [replace(source, file_name=f"{source.tier}.crl") for source in found]
    return found


def file_name(url: str | None, tier: str) -> str:
    """The name under which a web server will be asked for a CRL: the last part of its URL."""
    name = unquote(urlsplit(url).path).rpartition("/")[2] if url else ""
    # PEM goes beside it under .pem, so DER cannot have that name.
    fit = _FIT_NAME.match(name) and not name.lower().endswith((".pem", ".tmp"))
    return name if fit else f"{tier}.crl"


@dataclass(frozen=True)
class Publisher:
    """Publishes the CRLs of a CA into a folder.

    :ivar every: the CAs of the hierarchy.
    :ivar lock_timeout: seconds to wait for another run that publishes.
    """

    folder: str
    ledger: Ledger
    lifetimes: Lifetimes
    moment: datetime.datetime
    every: tuple[Source, ...]
    lock_timeout: float = 30.0
    check_mode: bool = False
    cache: dict[str, RevocationRecord] = field(default_factory=dict, repr=False)

    def publish(self) -> list[CrlOutcome]:
        """Renew what is due; one CA's failure does not keep the others from it.

        :raises FileError: the folders cannot be made.
        """
        if not self.check_mode:
            self._prepare()
        outcomes = []
        for source in self.every:
            try:
                outcomes.append(self._plan(source) if self.check_mode else self._locked(source))
            except PkiError as error:
                outcomes.append(self._outcome(source, FAILED, errors=(str(error),)))
            except OSError as error:
                text = f"the CRL {self._path(source)} could not be written: {why(error)}"
                outcomes.append(self._outcome(source, FAILED, errors=(text,)))
        return outcomes

    def _prepare(self) -> None:
        self.ledger.prepare()
        for path, mode in ((self.folder, 0o755), (os.path.join(self.ledger.folder, NUMBERS), PRIVATE_FOLDER)):
            try:
                os.makedirs(path, mode=mode, exist_ok=True)
            except OSError as error:
                raise FileError(f"the folder {path} cannot be made: {why(error)}") from error

    def _locked(self, source: Source) -> CrlOutcome:
        mark = revocations.key_mark(source.certificate)
        with locks.hold(os.path.join(self.ledger.folder, NUMBERS), [f"crl {mark}"], self.lock_timeout) as holders:
            if holders:
                raise InputError("another run publishes this CRL and has not ended; try again")
            return self._plan(source)

    def _plan(self, source: Source) -> CrlOutcome:
        records = revocations.Records(self.ledger, self.cache)
        current, fault = self._current(source)
        warnings: tuple[str, ...] = ()
        shown: set[int] = set()
        if current is None:
            reasons = [fault or "missing"]
            if source.key is None:  # then it matters whether somebody must be told
                waiting = records.by(source.certificate, records.serials - self._shown_elsewhere(source))
                reasons += [_count(len(waiting), "new revocation")] if waiting else []
        else:
            shown = {entry.serial_number for entry in current}
            new = records.by(source.certificate, records.serials - shown - self._shown_elsewhere(source))
            # What ended before the published CRL was made is not listed any more, and no reason to make another.
            new = [entry for entry in new if entry.not_after >= current.last_update_utc]
            reasons = self._reasons(source, current, len(new))
            unknown = len(shown - records.serials)
            if unknown:
                warnings = (
                    f"{self._path(source)} lists {_count(unknown, 'certificate')} of which the ledger "
                    f"{self.ledger.folder} has no revocation; they stay revoked. Restore the ledger from the backup",
                )
        if current is not None and not reasons:
            outcome = self._kept(source, current)
        elif source.key is None:
            outcome = self._offline(source, current, reasons)
        elif self.check_mode:
            outcome = self._outcome(source, PUBLISHED, reasons=tuple(reasons))
        else:
            listed = records.by(source.certificate, records.serials)
            if current is not None:
                listed = _merged(listed, current, source.certificate)
            outcome = self._publish(source, source.key, current, listed, reasons)
        return replace(outcome, warnings=(*outcome.warnings, *warnings, *records.problems))

    def _path(self, source: Source) -> str:
        return os.path.join(self.folder, source.file_name)

    def _current(self, source: Source) -> tuple[x509.CertificateRevocationList | None, str | None]:
        """The published CRL, and why it is none of this CA."""
        path = self._path(source)
        if not os.path.lexists(path):
            return None, "missing"
        try:
            crl = reading.load_crl(read_file(path, MAX_BYTES))
        except FileError:
            raise
        except ValueError as error:
            return None, f"unreadable: {reading.explain(error)}"
        if not crl.is_signature_valid(parts.rsa_public_key(source.certificate)):
            return None, "not signed by this CA"
        return crl, None

    def _shown_elsewhere(self, source: Source) -> set[int]:
        """What the CRLs of the other CAs list, which is not this CA's: no need to read those records."""
        shown: set[int] = set()
        for other in self.every:
            if other is not source:
                with contextlib.suppress(FileError):
                    crl, _fault = self._current(other)
                    shown.update(entry.serial_number for entry in crl or ())
        return shown

    def _reasons(self, source: Source, crl: x509.CertificateRevocationList, new: int) -> list[str]:
        reasons = []
        if new:
            reasons.append(_count(new, "new revocation"))
        end = crl.next_update_utc
        if end is None:
            reasons.append("it has no nextUpdate")
        elif end < self.moment:
            reasons.append(f"expired on {parts.iso(end)}")
        elif (
            self.moment >= self.lifetimes.renewal(crl.last_update_utc, end)
            and end < source.certificate.not_valid_after_utc
        ):
            reasons.append(f"close to its nextUpdate, {parts.iso(end)}")
        elif end > self.moment + datetime.timedelta(days=source.days):
            reasons.append(f"nextUpdate {parts.iso(end)} is more than {source.days} days ahead")
        return reasons

    def _kept(self, source: Source, crl: x509.CertificateRevocationList) -> CrlOutcome:
        path, der = self._path(source), crl.public_bytes(serialization.Encoding.DER)
        pem = crl.public_bytes(serialization.Encoding.PEM)
        pem_path = path + ".pem"
        # A run that was killed between the two files left the PEM of the CRL before.
        if not os.path.exists(pem_path) or read_file(pem_path, MAX_BYTES) != pem:
            if not self.check_mode:
                replace_file(pem_path, pem, PUBLIC_FILE)
            return self._outcome(source, PUBLISHED, crl, len(der), reasons=("the PEM beside it was missing or older",))
        return self._outcome(source, KEPT, crl, len(der))

    def _offline(
        self, source: Source, crl: x509.CertificateRevocationList | None, reasons: Sequence[str]
    ) -> CrlOutcome:
        """The root's key is not here: its CRL stays as it is, and people are told what that means."""
        what = (
            f"the root's CRL {self._path(source)} is due ({'; '.join(reasons)}), but the root's key is offline. "
            "Bring root.key back into the CA's folder, run publish_crl.yml, and take it offline again"
        )
        end = crl.next_update_utc if crl is not None else None
        outcome = self._outcome(source, KEPT, crl, reasons=tuple(reasons))
        if end is not None and end > self.moment and not any("revocation" in reason for reason in reasons):
            return replace(outcome, warnings=(f"{what}. The one that is published is good until {parts.iso(end)}",))
        if source.url is None and not any("revocation" in reason for reason in reasons):
            # No certificate names a place for it, so no sensor looks for it.
            return replace(outcome, warnings=(what,))
        return replace(outcome, action=FAILED, errors=(what,))

    def _publish(
        self,
        source: Source,
        key: rsa.RSAPrivateKey,
        current: x509.CertificateRevocationList | None,
        listed: Sequence[RevocationRecord],
        reasons: Sequence[str],
    ) -> CrlOutcome:
        number = self._take_number(source, crl_number(current) if current is not None else 0)
        lifetime = datetime.timedelta(days=source.days)
        crl = make_crl(source.certificate, key, number, listed, self.moment, lifetime)
        der = crl.public_bytes(serialization.Encoding.DER)
        with Folder.open(self.folder) as folder:
            # On the disk before it takes the place of the one before.
            folder.replace(source.file_name, der, PUBLIC_FILE, durable=True)
            folder.replace(source.file_name + ".pem", crl.public_bytes(serialization.Encoding.PEM), PUBLIC_FILE, True)
        return self._outcome(source, PUBLISHED, crl, len(der), reasons=tuple(reasons))

    def _take_number(self, source: Source, published: int) -> int:
        """A number that no CRL of this CA had or will have.

        :raises OSError: none could be taken.
        """
        folder = os.path.join(self.ledger.folder, NUMBERS, revocations.key_mark(source.certificate))
        os.makedirs(folder, mode=PRIVATE_FOLDER, exist_ok=True)
        taken = (int(name) for name in os.listdir(folder) if name.isdecimal())
        number = max([published, *taken]) + 1
        note = f"{parts.iso(self.moment)} {actor()}\n".encode()
        while True:
            try:
                write_new(os.path.join(folder, str(number)), note, PUBLIC_FILE, durable=True)
            except FileExistsError:
                number += 1
            else:
                sync_folder(folder)
                return number

    def _outcome(
        self,
        source: Source,
        action: str,
        crl: x509.CertificateRevocationList | None = None,
        size: int | None = None,
        reasons: tuple[str, ...] = (),
        errors: tuple[str, ...] = (),
    ) -> CrlOutcome:
        end = crl.next_update_utc if crl is not None else None
        return CrlOutcome(
            tier=source.tier,
            subject=parts.name_text(source.certificate.subject),
            path=self._path(source),
            action=action,
            reasons=reasons,
            errors=errors,
            crl=crl,
            size=size,
            renew_after=self.lifetimes.renewal(crl.last_update_utc, end) if crl is not None and end else None,
            url=source.url,
        )


def _merged(
    listed: Sequence[RevocationRecord], current: x509.CertificateRevocationList, issuer: x509.Certificate
) -> list[RevocationRecord]:
    """What the next CRL lists.

    An entry goes when a CRL after the certificate's end has shown it (RFC 5280, section 3.3). What the
    published CRL lists and the ledger has lost is carried over: nothing is un-revoked by accident.
    """
    known = {entry.serial for entry in listed}
    carried = [
        RevocationRecord(
            serial=entry.serial_number,
            revoked=entry.revocation_date_utc,
            reason=_reason(entry),
            issuer_key=revocations.key_mark(issuer),
            not_after=issuer.not_valid_after_utc,
        )
        for entry in current
        if entry.serial_number not in known
    ]
    before = current.last_update_utc
    kept = [entry for entry in listed if entry.not_after >= before]
    return sorted(kept + carried, key=lambda entry: entry.serial)


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        value = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, ValueError):
        return revocations.UNSPECIFIED
    return str(value)


def _count(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"
