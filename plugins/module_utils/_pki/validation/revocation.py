# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists that were given as files (RFC 5280, sections 5 and 6.3).

Complete, delta, indirect and partitioned CRLs. Two questions are kept apart: whether a CRL may be used for
a certificate at all, and what it says of it. "Not usable" is never "revoked", and never "fine" either.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..crypto import UnreadableError, guard, x509
from ..values.certificates import CertificateView
from ..values.moments import iso
from ..values.text import name_text, serial_text
from .crl_scope import scope_problem, speaks_of
from .crl_view import DELTA, SCOPE, CrlView

_WEAK_HASHES = frozenset({"md5", "sha1"})
WEAK_HASH = "weak-hash"


@dataclass(frozen=True)
class Answer:
    """What the CRLs say of one certificate.

    :ivar state: ``good``, ``revoked``, ``expired``, ``signature``, ``unusable`` or ``none`` (no CRL speaks of it).
    :ivar detail: the state told more exactly, where there is more to tell: ``issuer`` (nobody who may sign it is
        known), ``weak-hash``, ``scope``, ``not-yet-valid`` or ``delta-without-base``.
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
        listing: list[tuple[CrlView, Answer]] = []
        usable: list[tuple[CrlView, frozenset[Any] | None]] = []
        for crl in self.crls:
            if not speaks_of(crl, view):
                continue
            objection, reasons = self._object(crl, view, is_ca)
            if objection is None:
                usable.append((crl, reasons))
                continue
            objections.append(objection)
            if objection.revoked is not None:
                listing.append((crl, objection))
        bases = _newest_of_each_scope([(crl, reasons) for crl, reasons in usable if not crl.is_delta])
        deltas = [crl for crl, _reasons in usable if crl.is_delta]
        covered: set[Any] | None = set()
        known = []
        for crl, reasons in bases:
            delta = _newest_delta(crl, deltas)
            answer = _look_up(crl, delta, view)
            if answer is not None:
                return answer
            covered = None if reasons is None or covered is None else covered | reasons
            known += [crl] if delta is None else [crl, delta]
        # What builds on a base that is not here, is out of date or badly signed proves nothing by its silence. What it
        # lists is revoked all the same, unless something newer and sound is here.
        for delta in deltas:
            answer = None if _superseded(delta, known) else _look_up(delta, None, view)
            if answer is not None:
                return answer
        for crl, objection in listing:
            if (crl.is_delta or known) and not _superseded(crl, known):
                expired_delta = crl.is_delta and objection.state == "expired"
                return (_look_up(crl, None, view) if expired_delta else None) or objection
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
        scope, reasons = scope_problem(crl, view, is_ca)
        if scope is not None:
            return Answer("unusable", f"the CRL {path} does not cover {view.title}: {scope}", path, "scope"), None
        objection = signature_objection(crl, self.find_signers(crl, view)) if self.check_signatures else None
        objection = objection or time_objection(crl, self.at)
        if objection is None:
            return None, reasons
        listed = _look_up(crl, None, view) if objection.state == "expired" or objection.detail == WEAK_HASH else None
        if listed is None:
            return objection, None
        text = f"{objection.message}; it lists {view.title} as revoked"
        return dataclasses.replace(objection, message=text, revoked=listed.revoked, reason=listed.reason), None


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
        scope = crl.value(SCOPE)
        if not any(crl.issuer_name == kept.issuer_name and kept.value(SCOPE) == scope for kept, _reasons in newest):
            newest.append((crl, reasons))
    return newest


def _superseded(crl: CrlView, known: Sequence[CrlView]) -> bool:
    """Whether a CRL is at hand that is at least as new, of the same issuer and scope: by number, else by date."""
    of_a_kind = [one for one in known if one.issuer_name == crl.issuer_name and one.value(SCOPE) == crl.value(SCOPE)]
    if crl.is_delta:
        number = crl.number
        return number is not None and any(one.number is not None and one.number >= number for one in of_a_kind)
    return any(_age(one) >= _age(crl) for one in of_a_kind)


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
        return Answer("signature", text, crl.source, WEAK_HASH)
    path = crl.source
    fitting = [signer for signer in signers if not crl.names_another_key(signer)]
    if any(crl.signed_by(signer) for signer in fitting):
        return None
    if signers and not fitting:
        text = f"the CRL {path} says that another key of {name_text(crl.issuer)} signed it (authorityKeyIdentifier)"
        return Answer("signature", text, path)
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


def _newest_delta(base: CrlView, deltas: Sequence[CrlView]) -> CrlView | None:
    """The newest delta that builds on a base (RFC 5280, section 5.2.4)."""
    fitting = [
        delta
        for delta in deltas
        if delta.issuer_name == base.issuer_name
        and delta.value(SCOPE) == base.value(SCOPE)
        and base.number is not None
        and delta.number is not None
        and delta.value(DELTA).crl_number <= base.number < delta.number
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
