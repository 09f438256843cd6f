# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists that were given as files (RFC 5280, sections 5 and 6.3).

Complete, delta, indirect and partitioned CRLs. Two questions are kept apart: whether a CRL may be used for
a certificate at all, and what it says of it. "Not usable" is never "revoked", and never "fine" either.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..crypto import CRLEntryExtensionOID, UnreadableError, guard, quiet, x509
from ..values import reading
from ..values.certificates import CertificateView
from ..values.moments import iso
from ..values.oids import extension_name
from ..values.signatures import verify_signature
from ..values.text import name_text, normal_name, serial_text
from .model import Source

_NUMBER, _DELTA, _SCOPE, _AKI = "2.5.29.20", "2.5.29.27", "2.5.29.28", "2.5.29.35"
_POINTS = "2.5.29.31"
# What may be critical, as OpenSSL sees it: anything else makes the whole CRL unusable (RFC 5280, section 5.2 and 5.3).
_UNDERSTOOD = frozenset({_DELTA, _SCOPE, _AKI})
_CERTIFICATE_ISSUER = "2.5.29.29"
_ENTRY_NAMES = {
    _NUMBER: "cRLNumber",
    "2.5.29.21": "reasonCode",
    "2.5.29.23": "holdInstructionCode",
    "2.5.29.24": "invalidityDate",
}
_CRITICAL = b"\x01\x01\xff"  # how DER says that an extension is
_WEAK_HASHES = frozenset({"md5", "sha1"})

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
        return _DELTA in self.extensions

    @property
    def number(self) -> int | None:
        """The CRL number, or None."""
        value = self.value(_NUMBER)
        return None if value is None else value.crl_number

    def signed_by(self, signer: CertificateView) -> bool:
        """Whether a certificate's key signed it; asked once for each key, since hashing 10 MB takes its time."""
        if signer.fingerprint not in self._signatures:
            self._signatures[signer.fingerprint] = self._verify(signer)
        return self._signatures[signer.fingerprint]

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
        scope = self.value(_SCOPE)
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


@dataclass(frozen=True)
class Answer:
    """What the CRLs say of one certificate.

    :ivar state: ``good``, ``revoked``, ``expired``, ``signature``, ``unusable`` or ``none`` (no CRL speaks of it).
    :ivar detail: the state told more exactly, where there is more to tell: ``issuer`` (nobody who may sign it is
        known), ``scope``, ``not-yet-valid`` or ``delta-without-base``.
    :ivar revoked: when the certificate was revoked, if it was, and ``reason``: why (RFC 5280, section 5.3.1).
    """

    state: str
    message: str = ""
    source: str | None = None
    detail: str | None = None
    revoked: datetime.datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Revocation:
    """All that is needed to ask CRLs about certificates.

    :ivar find_signers: certificates that may sign CRLs under a name, trusted, for the certificate's issuer.
    :ivar check_signatures: False where the issuer's certificate is not at hand.
    """

    crls: Sequence[CrlView]
    at: datetime.datetime
    find_signers: Callable[[CrlView, CertificateView], list[CertificateView]]
    check_signatures: bool = True

    def ask(self, view: CertificateView, is_ca: bool) -> Answer:
        """What the CRLs say of a certificate; a usable CRL outweighs any number that are not."""
        objections: list[Answer] = []
        out_of_date: list[tuple[CrlView, Answer]] = []
        usable: list[tuple[CrlView, frozenset[Any] | None]] = []
        for crl in self.crls:
            if not _speaks_of(crl, view):
                continue
            objection, reasons = self._object(crl, view, is_ca)
            if objection is None:
                usable.append((crl, reasons))
                continue
            objections.append(objection)
            if objection.state == "expired":
                out_of_date.append((crl, objection))
        bases = _newest_of_each_scope([(crl, reasons) for crl, reasons in usable if not crl.is_delta])
        deltas = [crl for crl, _reasons in usable if crl.is_delta]
        covered: set[Any] | None = set()
        for crl, reasons in bases:
            answer = _look_up(crl, _newest_delta(crl, deltas), view)
            if answer is not None:
                return answer
            covered = None if reasons is None or covered is None else covered | reasons
        known = [crl for crl, _reasons in bases]
        for delta in [*deltas, *(crl for crl, _objection in out_of_date if crl.is_delta)]:
            # What builds on a base that is not here, or is out of date, proves nothing by its silence. What it lists
            # is revoked all the same, unless a newer complete CRL is here.
            answer = None if _superseded(delta, known) else _look_up(delta, None, view)
            if answer is not None:
                return answer
        if covered is None:
            return Answer("good")
        if covered:
            missing = sorted(reason.name for reason in x509.ReasonFlags if reason not in covered | _no_reasons())
            if not missing:
                return Answer("good")
            return Answer("unusable", f"the CRLs for {view.title} do not cover the reasons {', '.join(missing)}")
        if deltas and not bases:
            text = f"the delta CRL {deltas[0].source} is of no use without its base CRL"
            objections.append(Answer("unusable", text, deltas[0].source, "delta-without-base"))
        return _gravest(objections) or Answer(
            "none", f"no CRL of the issuer of {view.title} ({name_text(view.issuer)}) is among those given"
        )

    def _object(self, crl: CrlView, view: CertificateView, is_ca: bool) -> tuple[Answer | None, frozenset[Any] | None]:
        """Why a CRL may not be used for a certificate (or None), and the reasons it covers (None: all)."""
        path = crl.source
        scope, reasons = _scope_problem(crl, view, is_ca)
        if scope is not None:
            return Answer("unusable", f"the CRL {path} does not cover {view.title}: {scope}", path, "scope"), None
        objection = signature_objection(crl, self.find_signers(crl, view)) if self.check_signatures else None
        objection = objection or time_objection(crl, self.at)
        if objection is None:
            return None, reasons
        listed = _look_up(crl, None, view) if objection.state == "expired" else None
        if listed is not None and listed.state == "revoked":
            text = f"{objection.message}; it lists {view.title} as revoked"
            return Answer("expired", text, path, revoked=listed.revoked, reason=listed.reason), None
        return objection, None


def _gravest(objections: Sequence[Answer]) -> Answer | None:
    """The objection that says most; one by a CRL that lists the certificate before others."""
    for state in ("expired", "signature", "unusable"):
        for answer in sorted(objections, key=lambda objection: objection.revoked is None):
            if answer.state == state:
                return answer
    return None


def _age(crl: CrlView) -> tuple[Any, int]:
    """For comparison: the greater, the newer (RFC 5280, section 5.2.3: numbers only ever grow)."""
    earliest = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc)
    return crl.this_update or earliest, crl.number or 0


def _newest_of_each_scope(
    crls: Sequence[tuple[CrlView, frozenset[Any] | None]],
) -> list[tuple[CrlView, frozenset[Any] | None]]:
    """Without the CRLs for which there is a newer one of the same issuer and scope: that one counts alone."""
    newest: list[tuple[CrlView, frozenset[Any] | None]] = []
    for crl, reasons in sorted(crls, key=lambda entry: _age(entry[0]), reverse=True):
        scope = crl.value(_SCOPE)
        if not any(crl.issuer_name == kept.issuer_name and kept.value(_SCOPE) == scope for kept, _reasons in newest):
            newest.append((crl, reasons))
    return newest


def _superseded(delta: CrlView, bases: Sequence[CrlView]) -> bool:
    """Whether a complete CRL is at hand that is at least as new as a delta."""
    return any(
        base.issuer_name == delta.issuer_name
        and base.value(_SCOPE) == delta.value(_SCOPE)
        and base.number is not None
        and delta.number is not None
        and base.number >= delta.number
        for base in bases
    )


def _no_reasons() -> set[Any]:
    """What a CRL need not cover: these are no reasons to revoke."""
    return {x509.ReasonFlags.unspecified, x509.ReasonFlags.remove_from_crl}


def may_sign_crls(view: CertificateView) -> bool:
    """Whether a certificate's keyUsage lets its key sign CRLs (RFC 5280, section 4.2.1.3)."""
    usage = view.value("2.5.29.15")
    return usage is None or bool(usage.crl_sign)


def signature_objection(crl: CrlView, signers: Sequence[CertificateView]) -> Answer | None:
    """Why a CRL's signature does not count, or None.

    :param signers: the certificates that may sign it.
    """
    weak = _weak_hash(crl)
    if weak is not None:
        text = f"the CRL {crl.source} is signed with {weak.upper()}, which can be forged"
        return Answer("signature", text, crl.source)
    if any(crl.signed_by(signer) for signer in signers):
        return None
    path = crl.source
    if not signers:
        text = f"the CRL {path} cannot be checked: no certificate of {name_text(crl.issuer)} may sign CRLs here"
        return Answer("signature", text, path, "issuer")
    return Answer("signature", f"the CRL {path} was not signed by {name_text(crl.issuer)}, or was altered", path)


def _weak_hash(crl: CrlView) -> str | None:
    try:
        with guard():
            digest = crl.crl.signature_hash_algorithm
    except UnreadableError:
        return None  # then nobody can check it either
    return digest.name if digest is not None and digest.name in _WEAK_HASHES else None


def time_objection(crl: CrlView, at: datetime.datetime) -> Answer | None:
    """Why a CRL is not in force at a moment, or None."""
    path = crl.source
    if crl.this_update is not None and crl.this_update > at:
        text = f"the CRL {path} is not in force before {iso(crl.this_update)}"
        return Answer("unusable", text, path, "not-yet-valid")
    if crl.next_update is not None and crl.next_update < at:
        return Answer("expired", f"the CRL {path} expired on {iso(crl.next_update)}", path)
    return None


def _points(view: CertificateView) -> list[Any]:
    value = view.value(_POINTS)
    return [] if value is None else list(value)


def _speaks_of(crl: CrlView, view: CertificateView) -> bool:
    """Whether a CRL is by the certificate's issuer, or by one to whom the certificate delegates."""
    if crl.issuer_name == view.issuer_name:
        return True
    scope = crl.value(_SCOPE)
    if scope is None or not scope.indirect_crl:
        return False
    return any(
        isinstance(name, x509.DirectoryName) and normal_name(name.value) == crl.issuer_name
        for point in _points(view)
        for name in point.crl_issuer or []
    )


def _full_names(point: Any, issuer: x509.Name) -> list[Any]:
    """The names of a distribution point; a relative one is completed with the CRL issuer's."""
    if point.full_name:
        return [
            ("directory", normal_name(name.value)) if isinstance(name, x509.DirectoryName) else (type(name), name.value)
            for name in point.full_name
        ]
    if point.relative_name is not None:
        return [("directory", normal_name(x509.Name([*issuer.rdns, point.relative_name])))]
    return []


def _scope_problem(crl: CrlView, view: CertificateView, is_ca: bool) -> tuple[str | None, frozenset[Any] | None]:
    """Why a CRL's scope excludes a certificate (or None), and the reasons it covers (None: all)."""
    scope = crl.value(_SCOPE)
    if scope is None:
        return None, None
    if scope.only_contains_attribute_certs:
        return "it only holds attribute certificates", None
    if scope.only_contains_user_certs and is_ca:
        return "it only holds end entities' certificates", None
    if scope.only_contains_ca_certs and not is_ca:
        return "it only holds CA certificates", None
    reasons: frozenset[Any] | None = scope.only_some_reasons
    names = _full_names(scope, crl.issuer)
    if names:
        for point in _points(view):
            if not _serves(crl, point, view):
                continue
            issuer = _point_issuer(point) or view.issuer
            wanted = _full_names(point, issuer)
            if not wanted and point.crl_issuer:
                wanted = [
                    ("directory", normal_name(name.value))
                    for name in point.crl_issuer
                    if isinstance(name, x509.DirectoryName)
                ]
            if any(name in names for name in wanted):
                if point.reasons is not None:
                    reasons = point.reasons if reasons is None else reasons & point.reasons
                return None, reasons
        return "it belongs to another distribution point than the certificate names", None
    return None, reasons


def _serves(crl: CrlView, point: Any, view: CertificateView) -> bool:
    """Whether a CRL is by whom a distribution point says (RFC 5280, section 6.3.3, step b.1)."""
    if not point.crl_issuer:
        return crl.issuer_name == view.issuer_name
    scope = crl.value(_SCOPE)
    delegates = [normal_name(name.value) for name in point.crl_issuer if isinstance(name, x509.DirectoryName)]
    return bool(crl.issuer_name in delegates and scope is not None and scope.indirect_crl)


def _point_issuer(point: Any) -> x509.Name | None:
    for name in point.crl_issuer or []:
        if isinstance(name, x509.DirectoryName):
            return name.value
    return None


def _newest_delta(base: CrlView, deltas: Sequence[CrlView]) -> CrlView | None:
    """The newest delta that builds on a base (RFC 5280, section 5.2.4)."""
    fitting = [
        delta
        for delta in deltas
        if delta.issuer_name == base.issuer_name
        and delta.value(_SCOPE) == base.value(_SCOPE)
        and base.number is not None
        and delta.number is not None
        and delta.value(_DELTA).crl_number <= base.number < delta.number
    ]
    return max(fitting, key=lambda delta: delta.number or 0, default=None)


def _look_up(crl: CrlView, delta: CrlView | None, view: CertificateView) -> Answer | None:
    """What a usable CRL and its delta list of a certificate (revoked, or an entry not understood); None if nothing."""
    for listing in (delta, crl):
        if listing is None:
            continue
        for entry, issuer in listing.entries(view.serial):
            if issuer is not None and issuer != view.issuer_name:
                continue
            reason = _reason(entry)
            if reason == "removeFromCRL":
                return None  # lifted again by the delta
            return Answer(
                "revoked",
                f"{view.title} (serial number {serial_text(view.serial)}) was revoked on "
                f"{iso(entry.revocation_date_utc)}{f', reason {reason}' if reason else ''}, "
                f"says the CRL {listing.source}",
                listing.source,
                revoked=entry.revocation_date_utc,
                reason=reason,
            )
    return None


def _reason(entry: Any) -> str | None:
    """The reason of an entry; None if it names none that can be read."""
    try:
        with guard():
            reasons = [one.value.reason.value for one in entry.extensions if isinstance(one.value, x509.CRLReason)]
    except UnreadableError:
        return None
    return reasons[0] if reasons else None
