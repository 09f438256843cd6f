# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists as they are read from files (RFC 5280, section 5)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..crypto import CRLEntryExtensionOID, UnreadableError, guard, quiet, x509
from ..values import reading
from ..values.certificates import CertificateView
from ..values.oids import extension_name
from ..values.signatures import verify_signature
from ..values.text import normal_name, serial_text
from .model import Source

NUMBER, DELTA, SCOPE, _AKI = "2.5.29.20", "2.5.29.27", "2.5.29.28", "2.5.29.35"
# What may be critical, as OpenSSL sees it: anything else makes the whole CRL unusable (RFC 5280, section 5.2 and 5.3).
_UNDERSTOOD = frozenset({DELTA, SCOPE, _AKI})
_CERTIFICATE_ISSUER = "2.5.29.29"
_ENTRY_NAMES = {
    NUMBER: "cRLNumber",
    "2.5.29.21": "reasonCode",
    "2.5.29.23": "holdInstructionCode",
    "2.5.29.24": "invalidityDate",
}
_CRITICAL = b"\x01\x01\xff"  # how DER says that an extension is

# From so many questions on, reading all serial numbers once is cheaper than a search each.
_INDEX_FROM = 20


def _critical_words(oids: Sequence[str]) -> str:
    """What is wrong with extensions that are critical."""
    unknown = [oid for oid in oids if extension_name(oid) == oid and oid not in _ENTRY_NAMES]
    if unknown:
        return f"has unknown critical extensions: {', '.join(unknown)}"
    return (
        f"marks as critical what must not be: {', '.join(_ENTRY_NAMES.get(oid, extension_name(oid)) for oid in oids)}"
    )


class CrlView:
    """A CRL with everything that can fail on access already tried; ``problems`` is not empty if it cannot be used."""

    def __init__(self, crl: x509.CertificateRevocationList, source: str) -> None:
        self.crl = crl
        self.source = source
        self.problems: list[str] = []
        self.extensions: dict[str, Any] = {}
        self.issuer = x509.Name([])
        self.this_update: datetime.datetime | None = None
        self.next_update: datetime.datetime | None = None
        self._questions = 0
        self._serials: frozenset[int] | None = None
        self._signatures: dict[str, bool] = {}
        try:
            with guard(), quiet():
                self.issuer = crl.issuer
                self.this_update, self.next_update = crl.last_update_utc, crl.next_update_utc
                self.extensions = {extension.oid.dotted_string: extension for extension in crl.extensions}
        except UnreadableError as error:
            self.problems.append(str(error))
        self.issuer_name = normal_name(self.issuer)
        critical = [oid for oid, extension in self.extensions.items() if extension.critical]
        refused = [oid for oid in critical if oid not in _UNDERSTOOD]
        if refused:
            self.problems.append(f"it {_critical_words(refused)}")
        if not self.problems:
            self.problems.extend(self._entry_problems(len(critical)))

    def _entry_problems(self, critical: int) -> Iterator[str]:
        """What makes the CRL unusable though it stands in the entry of any certificate.

        :param critical: how many of the CRL's own extensions are critical.
        """
        # Reading each entry's extensions takes seconds where there are many; without a further mark there is nothing.
        if self.crl.tbs_certlist_bytes.count(_CRITICAL) <= critical:
            return
        try:
            for entry in self._listed():
                with guard("an entry of the CRL"):
                    refused = [
                        extension.oid.dotted_string
                        for extension in entry.extensions
                        if extension.critical and extension.oid.dotted_string != _CERTIFICATE_ISSUER
                    ]
                if refused:
                    shown = serial_text(entry.serial_number)
                    yield f"its entry for the serial number {shown} {_critical_words(refused)}"
                    return
        except UnreadableError as error:
            yield str(error)

    def value(self, oid: str) -> Any:
        """The parsed value of an extension, or None."""
        extension = self.extensions.get(oid)
        return None if extension is None else extension.value

    @property
    def is_delta(self) -> bool:
        """It only lists what changed since a base."""
        return DELTA in self.extensions

    @property
    def number(self) -> int | None:
        """The CRL number, or None."""
        value = self.value(NUMBER)
        return None if value is None else value.crl_number

    def signed_by(self, signer: CertificateView) -> bool:
        """Whether a certificate's key signed it; asked once for each key, since hashing 10 MB takes its time."""
        if signer.fingerprint not in self._signatures:
            self._signatures[signer.fingerprint] = self._verify(signer)
        return self._signatures[signer.fingerprint]

    def names_another_key(self, signer: CertificateView) -> bool:
        """Whether its authorityKeyIdentifier is of another key than a certificate's (RFC 5280, section 5.2.1)."""
        value = self.value(_AKI)
        named, own = None if value is None else value.key_identifier, signer.subject_key_identifier()
        return named is not None and own is not None and named != own

    def _verify(self, signer: CertificateView) -> bool:
        if signer.public_key is None:
            return False
        try:
            with guard():
                verify_signature(self.crl, self.crl.tbs_certlist_bytes, signer.public_key)
        except UnreadableError:
            return False
        return True

    def _find(self, serial: int) -> Any:
        if serial >= 0:
            with guard("an entry of the CRL"):
                return self.crl.get_revoked_certificate_by_serial_number(serial)
        # A search for a negative number, which no standard allows and some old CAs gave, is refused by the library.
        return next((entry for entry in self._listed() if entry.serial_number == serial), None)

    def _listed(self) -> list[Any]:
        with guard("an entry of the CRL"):
            return list(self.crl)

    def entries(self, serial: int) -> Iterator[tuple[Any, Any]]:
        """Entries with that serial number, each with its certificate issuer's name (of an indirect CRL) or None."""
        scope = self.value(SCOPE)
        if scope is None or not scope.indirect_crl:
            self._questions += 1
            if self._serials is None and self._questions >= _INDEX_FROM:
                self._serials = frozenset(entry.serial_number for entry in self._listed())
            if self._serials is None or serial in self._serials:
                entry = self._find(serial)
                if entry is None:
                    return
                # An entry that names another CA's certificate is not about this one; there may be a second.
                named = _entry_issuer(entry)
                if named is None or named == self.issuer_name:
                    yield entry, None
                    return
                for other in self._listed():
                    if other.serial_number == serial and _entry_issuer(other) in (None, self.issuer_name):
                        yield other, None
            return
        issuer = self.issuer_name
        for entry in self._listed():
            named = _entry_issuer(entry)
            if named is not None:
                issuer = named  # counts for the entries after it as well (RFC 5280, section 5.3.3)
            if entry.serial_number == serial:
                yield entry, issuer


def _entry_issuer(entry: Any) -> Any:
    try:
        with guard():
            value = entry.extensions.get_extension_for_oid(CRLEntryExtensionOID.CERTIFICATE_ISSUER).value
    except UnreadableError:
        return None
    for name in value:
        if isinstance(name, x509.DirectoryName):
            return normal_name(name.value)
    return None


@dataclass(frozen=True)
class CrlFile:
    """The CRLs of a file, and what in it should be a CRL and cannot be read."""

    views: tuple[CrlView, ...]
    problems: tuple[str, ...]


@lru_cache(maxsize=64)
def _read(data: bytes, path: str) -> CrlFile:
    content = reading.read_content(data)
    blocks = content.of_kind(reading.CRL)
    views = []
    problems = [] if blocks else [f"it is {content.kind}, not a CRL"]
    for block in blocks:
        if block.der is None:
            problems.append(str(block.problem))
            continue
        try:
            view = CrlView(reading.load_crl(block.der), path)
        except UnreadableError as error:
            problems.append(str(error))
            continue
        problems.extend(view.problems)
        if not view.problems:
            views.append(view)
    return CrlFile(tuple(views), tuple(problems))


def read_crls(source: Source) -> CrlFile:
    """Every CRL of a file; never fails. A file that many bundles share is parsed once."""
    return _read(source.data or b"", source.path)
