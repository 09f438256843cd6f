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

from ..._plain.errors import FileError, InputError, PkiError
from ..._plain.files import (
    PRIVATE_FOLDER,
    PUBLIC_FILE,
    PUBLIC_FOLDER,
    make_folder,
    read_file,
    replace_file,
    sync_folder,
    why,
    write_new,
)
from ..._plain.folders import Folder
from .. import crypto
from ..crypto import rsa, serialization, x509
from ..issuers.local_ca.opened import FORMER
from ..state import clock, locks, revocations
from ..state.ledger import Ledger, actor
from ..state.revocations import RevocationRecord
from ..values import moments, reading
from ..values import text as texts
from ..values import x509_parts as parts
from ..values.limits import MAX_CRL_BYTES
from ..values.lists import counted
from . import former
from .making import crl_number, make_crl
from .sources import FAILED, KEPT, PUBLISHED, CrlOutcome, CrlSource, Lifetimes, file_name, sources

NUMBERS = "crl"
# A number has 20 octets at most (RFC 5280, section 5.2.3); what is longer was not taken by a run.
_NUMBER = re.compile(r"[0-9]{1,48}\Z")

__all__ = ["FAILED", "KEPT", "PUBLISHED", "CrlOutcome", "Lifetimes", "Publisher", "file_name", "sources"]


@dataclass(frozen=True)
class Publisher:
    """Publishes the CRLs of a CA into a folder.

    :ivar every: the CAs of the hierarchy.
    :ivar lock_timeout: seconds to wait for another run that publishes.
    :ivar named_only: no URL is wanted (any more), so that only what valid certificates name is published.
    """

    folder: str
    ledger: Ledger
    lifetimes: Lifetimes
    moment: datetime.datetime
    every: tuple[CrlSource, ...]
    lock_timeout: float = 30.0
    check_mode: bool = False
    named_only: bool = False
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
                mark = revocations.key_mark(source.certificate)
                if source.tier == FORMER and not former.valid(self.ledger, mark, self.moment):
                    continue  # its last certificate has ended: nobody needs its CRL any more
                warnings: tuple[str, ...] = ()
                if self.named_only and source.url is None:
                    named = self._named(source)
                    if not named:
                        continue
                    source = replace(source, file_name=min(named))
                    warnings = (former.text(self._path(source), named[source.file_name]),)
                outcome = self._plan(source) if self.check_mode else self._locked(source)
                outcomes.append(replace(outcome, warnings=(*outcome.warnings, *warnings)))
                if outcome.crl is not None:
                    outcomes += self._under_former_names(source, outcome.crl, outcome.action == PUBLISHED)
            except PkiError as error:
                outcomes.append(self._outcome(source, FAILED, errors=(str(error),)))
            except OSError as error:
                text = f"the CRL {self._path(source)} could not be written: {why(error)}"
                outcomes.append(self._outcome(source, FAILED, errors=(text,)))
        return outcomes

    def _prepare(self) -> None:
        self.ledger.prepare()
        for path, mode in ((self.folder, PUBLIC_FOLDER), (os.path.join(self.ledger.folder, NUMBERS), PRIVATE_FOLDER)):
            try:
                make_folder(path, mode)
            except OSError as error:
                raise FileError(f"the folder {path} cannot be made: {why(error)}") from error

    def _locked(self, source: CrlSource) -> CrlOutcome:
        mark = revocations.key_mark(source.certificate)
        with locks.hold(os.path.join(self.ledger.folder, NUMBERS), [f"crl {mark}"], self.lock_timeout) as holders:
            if holders:
                raise InputError("another run publishes this CRL and has not ended; try again")
            return self._plan(source)

    def _plan(self, source: CrlSource) -> CrlOutcome:
        records = revocations.Records(self.ledger, self.cache)
        current, fault = self._current(source)
        warnings: tuple[str, ...] = ()
        back = self._put_back(source, current)
        shown: set[int] = set()
        if current is None:
            reasons = [fault or "missing"]
            if source.key is None:  # then it matters whether somebody must be told
                waiting = records.by(source.certificate, records.serials - self._shown_elsewhere(source))
                reasons += [counted(len(waiting), "new revocation")] if waiting else []
        else:
            shown = {entry.serial_number for entry in current}
            new = records.by(source.certificate, records.serials - shown - self._shown_elsewhere(source))
            # What ended before the published CRL was made is not listed any more, and no reason to make another.
            new = [entry for entry in new if entry.not_after >= current.last_update_utc]
            reasons = [*([back] if back else []), *self._reasons(source, current, len(new))]
            unknown = len(shown - records.serials)
            if unknown:
                warnings = (
                    f"{self._path(source)} lists {counted(unknown, 'certificate')} of which the ledger "
                    f"{self.ledger.folder} has no revocation; they stay revoked. Restore the ledger from the backup",
                )
        if current is not None and reasons and clock.behind(self.moment, current.last_update_utc):
            here, made = moments.iso(self.moment), moments.iso(current.last_update_utc)
            raise InputError(
                f"the clock of this machine says {here}, and the published CRL {self._path(source)} was made on "
                f"{made}; a CRL of now ({'; '.join(reasons)}) would end too early. Set the clock right. If it is right "
                "and the published CRL is dated wrongly, remove that file and run again"
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
            outcome = self._publish(source, source.key(), current, listed, reasons)
        return replace(outcome, warnings=(*outcome.warnings, *warnings, *records.problems))

    def _path(self, source: CrlSource) -> str:
        return os.path.join(self.folder, source.file_name)

    def _current(self, source: CrlSource) -> tuple[x509.CertificateRevocationList | None, str | None]:
        """The published CRL, and why it is none of this CA."""
        path = self._path(source)
        if not os.path.lexists(path):
            return None, "missing"
        try:
            crl = reading.load_crl(read_file(path, MAX_CRL_BYTES))
        except FileError:
            raise
        except ValueError as error:
            return None, f"unreadable: {crypto.explain(error)}"
        if not parts.crl_signed_by(crl, source.certificate):
            self._spare(path, crl, source)
            return None, "not signed by this CA"
        return crl, None

    def _spare(self, path: str, crl: x509.CertificateRevocationList, source: CrlSource) -> None:
        """Another CA's CRL is not overwritten while its certificates are in use: sensors would refuse them.

        :raises InputError: they are.
        """
        try:
            with crypto.guard():
                found = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
                issuer = texts.name_text(crl.issuer)
        except crypto.UnreadableError:
            return
        identifier = found.hex() if found else ""
        # One that names this CA and is not signed by it is damaged, and nobody misses it.
        used = (
            former.valid(self.ledger, identifier, self.moment)
            if identifier not in ("", revocations.key_mark(source.certificate))
            else []
        )
        if used:
            last = max(certificate.not_valid_after_utc for certificate in used)
            raise InputError(
                f"{path} is the CRL of another CA ({issuer}), of which "
                f"{counted(len(used), 'certificate')} can be in use until {moments.iso(last)}; publish under "
                "another name: set local_ca_crl_url to another URL, and keep the old CRL fresh until its "
                "certificates are replaced"
            )

    def _under_former_names(
        self, source: CrlSource, crl: x509.CertificateRevocationList, renewed: bool
    ) -> list[CrlOutcome]:
        """The same CRL under names that it had before, as long as a valid certificate sends sensors there.

        Every record of the ledger is read for it, so it is done where such names are seen, and whenever a CRL is made.
        """
        own = {source.file_name, *(entry.file_name for entry in self.every)}
        if not renewed and not former.files(self.folder, own, source.certificate):
            return []
        outcomes = []
        for name, certificates in sorted(self._named(source).items()):
            if name not in own:
                try:
                    outcome = self._copied(source, name, crl)
                except PkiError as error:
                    outcome = self._outcome(replace(source, file_name=name, url=None), FAILED, errors=(str(error),))
                outcomes.append(replace(outcome, warnings=(former.text(outcome.path, certificates),)))
        return outcomes

    def _named(self, source: CrlSource) -> dict[str, list[x509.Certificate]]:
        return former.named(self.ledger, revocations.key_mark(source.certificate), self.moment, source.tier)

    def _copied(self, source: CrlSource, name: str, crl: x509.CertificateRevocationList) -> CrlOutcome:
        """The CRL under another name.

        :raises PkiError: another CA's is there, or what is there cannot be read.
        """
        copy = replace(source, file_name=name, url=None)
        der = crl.public_bytes(serialization.Encoding.DER)
        current, fault = self._current(copy)
        if current == crl:
            return self._outcome(copy, KEPT, crl, len(der))
        if not self.check_mode:
            with Folder.open(self.folder) as folder:
                folder.replace(name, der, PUBLIC_FILE, durable=True)
                folder.replace(name + ".pem", crl.public_bytes(serialization.Encoding.PEM), PUBLIC_FILE, durable=True)
        reason = f"{fault} under its former name" if fault else "renewed under its former name"
        return self._outcome(copy, PUBLISHED, crl, len(der), reasons=(reason,))

    def _put_back(self, source: CrlSource, current: x509.CertificateRevocationList | None) -> str | None:
        """Whether an older CRL lies where a later one was published: it would bring revoked certificates back."""
        if current is None:
            return None
        number, taken = crl_number(current), self._last_number(source)
        if number >= taken:
            return None
        # A run that was killed between taking a number and publishing leaves the same; a new CRL mends both.
        return f"its number {number} is below {taken}, taken before: an older CRL was put back, or a run was killed"

    def _last_number(self, source: CrlSource) -> int:
        folder = os.path.join(self.ledger.folder, NUMBERS, revocations.key_mark(source.certificate))
        with contextlib.suppress(OSError):
            return max((int(name) for name in os.listdir(folder) if _NUMBER.match(name)), default=0)
        return 0

    def _shown_elsewhere(self, source: CrlSource) -> set[int]:
        """What the CRLs of the other CAs list, which is not this CA's: no need to read those records."""
        shown: set[int] = set()
        for other in self.every:
            if other.certificate != source.certificate:
                # What is wrong with another CA's CRL is told where that one is published.
                with contextlib.suppress(PkiError):
                    crl, _fault = self._current(other)
                    shown.update(entry.serial_number for entry in crl or ())
        return shown

    def _reasons(self, source: CrlSource, crl: x509.CertificateRevocationList, new: int) -> list[str]:
        reasons = []
        if new:
            reasons.append(counted(new, "new revocation"))
        end = crl.next_update_utc
        if end is None:
            reasons.append("it has no nextUpdate")
        elif end < self.moment:
            reasons.append(f"expired on {moments.iso(end)}")
        elif (
            self.moment >= self.lifetimes.renewal(crl.last_update_utc, end)
            and end < source.certificate.not_valid_after_utc
        ):
            reasons.append(f"close to its nextUpdate, {moments.iso(end)}")
        elif end > self.moment + datetime.timedelta(days=source.days):
            reasons.append(f"nextUpdate {moments.iso(end)} is more than {source.days} days ahead")
        return reasons

    def _kept(self, source: CrlSource, crl: x509.CertificateRevocationList) -> CrlOutcome:
        path, der = self._path(source), crl.public_bytes(serialization.Encoding.DER)
        pem = crl.public_bytes(serialization.Encoding.PEM)
        pem_path = path + ".pem"
        # A run that was killed between the two files left the PEM of the CRL before.
        if not os.path.exists(pem_path) or read_file(pem_path, MAX_CRL_BYTES) != pem:
            if not self.check_mode:
                replace_file(pem_path, pem, PUBLIC_FILE)
            return self._outcome(source, PUBLISHED, crl, len(der), reasons=("the PEM beside it was missing or older",))
        return self._outcome(source, KEPT, crl, len(der))

    def _offline(
        self, source: CrlSource, crl: x509.CertificateRevocationList | None, reasons: Sequence[str]
    ) -> CrlOutcome:
        """The root's key is not here: its CRL stays as it is, and people are told what that means."""
        what = (
            f"the root's CRL {self._path(source)} is due ({'; '.join(reasons)}), but the root's key is offline. "
            "Bring root.key back into the CA's folder, run publish_crl.yml, and take it offline again"
        )
        end = crl.next_update_utc if crl is not None else None
        outcome = self._outcome(source, KEPT, crl, reasons=tuple(reasons))
        if end is not None and end > self.moment and not any("revocation" in reason for reason in reasons):
            return replace(outcome, warnings=(f"{what}. The one that is published is good until {moments.iso(end)}",))
        if source.url is None and not any("revocation" in reason for reason in reasons):
            # No certificate names a place for it, so no sensor looks for it.
            return replace(outcome, warnings=(what,))
        return replace(outcome, action=FAILED, errors=(what,))

    def _publish(
        self,
        source: CrlSource,
        key: rsa.RSAPrivateKey | None,
        current: x509.CertificateRevocationList | None,
        listed: Sequence[RevocationRecord],
        reasons: Sequence[str],
    ) -> CrlOutcome:
        if key is None:
            raise InputError(f"the key of {self._path(source)} is offline")
        number = self._take_number(source, crl_number(current) if current is not None else 0)
        lifetime = datetime.timedelta(days=source.days)
        crl = make_crl(source.certificate, key, number, listed, self.moment, lifetime)
        der = crl.public_bytes(serialization.Encoding.DER)
        with Folder.open(self.folder) as folder:
            # On the disk before it takes the place of the one before.
            folder.replace(source.file_name, der, PUBLIC_FILE, durable=True)
            folder.replace(source.file_name + ".pem", crl.public_bytes(serialization.Encoding.PEM), PUBLIC_FILE, True)
        return self._outcome(source, PUBLISHED, crl, len(der), reasons=tuple(reasons))

    def _take_number(self, source: CrlSource, published: int) -> int:
        """A number that no CRL of this CA had or will have.

        :raises OSError: none could be taken.
        """
        folder = os.path.join(self.ledger.folder, NUMBERS, revocations.key_mark(source.certificate))
        make_folder(folder, PRIVATE_FOLDER)
        number = max(published, self._last_number(source)) + 1
        note = f"{moments.iso(self.moment)} {actor()}\n".encode()
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
        source: CrlSource,
        action: str,
        crl: x509.CertificateRevocationList | None = None,
        size: int | None = None,
        reasons: tuple[str, ...] = (),
        errors: tuple[str, ...] = (),
    ) -> CrlOutcome:
        end = crl.next_update_utc if crl is not None else None
        return CrlOutcome(
            tier=source.tier,
            subject=texts.name_text(source.certificate.subject),
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
