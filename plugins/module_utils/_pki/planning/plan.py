# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep, obtain or wait, and why: what a sensor has, held against what is asked for it. Pure: no file, no clock.

A certificate is judged by what it *is*; what differs from the wish counts only if it was not what the issuer was
asked for. An issuer that drops or clamps a field is not asked again on each run.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..._plain.errors import KeyReadError, PassphraseError
from ..crypto import ec, rsa, x509
from ..profiles.base import RSA
from ..values import moments
from ..values import x509_parts as parts
from ..values.certificates import CertificateView, read_certificates
from ..values.keys import is_encrypted, load_private_key, public_key_id, public_numbers_fit
from ..values.reading import ENCRYPTED_KEY, read_content
from .due import Renewal, is_due, renewal_time
from .request import SensorRequest
from .terms import Terms

KEEP, OBTAIN, WAIT = "keep", "obtain", "wait"

Change = tuple[str, str, str]


class HeldBundle(Protocol):
    """A bundle as it was read (the state room's :class:`Bundle` is one)."""

    @property
    def crt(self) -> bytes:
        """The certificate, PEM."""

    @property
    def key(self) -> bytes:
        """The private key, PEM."""

    @property
    def pem(self) -> bytes:
        """The chain, PEM."""


@dataclass(frozen=True)
class Existing:
    """A bundle whose certificate can be read."""

    bundle: Any
    view: CertificateView

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate."""
        return self.view.certificate


@dataclass(frozen=True)
class Plan:
    """What is to be done for one sensor.

    :ivar existing: what the sensor has, if its certificate can be read; with :data:`KEEP` it stays.
    :ivar visible: false for a bundle that an earlier run completed but did not get to stage.
    :ivar changes: the differing fields as (field, before, after).
    :ivar taken_from: the sensor that left the inventory and whose bundle this is.
    :ivar asked: its certificate was asked for in an earlier run and has not been taken yet.
    """

    request: SensorRequest
    action: str
    reasons: tuple[str, ...] = ()
    existing: Existing | None = None
    visible: bool = False
    changes: tuple[Change, ...] = ()
    taken_from: str | None = None
    asked: bool = False


@dataclass(frozen=True)
class Held:
    """What a sensor has.

    :ivar visible: the bundle that people see, or None.
    :ivar fault: why there is a bundle that cannot be judged (incomplete); it is replaced.
    :ivar pending: complete bundles that were never shown, newest first.
    """

    visible: HeldBundle | None = None
    fault: str | None = None
    pending: Iterable[HeldBundle] = ()


@dataclass(frozen=True)
class Yardstick:
    """What a sensor is held against.

    :ivar terms: of its issuer.
    :ivar foreign: why a bundle is not its issuer's own, in words; empty: it is.
    :ivar revoked: reason and time of a certificate's revocation, or None.
    :ivar asked: what was asked for when a certificate was obtained, as :func:`asked_for` said it; empty: not known.
    """

    terms: Terms
    moment: datetime.datetime
    foreign: Callable[[Existing], Sequence[str]]
    revoked: Callable[[Existing], str | None] = lambda _existing: None
    asked: Callable[[x509.Certificate], Mapping[str, Any]] = lambda _certificate: {}


@dataclass(frozen=True)
class _Verdict:
    existing: Existing | None
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = field(default=())


def make_plan(request: SensorRequest, held: Held, yardstick: Yardstick) -> Plan:
    """Look at the visible bundle, then at complete ones that were never shown."""
    found = _Verdict(None, ("missing",))
    if held.fault is not None:
        found = _Verdict(None, (f"unreadable: {held.fault}",))
    elif held.visible is not None:
        found = _judge(request, held.visible, yardstick)
    if request.reissue:
        return Plan(request, OBTAIN, ("asked for anew (sensor_certificates_reissue)",), found.existing)
    if not found.reasons:
        return Plan(request, KEEP, existing=found.existing, visible=True)
    for bundle in held.pending:
        verdict = _judge(request, bundle, yardstick)
        if not verdict.reasons:
            return Plan(request, KEEP, existing=verdict.existing)
    return Plan(request, OBTAIN, found.reasons, found.existing, changes=found.changes)


def asked_for(request: SensorRequest) -> dict[str, Any]:
    """What an issuer is asked for, as plain data for the record, and to be compared with later wishes."""
    return {
        "subject": [list(pair) for pair in subject_fields(request)],
        "sans": wanted_names(request),
        "key_size": request.key_size,
    }


def subject_fields(request: SensorRequest) -> list[tuple[str, str]]:
    """The subject in the profile's order, the CN in its place."""
    order = request.profile.subject_order
    return sorted([*request.subject, ("CN", request.common_name)], key=lambda field: order.index(field[0]))


def _judge(request: SensorRequest, bundle: HeldBundle, yardstick: Yardstick) -> _Verdict:
    found = read_certificates(bundle.crt, "")
    if not found.views:
        problem = found.problems[0] if found.problems else f"it is {found.content.kind}"
        return _Verdict(None, (f"unreadable: the staged .crt: {problem}",))
    view = found.views[0]
    existing = Existing(bundle, view)
    if view.problems:
        return _Verdict(existing, (f"unreadable: the staged .crt: {view.problems[0]}",))
    public_key = view.public_key
    if view.key_problem is not None:
        return _Verdict(existing, (f"unreadable: the staged .crt: its key: {view.key_problem}",))
    kind = request.profile.key_type
    if not isinstance(public_key, rsa.RSAPublicKey if kind == RSA else ec.EllipticCurvePublicKey):
        return _Verdict(existing, (f"key type: not {kind.upper()}",))
    changes = _field_changes(request, view, public_key, yardstick)
    reasons = [text for text, _change in changes]
    reasons += _key_reasons(request, bundle, public_key)
    reasons += yardstick.foreign(existing)
    revoked = yardstick.revoked(existing)
    if revoked is not None:
        reasons.append(f"revoked: {revoked}")
    reasons += _time_reasons(request, view, yardstick)
    return _Verdict(existing, tuple(reasons), tuple(change for _text, change in changes))


def _field_changes(
    request: SensorRequest,
    view: CertificateView,
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    yardstick: Yardstick,
) -> list[tuple[str, Change]]:
    """Each field that was asked for and differs: the reason's text, and (field, before, after)."""
    terms = yardstick.terms
    found = subject_changes(request, view)
    sans_before, sans_after = alternative_names(view), wanted_names(request)
    if sans_before != sans_after:
        texts = ", ".join(sans_before) or "none", ", ".join(sans_after)
        found.append((f"SAN differs: {texts[0]} -> {texts[1]}", ("SAN", *texts)))
    if public_key.key_size != request.key_size:
        sizes = str(public_key.key_size), str(request.key_size)
        found.append((f"key size: {sizes[0]} -> {sizes[1]}", ("key size", *sizes)))
    if terms.exact:
        url_before = parts.crl_url(view.certificate)
        if url_before != terms.crl_url:
            urls = url_before or "none", terms.crl_url or "none"
            found.append((f"CRL URL differs: {urls[0]} -> {urls[1]}", ("CRL URL", *urls)))
        if not _usable(view, request.profile.template.extended_key_usages):
            found.append(("usage differs: not a server certificate of our making", ("usage", "other", "sensor")))
        return found
    return _not_accepted_before(request, view, found, yardstick)


def subject_changes(request: SensorRequest, view: CertificateView) -> list[tuple[str, Change]]:
    """Where a certificate's subject differs from the wish: the sentence, and (field, what it has, what is wanted)."""
    found: list[tuple[str, Change]] = []
    have, want = view.subject_pairs, subject_fields(request)
    if have == want:
        return found
    for short in dict.fromkeys([*(key for key, _value in want), *(key for key, _value in have)]):
        before = " + ".join(value for key, value in have if key == short) or "none"
        after = " + ".join(value for key, value in want if key == short) or "none"
        if before != after:
            found.append((f"subject differs: {short}: {before} -> {after}", (f"subject {short}", before, after)))
    if not found:
        before, after = (", ".join(key for key, _value in fields) for fields in (have, want))
        found.append((f"subject order differs: {before} -> {after}", ("subject order", before, after)))
    return found


def _not_accepted_before(
    request: SensorRequest, view: CertificateView, found: list[tuple[str, Change]], yardstick: Yardstick
) -> list[tuple[str, Change]]:
    """What differs and was not the same wish already: the issuer answered that one, and gave what it gives."""
    if not found:
        return found
    before = yardstick.asked(view.certificate)
    now = asked_for(request)
    same = {key for key, value in now.items() if before.get(key) == value}
    by_field = {"subject": "subject", "SAN": "sans", "key size": "key_size"}
    left = []
    for text, change in found:
        key = by_field.get(change[0]) or by_field.get(change[0].partition(" ")[0])
        if key not in same and (key in before or change[0] == "subject CN"):
            left.append((text, change))
    return left


def wanted_names(request: SensorRequest) -> list[str]:
    """The alternative names that are wanted, sorted: ``DNS:name``, ``IP:address``."""
    return sorted(
        [f"DNS:{name.lower()}" for name in request.dns_names] + [f"IP:{address}" for address in request.ip_addresses]
    )


def alternative_names(view: CertificateView) -> list[str]:
    """The alternative names that a certificate has, in the same form."""
    value = view.value("2.5.29.17")
    if value is None:
        return []
    names = [f"DNS:{name.value.lower()}" for name in value if isinstance(name, x509.DNSName)]
    names += [f"IP:{name.value}" for name in value if isinstance(name, x509.IPAddress)]
    others = [name for name in value if not isinstance(name, (x509.DNSName, x509.IPAddress))]
    return sorted(names + [f"other:{type(name).__name__}" for name in others])


def _usable(view: CertificateView, usages: Sequence[str]) -> bool:
    """Whether it is no CA's, and may be what our own would be (a server's, mostly)."""
    constraints, usage = view.value("2.5.29.19"), view.value("2.5.29.37")
    if constraints is None or usage is None:
        return False
    return not constraints.ca and set(usages) <= {purpose.dotted_string for purpose in usage}


def _key_reasons(
    request: SensorRequest, bundle: HeldBundle, public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> list[str]:
    data = bundle.key
    encrypted = is_encrypted(data) or read_content(data).kind == ENCRYPTED_KEY
    if encrypted and not request.key_passphrase:
        return ["key passphrase: the key has one -> none"]
    try:
        key = load_private_key(data, request.key_passphrase.encode() if request.key_passphrase and encrypted else None)
    except PassphraseError:
        return ["key passphrase: the key has another one"]
    except KeyReadError as error:
        return [f"unreadable: the staged .key: {error}"]
    if public_key_id(key.public_key()) != public_key_id(public_key):
        return ["key does not match"]
    if isinstance(key, rsa.RSAPrivateKey) and not public_numbers_fit(key):
        return ["key is damaged: its numbers do not fit each other"]
    if request.key_passphrase and not encrypted:
        return ["key passphrase: none -> the given one"]
    return []


def _time_reasons(request: SensorRequest, view: CertificateView, yardstick: Yardstick) -> list[str]:
    moment, start, end = yardstick.moment, view.not_before, view.not_after
    possible_end = yardstick.terms.validity(request.validity_days, moment).not_after
    if moment > end:
        return [f"due: expired on {moments.iso(end)}"]
    if start > moment + moments.ONE_DAY:
        return [f"not yet valid: starts on {moments.iso(start)}"]
    renewal = renewal_of(request)
    if is_due(moment, start, end, renewal, possible_end):
        return [f"due: since {moments.iso(renewal_time(start, end, renewal))}, expires on {moments.iso(end)}"]
    return []


def renewal_of(request: SensorRequest) -> Renewal:
    """What a sensor's request says of its renewal."""
    return Renewal(request.renew_before_days, request.renew_spread_days, request.name)
