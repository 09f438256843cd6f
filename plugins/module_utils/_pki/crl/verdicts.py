# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The reasons why a CRL's location serves a sensor or does not, and what people can do about each."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._plain.texts import harmless
from ..profiles.defender_iot.catalogue import CRL_ERROR, OTHER_ERROR, REVOKED_ERROR
from ..values import moments
from ..values.lists import some

OK = "ok"
NO_URL, REVOKED = "no-url", "revoked"
USABLE = frozenset({OK, REVOKED})

# reason: what to do, and the error that a sensor would answer an upload with (FACTS of the vendor's documentation).
_ADVICE: dict[str, tuple[str | None, str | None]] = {
    OK: (None, None),
    NO_URL: (
        "If the organization validates against a CRL, have a certificate issued with an http:// CRL distribution "
        "point; if it does not, nothing is to be done.",
        None,
    ),
    "scheme": (
        "Sensors fetch a CRL over plain HTTP only: have a certificate issued whose CRL distribution point begins "
        "with http://.",
        CRL_ERROR,
    ),
    "dns": ("Have the name added to the DNS that this host asks, or correct the URL.", CRL_ERROR),
    "address": (
        "Correct the URL, or its name in the DNS: a certificate's CRL is not fetched from loopback, link-local and "
        "metadata addresses. If it really is there, add the network to allow_networks (crl_access_allow_networks).",
        CRL_ERROR,
    ),
    "refused": (
        "Check that a web server listens at this address and port, and that no firewall rejects the connection; "
        "otherwise use another http:// port or a proxy.",
        CRL_ERROR,
    ),
    "timeout": (
        "Open the way through the firewall (plain HTTP, port 80 unless the URL says otherwise), or use another port or "
        "a proxy that can reach the CRL server.",
        CRL_ERROR,
    ),
    "proxy": (
        "Check the proxy's address, its user name and password, and that it lets this host reach the CRL server.",
        CRL_ERROR,
    ),
    "http-status": ("Check the path of the URL and the web server's log: the CRL is not there.", CRL_ERROR),
    "redirect": ("Let the web server answer with the CRL itself over plain HTTP, without a redirect.", CRL_ERROR),
    "empty": ("Publish the CRL again: the file on the web server has no content.", CRL_ERROR),
    "not-a-crl": (
        "Put the CRL itself (DER) at this URL; a portal, a login page or half a file may stand in its place.",
        CRL_ERROR,
    ),
    "too-large": ("Check what is published there, or raise max_bytes if the CRL really is that large.", CRL_ERROR),
    "issuer": (
        "Publish at this URL the CRL of the certificate's own issuer, and give that CA's certificate in "
        "issuer_certificates.",
        OTHER_ERROR,
    ),
    "signature": (
        "Publish the CRL again, signed by the CA's present key; it may be of an earlier CA of the same name.",
        OTHER_ERROR,
    ),
    "not-yet-valid": ("Check the clocks of the CA and of this control node, or wait until then.", OTHER_ERROR),
    "expired": ("Have the CA publish a fresh CRL, and see to it that this happens before nextUpdate.", OTHER_ERROR),
    "scope": ("Publish a CRL at this URL that covers this kind of certificate.", OTHER_ERROR),
    "delta-without-base": (
        "Publish the complete CRL at this URL; a delta CRL only adds to one that is known.",
        OTHER_ERROR,
    ),
    REVOKED: ("Have a new certificate issued, with a new key.", REVOKED_ERROR),
}
REASONS = tuple(_ADVICE)


@dataclass(frozen=True)
class Verdict:
    """What one URL is worth for one certificate.

    :ivar subject: the certificate, or None if only the URL was asked about.
    :ivar facts: of the fetching and of the CRL, as far as it came (plain data).
    """

    url: str | None
    reason: str
    message: str = ""
    subject: str | None = None
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()
    revoked: datetime.datetime | None = None
    revocation_reason: str | None = None

    @property
    def usable(self) -> bool:
        """A sensor could fetch this CRL and rely on it."""
        return self.reason in USABLE

    def to_dict(self) -> dict[str, Any]:
        """As plain data for a result."""
        hint, upload_error = _ADVICE[self.reason]
        data: dict[str, Any] = {
            "url": self.url,
            "subject": self.subject,
            "usable": self.usable,
            "reason": self.reason,
            "message": self.message,
            "hint": hint,
            "upload_error": upload_error,
            "warnings": list(self.warnings),
            "revoked_at": moments.iso(self.revoked) if self.revoked else None,
            "revocation_reason": self.revocation_reason,
        }
        facts = dict(self.facts)
        return {**data, **{key: facts.get(key) for key in FACTS}}


FACTS = (
    "status",
    "address",
    "via",
    "final_url",
    "seconds",
    "attempts",
    "bytes",
    "encoding",
    "content_type",
    "this_update",
    "next_update",
    "number",
    "entries",
)


@dataclass(frozen=True)
class CertificateVerdict:
    """What all URLs are worth for one certificate and the CAs above it, or for the URLs alone.

    :ivar notes: what else is to be told.
    """

    name: str
    verdicts: tuple[Verdict, ...]
    problem: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def reachable(self) -> bool:
        """Every certificate that names URLs has one that is usable."""
        by_subject: dict[str | None, bool] = {}
        for verdict in self.verdicts:
            by_subject[verdict.subject] = by_subject.get(verdict.subject, False) or verdict.usable
        return bool(by_subject) and all(by_subject.values())

    @property
    def revoked(self) -> bool:
        """The certificate, or a CA above it, is revoked."""
        return any(verdict.reason == REVOKED for verdict in self.verdicts)

    @property
    def without_url(self) -> bool:
        """Nothing was to be fetched."""
        return all(verdict.reason == NO_URL for verdict in self.verdicts)

    def revocations(self) -> list[str]:
        """What says that it, or a CA above it, is revoked; signed by the CA, so true from wherever it was seen."""
        return [sentence(verdict) for verdict in self.verdicts if verdict.reason == REVOKED]

    def errors(self, url_wanted: bool = False) -> list[str]:
        """Why a sensor would refuse it: revoked, or a certificate none of whose URLs is usable."""
        if self.problem is not None:
            return [self.problem]
        found = [verdict for verdict in self.verdicts if verdict.reason == REVOKED]
        served = {verdict.subject for verdict in self.verdicts if verdict.usable}
        for verdict in self.verdicts:
            if verdict.subject not in served and (verdict.reason != NO_URL or url_wanted):
                found.append(verdict)
        return [sentence(verdict) for verdict in found]

    def remarks(self) -> list[str]:
        """What does not keep a sensor from working: other URLs that fail, and warnings about good ones."""
        served = {verdict.subject for verdict in self.verdicts if verdict.usable}
        texts = [
            f"{verdict.url}: {verdict.reason}: {verdict.message}. Another URL serves, so sensors go on"
            for verdict in self.verdicts
            if not verdict.usable and verdict.reason != NO_URL and verdict.subject in served
        ]
        for verdict in self.verdicts:
            texts += [f"{verdict.url}: {warning}" for warning in verdict.warnings]
        return list(map(harmless, (*texts, *self.notes)))

    def to_dict(self, brief: bool = False) -> dict[str, Any]:
        """As plain data for a result.

        :param brief: without the URLs, which thousands of sensors share.
        """
        data: dict[str, Any] = {"name": self.name, "reachable": self.reachable, "revoked": self.revoked}
        if not brief:
            data["urls"] = [verdict.to_dict() for verdict in self.verdicts]
        return data


def sentence(verdict: Verdict) -> str:
    """What is wrong, what the sensor would say, what to do."""
    hint, upload_error = _ADVICE[verdict.reason]
    where = f"{harmless(verdict.url)}: " if verdict.url else ""
    said = f' At the upload the sensor would say: "{upload_error}"' if upload_error else ""
    message = harmless(verdict.message.rstrip("."))
    return f"{where}{verdict.reason}: {message}.{said} What to do: {hint}"


def worst(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """One verdict for each URL out of those for many certificates: the first that is not fine counts."""
    found: dict[str | None, Verdict] = {}
    for verdict in verdicts:
        known = found.get(verdict.url)
        if known is None or (known.reason == OK and verdict.reason != OK):
            found[verdict.url] = verdict
    return list(found.values())


def grouped(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Each text once, with the certificates it concerns if there are several."""
    names: dict[str, list[str]] = {}
    for name, own in texts.items():
        for text in dict.fromkeys(own):
            names.setdefault(text, []).append(name)
    if len(texts) < 2:
        return list(names)
    return [f"{some(holders)}: {text}" for text, holders in names.items()]
