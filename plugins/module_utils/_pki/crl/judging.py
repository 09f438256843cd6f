# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge what was fetched from CRL distribution points: is it a CRL, may it be used, what does it say.

A CRL is read, and its signature checked, once for all certificates that name its URL; the rules themselves
are those of :mod:`..validation.revocation`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..._plain import fetching
from ..crypto import x509
from ..validation.crl_view import CrlView, read_crls
from ..validation.model import Source
from ..validation.revocation import Answer, Revocation, may_sign_crls, signature_objection, time_objection
from ..values import moments, names
from ..values.certificates import CertificateView, read_own_certificates, read_shared_certificates
from ..values.certificates import signed_by as certificate_signed_by
from ..values.failures import alone
from ..values.limits import MAX_URLS
from ..values.lists import counted
from ..values.text import name_text, show
from .verdicts import NO_URL, OK, REVOKED, CertificateVerdict, Verdict

_POINTS = "2.5.29.31"
_FROM_FETCHING = {fetching.INCOMPLETE: "not-a-crl"}
MAX_CHAIN = 10


@dataclass(frozen=True)
class Case:
    """A certificate whose distribution points are to be judged, or URLs alone.

    :ivar leaf: None for URLs alone, or if ``problem`` says why it could not be read.
    :ivar urls: without a certificate: what to judge; with one: judged in place of its own distribution points.
    :ivar pool: the certificates among which issuers are found; empty: signatures are not checked.
    """

    name: str
    leaf: CertificateView | None
    pool: tuple[CertificateView, ...] = ()
    urls: tuple[str, ...] = ()
    problem: str | None = None

    def subjects(self) -> list[CertificateView]:
        """The certificate and the CAs above it, but for a root: that is not revoked, but removed."""
        found: list[CertificateView] = []
        view = self.leaf
        while view is not None and len(found) < MAX_CHAIN and not (view.self_issued and found):
            found.append(view)
            view = next(
                (
                    issuer
                    for issuer in self.pool
                    if issuer.subject_name == view.issuer_name
                    and issuer not in found
                    and certificate_signed_by(view, issuer)
                ),
                None,
            )
        return found

    def wanted_urls(self) -> list[str]:
        """Every URL that is to be fetched for it."""
        if self.leaf is None:
            return [url for url in self.urls if names.crl_url_problem(url) is None]
        return [url for view in self.subjects() for url in self.urls_for(view) if names.crl_url_problem(url) is None]

    def urls_for(self, view: CertificateView) -> Sequence[str]:
        """The URLs that count for one of the subjects: its own, or for the certificate those that were given."""
        return self.urls if self.urls and view is self.leaf else urls_of(view)[:MAX_URLS]

    def passed_over(self, view: CertificateView) -> int:
        """How many more URLs one of the subjects names than are fetched."""
        return 0 if self.urls and view is self.leaf else max(0, len(urls_of(view)) - MAX_URLS)


def read_case(name: str, certificate: str | None, issuers: Sequence[str], urls: Sequence[str] = ()) -> Case:
    """A case from files; what cannot be read becomes its problem."""
    pool: list[CertificateView] = []
    for path in issuers:
        source = Source.read(path)
        found = read_shared_certificates(source)
        if source.problem or not found.views:
            text = source.problem or f"{path} holds no certificate: {'; '.join(found.problems) or found.content.kind}"
            return Case(name, None, problem=f"issuer_certificates: {text}")
        pool += found.views
    if certificate is None:
        return Case(name, None, tuple(pool), tuple(urls))
    source = Source.read(certificate)
    own = read_own_certificates(source)
    if source.problem or not own.views:
        text = source.problem or f"{certificate} holds no certificate: {'; '.join(own.problems) or own.content.kind}"
        return Case(name, None, problem=text)
    # A file with its chain behind it is its own pool.
    return Case(name, own.views[0], tuple(pool) + own.views[1:], tuple(urls))


def urls_of(view: CertificateView) -> list[str]:
    """The URLs of a certificate's CRL distribution points, each once."""
    points = view.value(_POINTS) or []
    names = [name for point in points for name in point.full_name or []]
    return list(dict.fromkeys(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)))


def _scheme(url: str) -> str:
    return url.strip().partition(":")[0].lower()


class Judge:
    """Judges certificates by what was fetched.

    :param fetched: by URL.
    """

    def __init__(self, fetched: Mapping[str, fetching.Fetched], at: datetime.datetime) -> None:
        self.fetched = fetched
        self.at = at
        self._read: dict[str, _Read] = {}

    def judge(self, case: Case) -> CertificateVerdict:
        """What the URLs are worth for a case; never fails, whatever the certificate and the CRLs are."""
        return alone(lambda: self._judge(case), lambda problem: CertificateVerdict(case.name, (), problem))

    def _judge(self, case: Case) -> CertificateVerdict:
        if case.problem is not None:
            return CertificateVerdict(case.name, (), case.problem)
        if case.leaf is None:
            return CertificateVerdict(case.name, tuple(self._alone(url, case.pool) for url in case.urls))
        verdicts: list[Verdict] = []
        notes: list[str] = []
        for view in case.subjects():
            more = case.passed_over(view)
            if more:
                left = f"{more} {'was' if more == 1 else 'were'} not"
                text = f"{view.title} names {MAX_URLS + more} CRL URLs; the first {MAX_URLS} were fetched, {left}"
                notes.append(text)
            urls = case.urls_for(view)
            if not urls and view is case.leaf:
                text = "the certificate names no CRL distribution point that is a URL"
                verdicts.append(Verdict(None, NO_URL, text, view.title))
            verdicts += [self._one(url, view, urls, case) for url in urls]
        return CertificateVerdict(case.name, tuple(verdicts), notes=tuple(notes))

    def _one(self, url: str, view: CertificateView, urls: Sequence[str], case: Case) -> Verdict:
        """One URL for one certificate."""
        read = self._crl_at(url)
        if read.reason != OK:
            return Verdict(url, read.reason, read.message, view.title, facts=read.facts)
        answer = _ask(read.crls, view, view.says_ca, case.pool, self.at)
        if answer.detail == "delta-without-base":
            # Its base may be at another URL of the same certificate.
            others = [crl for other in urls if other != url for crl in self._crl_at(other).crls]
            answer = _ask((*read.crls, *others), view, view.says_ca, case.pool, self.at)
        warnings = read.warnings + (() if case.pool else (_UNCHECKED,))
        reason = _reason(answer)
        message = answer.message
        if answer.state == "none":
            issuers = ", ".join(dict.fromkeys(name_text(crl.issuer) for crl in read.crls))
            message = f"the CRL is by {issuers}, the certificate {view.title} by {name_text(view.issuer)}"
        return Verdict(
            url,
            reason,
            message or read.success,
            view.title,
            warnings if reason in (OK, REVOKED) else (),
            read.facts,
            answer.revoked,
            answer.reason or ("unspecified" if reason == REVOKED else None),
        )

    def _alone(self, url: str, pool: Sequence[CertificateView]) -> Verdict:
        """One URL without a certificate: is there a CRL that its issuer signed and that is in force."""
        read = self._crl_at(url)
        if read.reason != OK:
            return Verdict(url, read.reason, read.message, facts=read.facts)
        crl = read.crls[0]
        answer = None
        if pool:
            answer = signature_objection(crl, _signers(crl, pool))
        answer = answer or time_objection(crl, self.at)
        if answer is None and crl.is_delta:
            answer = Answer("unusable", f"{url} is a delta CRL, of no use without its base", url, "delta-without-base")
        if answer is not None:
            return Verdict(url, _reason(answer), answer.message, facts=read.facts)
        warnings = read.warnings + (() if pool else (_UNCHECKED,))
        return Verdict(url, OK, read.success, warnings=warnings, facts=read.facts)

    def _crl_at(self, url: str) -> _Read:
        if url not in self._read:
            self._read[url] = self._look(url)
        return self._read[url]

    def _look(self, url: str) -> _Read:
        scheme = _scheme(url)
        if scheme != "http":
            return _Read("scheme", f"its scheme is {scheme or 'missing'}, which sensors do not fetch")
        problem = names.crl_url_problem(url)
        if problem is not None:
            return _Read("scheme", f"{show(url)!r} is no URL that sensors fetch; wanted: {problem}")
        fetched = self.fetched.get(url)
        if fetched is None:
            return _Read("not-a-crl", "it was not fetched")
        if fetched.reason != fetching.OK or fetched.body is None:
            reason = _FROM_FETCHING.get(fetched.reason, fetched.reason)
            return _Read(reason, fetched.message, facts=_facts(fetched))
        return _parse(fetched)


_UNCHECKED = "its signature was not checked, since the issuer's certificate is not given (issuer_certificates)"


@dataclass(frozen=True)
class _Read:
    """The CRLs behind a URL, or why there are none."""

    reason: str
    message: str = ""
    crls: tuple[CrlView, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()
    success: str = ""


def _facts(fetched: fetching.Fetched, size: int | None = None) -> tuple[tuple[str, Any], ...]:
    names = ("status", "address", "via", "final_url", "seconds", "attempts", "content_type")
    return (*((name, getattr(fetched, name)) for name in names), ("bytes", size))


def _parse(fetched: fetching.Fetched) -> _Read:
    data = fetched.body or b""
    facts = _facts(fetched, len(data))
    found = read_crls(Source(fetched.url, data))
    if not found.views:
        problem = "; ".join(found.problems) or "there is no CRL in it"
        return _Read("scope" if "critical" in problem else "not-a-crl", problem, facts=facts)
    crl = found.views[0]
    encoding = "der" if data[:1] == b"\x30" else "pem"
    entries = len(crl.crl)
    facts += (
        ("encoding", encoding),
        ("this_update", moments.iso(crl.this_update) if crl.this_update else None),
        ("next_update", moments.iso(crl.next_update) if crl.next_update else None),
        ("number", crl.number),
        ("entries", entries),
    )
    warnings = []
    if encoding == "pem":
        warnings.append("it is PEM; RFC 5280, section 4.2.1.13, wants DER, and not every software reads PEM here")
    if fetched.final_url:
        warnings.append(
            f"it is found by a redirect to {fetching.shown(fetched.final_url)}, which a sensor may not follow"
        )
    if fetched.content_encoding:
        warnings.append(f"it is sent with {fetched.content_encoding} compression, which a sensor may not undo")
    if crl.next_update is None:
        warnings.append("it has no nextUpdate, so nobody can tell when it is out of date")
    size = f"{len(data)} bytes, {counted(entries, 'entry', 'entries')}"
    success = f"CRL of {name_text(crl.issuer)}, {size}, fetched in {fetched.seconds:g} s"
    return _Read(OK, crls=found.views, warnings=tuple(warnings), facts=facts, success=success)


@lru_cache(maxsize=256)
def _signers_of(issuer_name: Any, pool: tuple[CertificateView, ...]) -> tuple[CertificateView, ...]:
    return tuple(view for view in pool if view.subject_name == issuer_name and may_sign_crls(view))


def _signers(crl: CrlView, pool: Sequence[CertificateView]) -> list[CertificateView]:
    return list(_signers_of(crl.issuer_name, tuple(pool)))


def _ask(
    crls: Sequence[CrlView],
    view: CertificateView,
    is_ca: bool,
    pool: Sequence[CertificateView],
    at: datetime.datetime,
) -> Answer:
    revocation = Revocation(crls, at, lambda crl, _view: _signers(crl, pool), check_signatures=bool(pool))
    return revocation.ask(view, is_ca)


def _reason(answer: Answer) -> str:
    """The reason's name for what the CRL says."""
    if answer.detail is not None:
        return answer.detail
    return {"good": OK, "none": "issuer", "unusable": "scope"}.get(answer.state, answer.state)
