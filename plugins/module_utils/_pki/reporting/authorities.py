# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CAs that a fleet depends on, and the CRLs that were published: read from files, without a key."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..._plain.errors import PkiError
from ..._plain.files import read_file, why
from ..._plain.texts import harmless
from ..crypto import UnreadableError, guard, x509
from ..values import moments, reading
from ..values import text as texts
from ..values.certificates import CertificateView, read_certificates
from ..values.limits import MAX_CRL_BYTES
from ..values.text import name_text, normal_name
from .facts import AuthorityRow, CrlRow

CURRENT, DUE, EXPIRED, UNREADABLE = "current", "due", "expired", "unreadable"
_SUFFIXES = (".crl", ".crl.pem")


@dataclass
class Authorities:
    """Collects the CA certificates of chains and of the CA's folder, each once."""

    moment: datetime.datetime
    _views: dict[str, CertificateView] = field(default_factory=dict)
    _paths: dict[str, str] = field(default_factory=dict)
    _ends: dict[str, list[datetime.datetime]] = field(default_factory=dict)

    def of_sensor(self, chain: Iterable[CertificateView], path: str, end: datetime.datetime) -> None:
        """The chain of a sensor whose certificate ends then."""
        for view in chain:
            self._add(view, path)
            self._ends[view.fingerprint].append(end)

    def _add(self, view: CertificateView, path: str) -> None:
        self._views.setdefault(view.fingerprint, view)
        self._paths.setdefault(view.fingerprint, path)
        self._ends.setdefault(view.fingerprint, [])

    def of_folder(self, ca_dir: str | None, problems: list[str]) -> None:
        """The certificates in the folder of the embedded CA, if there is one."""
        for name in ("issuing.crt", "root.crt") if ca_dir else ():
            path = os.path.join(str(ca_dir), name)
            if not os.path.lexists(path):
                continue
            try:
                found = read_certificates(read_file(path), path)
            except PkiError as error:
                problems.append(harmless(error))
                continue
            for view in found.views[:1]:
                self._paths[view.fingerprint] = path  # of all places this is the one to trust
                self._add(view, path)
            told = found.problems or (() if found.views else (f"it is {found.content.kind}, not a certificate",))
            problems.extend(harmless(f"{path}: {text}") for text in told)

    def rows(self) -> tuple[AuthorityRow, ...]:
        """One row for each, the one that ends first at the head."""
        found = [self._row(view) for view in self._views.values()]
        return tuple(sorted(found, key=lambda row: (row.not_after, row.subject)))

    def _row(self, view: CertificateView) -> AuthorityRow:
        ends = self._ends[view.fingerprint]
        return AuthorityRow(
            subject=harmless(name_text(view.subject)),
            common_name=harmless(view.title),
            issuer=harmless(name_text(view.issuer)),
            issuer_common_name=common_name_of(view.issuer),
            serial=texts.serial_text(view.serial),
            fingerprint=view.fingerprint,
            not_before=moments.iso(view.not_before),
            not_after=moments.iso(view.not_after),
            days_left=(view.not_after - self.moment).days,
            expired=view.not_after < self.moment,
            key_bits=getattr(view.public_key, "key_size", None),
            root=view.self_issued,
            path=harmless(self._paths[view.fingerprint]),
            sensors=len(ends),
            ends_first=sum(end > view.not_after for end in ends),
        )


def common_name_of(name: x509.Name) -> str:
    """The last common name of a distinguished name, or the whole of it."""
    text = name_text(name)
    found = [part[3:] for part in text.split(", ") if part.startswith("CN=")]
    return harmless(found[-1] if found else text)


@dataclass
class Published:
    """The CRLs in a folder, and which certificates they speak for."""

    rows: tuple[CrlRow, ...] = ()
    _by_issuer: dict[tuple[object, bytes | None], CrlRow] = field(default_factory=dict)
    _revoked: dict[tuple[object, bytes | None], frozenset[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | None, moment: datetime.datetime, problems: list[str]) -> Published:
        """The CRLs of a folder; DER and PEM of the same name are one."""
        found = cls()
        rows = []
        for path in _crl_files(folder, problems):
            try:
                rows.append(found._one(path, read_file(path, MAX_CRL_BYTES), moment))
            except (PkiError, ValueError) as error:
                rows.append(CrlRow(harmless(path), UNREADABLE, problem=harmless(error, 300)))
                problems.append(harmless(f"{path} cannot be read as a CRL: {error}", 400))
        found.rows = tuple(rows)
        return found

    def _one(self, path: str, data: bytes, moment: datetime.datetime) -> CrlRow:
        blocks = reading.read_content(data).of_kind(reading.CRL)
        crl = reading.load_crl(blocks[0].der or b"" if blocks else data)
        with guard("the CRL"):
            row = _crl_row(crl, path, moment)
            key = _crl_key(crl)
            kept = self._by_issuer.get(key)
            if kept is None or (row.number or 0) >= (kept.number or 0):
                self._by_issuer[key] = row
                self._revoked[key] = frozenset(entry.serial_number for entry in crl)
        return row

    def state_of(self, view: CertificateView, url: str | None) -> tuple[str, str | None]:
        """What the CRLs say of a certificate: a state, and as of when.

        ``none``: it names no CRL. ``unknown``: no CRL of its issuer is in the folder. ``revoked``, or the CRL's state.
        """
        row, revoked = None, frozenset[int]()
        for mark in (view.authority_key_identifier(), None):
            key = (view.issuer_name, mark)
            if key in self._by_issuer:
                row, revoked = self._by_issuer[key], self._revoked[key]
                break
        if row is not None and view.serial in revoked:
            return "revoked", row.this_update
        if url is None:
            return "none", None
        return ("unknown", None) if row is None else (row.state, row.this_update)


def _crl_key(crl: x509.CertificateRevocationList) -> tuple[object, bytes | None]:
    try:
        mark = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        mark = None
    return normal_name(crl.issuer), mark


def _crl_files(folder: str | None, problems: list[str]) -> list[str]:
    if not folder or not os.path.lexists(folder):
        return []
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        problems.append(harmless(f"{folder} cannot be read: {why(error)}"))
        return []
    fit = [name for name in names if not name.startswith(".") and not name.endswith(".pem")]
    # Publishing puts the PEM beside the DER; one that stands alone was put there by hand.
    fit += [name for name in names if name.endswith(".crl.pem") and name[:-4] not in names]
    paths = [os.path.join(folder, name) for name in fit]
    return [path for path in paths if os.path.isfile(path)]


def _crl_row(crl: x509.CertificateRevocationList, path: str, moment: datetime.datetime) -> CrlRow:
    start, end = crl.last_update_utc, crl.next_update_utc
    state = CURRENT
    if end is not None:
        state = EXPIRED if end < moment else DUE if moment >= end - (end - start) / 3 else CURRENT
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except (x509.ExtensionNotFound, UnreadableError):
        number = None
    return CrlRow(
        path=harmless(path),
        state=state,
        issuer=harmless(name_text(crl.issuer)),
        issuer_common_name=common_name_of(crl.issuer),
        number=number,
        this_update=moments.iso(start),
        next_update=moments.iso(end) if end is not None else None,
        days_left=(end - moment).days if end is not None else None,
        entries=len(crl),
    )


def chain_texts(views: Sequence[CertificateView]) -> tuple[tuple[str, ...], str | None]:
    """A chain as titles, and the first end in it."""
    first = min((view.not_after for view in views), default=None)
    return tuple(harmless(view.title) for view in views), moments.iso(first) if first is not None else None
