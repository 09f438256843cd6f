# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which CAs of the hierarchy publish a CRL, for how long, under which name, and what became of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from ..crypto import rsa, x509
from ..issuers.local_ca.make import ISSUING, ROOT
from ..issuers.local_ca.opened import FORMER, Authority
from ..values import moments
from ..values import x509_parts as parts
from .making import crl_number

PUBLISHED, KEPT, FAILED = "published", "kept", "failed"
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
class CrlSource:
    """A CA of the hierarchy that is to publish a CRL.

    :ivar key: opens it; None if it was taken offline.
    :ivar url: where the CRL will be fetched from, or None if no certificate names such a place.
    """

    tier: str
    certificate: x509.Certificate
    key: Callable[[], rsa.RSAPrivateKey | None] | None
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
            "this_update": moments.iso(crl.last_update_utc) if crl is not None else None,
            "next_update": moments.iso(end) if end is not None else None,
            "renew_after": moments.iso(self.renew_after) if self.renew_after is not None else None,
        }


def sources(authority: Authority, crl_url: str | None, lifetimes: Lifetimes) -> list[CrlSource]:
    """The CAs of the hierarchy, the one that signs sensors first."""
    two = authority.tiers == 2
    signer = ISSUING if two else ROOT
    found = [
        CrlSource(
            signer, authority.certificate, lambda: authority.key, crl_url, lifetimes.issuing, file_name(crl_url, signer)
        )
    ]
    if two and authority.own_root:
        url = parts.crl_url(authority.certificate)
        key = (lambda: authority.root_key) if authority.root_key_present else None
        found.append(CrlSource(ROOT, authority.root, key, url, lifetimes.root, file_name(url, ROOT)))
    found += [
        CrlSource(FORMER, ca.certificate, ca.open_key, ca.crl_url, lifetimes.issuing, file_name(ca.crl_url, FORMER))
        for ca in authority.former
        # Without a URL in its certificates nobody looks for its CRL.
        if ca.crl_url
    ]
    if len({source.file_name.lower() for source in found}) < len(found):
        found = [
            source if source.tier == FORMER else replace(source, file_name=f"{source.tier}.crl") for source in found
        ]
    return found


def file_name(url: str | None, tier: str) -> str:
    """The name under which a web server will be asked for a CRL: the last part of its URL."""
    name = unquote(urlsplit(url).path).rpartition("/")[2] if url else ""
    # PEM goes beside it under .pem, so DER cannot have that name.
    fit = _FIT_NAME.match(name) and not name.lower().endswith((".pem", ".tmp"))
    return name if fit else f"{tier}.crl"
