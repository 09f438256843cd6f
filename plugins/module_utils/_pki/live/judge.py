# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was seen, against what should be there, in words for people."""

from __future__ import annotations

import datetime
import functools
from dataclasses import dataclass, field
from typing import Any

from ..._plain import tls_probe
from ..._plain.tls_probe import Handshake, Probe
from ..crypto import UnreadableError
from ..values import moments
from ..values.certificates import CertificateView, signed_by
from ..values.failures import alone
from ..values.lists import counted
from ..values.moments import iso
from ..values.text import name_text, show
from .chain import NONE, UNKNOWN, issuer_title, sent_chain
from .known import Known
from .matching import match_name
from .targets import Target

MATCHES = "matches"
SELF_SIGNED = "self-signed"
OTHER = "other"
UNREACHABLE = "unreachable"
NOT_TLS = "not-tls"

# Reasons beside those of the probe.
INPUT = "input"
AS_GIVEN = "as-given"
INSTALLATION = "installation"
EARLIER = "earlier"
LATER = "later"
OTHER_SENSOR = "other-sensor"
SAME_KEY = "same-key"
INTERCEPTED = "intercepted"
FOREIGN = "foreign"
NOT_COMPARED = "not-compared"
UNREADABLE = "unreadable"

_OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
_MAX_PROBLEMS = 5
_UPLOAD = "upload the one that was given"


@dataclass
class LiveResult:
    """One target's result; the names are those of the module's documentation."""

    sensor: str
    name: str
    host: str
    port: int
    state: str = UNREACHABLE
    reason: str = ""
    address: str = ""
    common_name: str | None = None
    subject: str | None = None
    issuer: str | None = None
    name_matches: bool | None = None
    not_before: str | None = None
    not_after: str | None = None
    days_left: int | None = None
    fingerprint: str | None = None
    expected_fingerprint: str | None = None
    chain_sent: str = "unknown"
    chain: list[str] | None = None
    tls_version: str | None = None
    without_sni: str | None = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    headline: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As a module returns it."""
        result = dict(vars(self))
        headline = result.pop("headline")
        more = [text for text in [*self.errors, *self.warnings] if text != headline]
        result["message"] = "; ".join([headline, *more])
        return result

    def fail(self, headline: str) -> None:
        """The headline is also an error."""
        self.headline = headline
        self.errors.insert(0, headline)


@dataclass(frozen=True)
class Judge:
    """Judges one target after the other.

    :ivar min_days_left: warn of a certificate that has fewer days left than this.
    """

    known: Known
    moment: datetime.datetime
    min_days_left: int

    def judge(self, target: Target, probe: Probe) -> LiveResult:
        """Say what the target presents, and what that means; never fails, whatever it presents."""
        return alone(lambda: self._judge(target, probe), lambda problem: _unexpected(target, problem))

    def _judge(self, target: Target, probe: Probe) -> LiveResult:
        expected = target.expected.view
        result = LiveResult(target.sensor, target.name, target.host, target.port)
        result.expected_fingerprint = expected.fingerprint if expected else None
        if target.problem:
            result.reason = INPUT
            result.fail(target.problem)
            return result
        answer = self._answer(probe, result)
        result.address = answer.address
        if answer.reason != tls_probe.OK:
            result.reason = answer.reason
            result.state = NOT_TLS if answer.reason in (tls_probe.PLAIN, tls_probe.HANDSHAKE) else UNREACHABLE
            result.fail(answer.detail)
        else:
            self._presented(target, answer, result)
        if target.expected.problem:
            result.errors.append(target.expected.problem)
        return result

    @staticmethod
    def _answer(probe: Probe, result: LiveResult) -> Handshake:
        """The answer that counts: the one with SNI, as browsers ask; the other is compared with it."""
        answer, plain = probe.answer, probe.without_name
        if plain is None:
            return answer
        if plain.reason != tls_probe.OK:
            result.without_sni = plain.reason
            if answer.reason == tls_probe.OK:
                result.warnings.append(f"without SNI, as when people type the address: {plain.detail}")
            return answer
        if answer.reason != tls_probe.OK:
            result.without_sni = "only"
            result.warnings.append(f"it answers without SNI only; asked for the name {result.name}: {answer.detail}")
            return plain
        result.without_sni = "same" if plain.certificates[0] == answer.certificates[0] else "differs"
        if result.without_sni == "differs":
            result.warnings.append(
                "without SNI, as when people type the address, it presents another certificate"
                f" ({_common_name_of(plain.certificates[0])})"
            )
        return answer

    def _presented(self, target: Target, answer: Handshake, result: LiveResult) -> None:
        view = _view(answer.certificates[0])
        result.tls_version = answer.version
        if view is None:
            result.state, result.reason = OTHER, UNREADABLE
            result.fail("presents a certificate that cannot be read")
            return
        result.warnings += [f"of the certificate, {problem}" for problem in view.problems[:_MAX_PROBLEMS]]
        result.common_name = view.common_names[-1] if view.common_names else None
        result.subject, result.issuer = name_text(view.subject), name_text(view.issuer)
        result.fingerprint = view.fingerprint
        self._meaning(target, view, result)
        self._dates(view, result)
        verdict = match_name(view, target.name)
        result.name_matches = verdict.matches
        if not verdict.matches:
            result.errors.append(verdict.note or f"it is not made out for {target.name}, by which people open it")
        elif verdict.note:
            result.warnings.append(verdict.note)
        if self.known.revoked(view):
            result.errors.append("it has been revoked")
        self._chain(target, view, answer, result)
        if answer.version in _OLD_VERSIONS:
            result.warnings.append(f"it offers {answer.version} at best, which browsers refuse")

    def _meaning(self, target: Target, view: CertificateView, result: LiveResult) -> None:
        expected = target.expected.view
        if expected is not None and view.fingerprint == expected.fingerprint:
            result.state, result.reason = MATCHES, AS_GIVEN
            result.headline = "presents the certificate that was given"
            return
        owner = self.known.owner(view)
        if view.self_issued and signed_by(view, view):
            result.state = SELF_SIGNED
            result.reason = INSTALLATION if owner is None else self._of_us(target, view, owner)[0]
            if owner is None:
                what = f"presents a self-signed certificate ({_title(view)}), likely still the one of its installation"
            else:
                what = f"presents a self-signed certificate that was made for {owner}"
            result.fail(f"{what}; {_UPLOAD}" if expected else what)
            return
        result.state = OTHER
        if owner is not None:
            result.reason, words = self._of_us(target, view, owner)
            result.fail(words)
        elif expected is None:
            result.reason = NOT_COMPARED
            result.headline = (
                f"presents a certificate of {_title(view)}, issued by {issuer_title(view)}; "
                "none was given to compare with"
            )
        else:
            result.reason, words = _stranger(target, view, expected)
            result.fail(words)

    def _dates(self, view: CertificateView, result: LiveResult) -> None:
        result.not_before, result.not_after = moments.iso(view.not_before), moments.iso(view.not_after)
        result.days_left = (view.not_after - self.moment) // moments.ONE_DAY
        if view.not_after < self.moment:
            result.errors.append(f"it expired on {iso(view.not_after)}")
        elif view.not_before > self.moment:
            result.errors.append(f"it is not valid before {iso(view.not_before)}")
        elif result.days_left < self.min_days_left:
            result.warnings.append(f"it expires in {counted(result.days_left, 'day')}, on {_day(view.not_after)}")

    @staticmethod
    def _chain(target: Target, view: CertificateView, answer: Handshake, result: LiveResult) -> None:
        if not answer.whole_chain:
            result.chain_sent = UNKNOWN
            return
        above = [each for each in map(_view, answer.certificates[1:]) if each is not None]
        result.chain = [name_text(each.subject) for each in above]
        result.chain_sent, missing = sent_chain(view, above, target.expected.chain)
        if missing is not None:
            what = "no CA certificate" if result.chain_sent == NONE else "not the whole chain"
            result.warnings.append(
                f"it sends {what} with its own: {missing} is missing, and clients that know the root only refuse it; "
                "upload the .pem as well"
            )

    @staticmethod
    def _of_us(target: Target, view: CertificateView, owner: str) -> tuple[str, str]:
        """A certificate that is known by its fingerprint."""
        expected = target.expected.view
        # A common name is one sensor's, by whatever label the target goes.
        same_name = expected is not None and view.common_names == expected.common_names
        if owner != target.sensor and not same_name:
            return OTHER_SENSOR, (
                f"presents the certificate of {owner}: it was uploaded to the wrong sensor, "
                f"or {target.host} leads to {owner}"
            )
        return _by_age(view, expected)


def _unexpected(target: Target, problem: str) -> LiveResult:
    result = LiveResult(target.sensor, target.name, target.host, target.port, state=OTHER, reason=UNREADABLE)
    result.fail(f"what it presents could not be judged: {problem}")
    return result


def _stranger(target: Target, view: CertificateView, expected: CertificateView) -> tuple[str, str]:
    """A certificate that nobody has seen before, from what it says about itself."""
    named = match_name(view, target.name).matches
    if _same_issuer(target, view, expected):
        if named or view.common_names == expected.common_names:
            return _by_age(view, expected)
        return OTHER_SENSOR, (
            f"presents a certificate of {_title(view)} from the same CA: it was uploaded to the wrong sensor, or "
            f"{target.host} leads to another one"
        )
    if view.spki and view.spki == expected.spki:
        return SAME_KEY, f"presents another certificate for the same key, issued by {issuer_title(view)}; {_UPLOAD}"
    if named:
        claim = ", and it only claims to be of the same CA" if view.issuer_name == expected.issuer_name else ""
        return INTERCEPTED, (
            f"presents a certificate for this name from another CA ({issuer_title(view)}){claim}: something on the way "
            "opens TLS connections (a proxy), or another CA's certificate was uploaded"
        )
    return FOREIGN, (
        f"presents a certificate of {_title(view)}, issued by {issuer_title(view)}: another device or service answers "
        f"at {target.host}"
    )


def _by_age(view: CertificateView, expected: CertificateView | None) -> tuple[str, str]:
    """A certificate of this very sensor which is not the expected one."""
    if expected is not None and view.not_before > expected.not_before:
        return LATER, (
            f"presents a later certificate of this sensor (from {_day(view.not_before)}) than the one that was given "
            f"(from {_day(expected.not_before)}): compare with what is staged now"
        )
    advice = f"; {_UPLOAD}" if expected is not None else ""
    return EARLIER, f"still presents an earlier certificate of this sensor (until {_day(view.not_after)}){advice}"


def _same_issuer(target: Target, view: CertificateView, expected: CertificateView) -> bool:
    """Whether the expected certificate's CA issued this one; by the signature if that CA's certificate was given."""
    if view.issuer_name != expected.issuer_name:
        return False
    issuers = [ca for ca in target.expected.chain if ca.subject_name == expected.issuer_name]
    if issuers:
        return any(signed_by(view, issuer) for issuer in issuers)
    return view.authority_key_identifier() == expected.authority_key_identifier()


@functools.lru_cache(maxsize=512)
def _view(der: bytes) -> CertificateView | None:
    """A certificate that was seen; the CA's own is sent by every target, and each target's own twice."""
    try:
        return CertificateView.from_der(der, "presented")
    except UnreadableError:
        return None


def _title(view: CertificateView) -> str:
    return f"CN={show(view.common_names[-1])}" if view.common_names else name_text(view.subject)


def _common_name_of(der: bytes) -> str:
    view = _view(der)
    return _title(view) if view else "which cannot be read"


def _day(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%d")
