# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a CA answered, held against what it was asked: told field by field, and judged by the requirements alone.

Most CAs do not return what was asked. What they changed is accepted if the appliance accepts it; what it forbids
refuses the sensor, with the reason and what is to be changed at the CA.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..crypto import x509
from ..intake.material import FoundCertificate
from ..intake.selection import order_chain
from ..planning.plan import Change, alternative_names, asked_for, subject_changes, wanted_names
from ..planning.request import SensorRequest
from ..state.fleet import FleetState
from ..validation.engine import validate_bundles
from ..validation.model import ERROR, Bundle, Policy
from ..validation.path import Search, find_path
from ..values import moments, reading
from ..values.certificates import CertificateView
from ..values.lists import counted
from ..values.oids import extension_name
from ..values.source import Source
from ..values.text import name_text
from .base import Obtained
from .certificate import key_usages_of

# What only the CA can know or decide; a request asks for none of it.
_OF_THE_CA = frozenset(
    {
        "2.5.29.14",  # subjectKeyIdentifier
        "2.5.29.35",  # authorityKeyIdentifier
        "2.5.29.31",  # cRLDistributionPoints
        "1.3.6.1.5.5.7.1.1",  # authorityInfoAccess
    }
)
_ASKED = {"2.5.29.19": "basicConstraints", "2.5.29.15": "keyUsage", "2.5.29.37": "extendedKeyUsage"}
_PURPOSES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}
_MICROSOFT = {
    "1.3.6.1.4.1.311.20.2": "certificate template name (Microsoft)",
    "1.3.6.1.4.1.311.21.7": "certificate template (Microsoft)",
    "1.3.6.1.4.1.311.21.10": "application policies (Microsoft)",
    "1.3.6.1.4.1.311.25.2": "NTDS security identifier (Microsoft)",
}

_SUBJECT = (
    "let the CA take the subject from the request (AD CS: 'Supply in the request' in the template; EJBCA: the fields "
    "in the end entity profile; Vault: allow sign-verbatim, or set country, organization and ou in the role)"
)
_USAGE = (
    "let the CA's profile or template give digitalSignature, keyEncipherment and the usages serverAuth and clientAuth"
)
# What is to be changed at the CA, by the id of what is wrong with its answer; by the id's first part if it has none.
_AT_THE_CA: Mapping[str, str] = {
    "crt.signature-algorithm": "let the CA sign with SHA-256 or better",
    "crt.ca-true": "use a profile or template for servers, not for CAs",
    "crt.expired": "have a new certificate issued for the same request",
    "crt.not-yet-valid": "set the CA's clock, or wait",
    "crt.version": "let the CA issue X.509 version 3",
    "crt.extended-key-usage": _USAGE,
    "crt.key-usage": _USAGE,
    "crt.crl-url-scheme": "let the CA name a CRL with an http:// URL, which the appliance can fetch",
    "crt.self-signed": "have the request signed by the CA",
    "crl.revoked": "have a new certificate issued",
    "subject": _SUBJECT,
    "chain.incomplete": "let the CA deliver its chain, or name its root and intermediates in trusted_roots",
    "chain.untrusted-root": "have it issued by the CA that trusted_roots names, or name its root there",
    "chain.weak-signature": "have it issued by a CA whose own certificates are signed with SHA-256 or better",
    "chain": "have it issued by a CA whose certificates may sign it",
}


@dataclass(frozen=True)
class Candidate:
    """A certificate for a key that waits, with the key.

    :ivar source: where it came from, for messages. :ivar pool: certificates with which its chain is completed.
    """

    request: SensorRequest
    leaf: FoundCertificate
    key: bytes = field(repr=False)
    pool: Sequence[FoundCertificate] = ()

    @property
    def source(self) -> str:
        """Where it came from."""
        return self.leaf.source


@dataclass(frozen=True)
class Judged:
    """What is to be said of a candidate.

    :ivar errors: why the appliance would not take it, and what to change at the CA; empty: it would.
    """

    candidate: Candidate
    pem: bytes
    errors: tuple[str, ...]
    altered: tuple[Change, ...]

    @property
    def rank(self) -> tuple[bool, datetime.datetime, datetime.datetime, str]:
        """For choosing among several: what the appliance takes, then what lasts longest."""
        view = self.candidate.leaf.view
        return not self.errors, view.not_after, view.not_before, view.fingerprint

    def obtained(self, notes: Sequence[str] = (), received: Sequence[str] = ()) -> Obtained:
        """As the issuer's answer."""
        request, leaf = self.candidate.request, self.candidate.leaf
        return Obtained(
            request.name,
            request.common_name,
            reading.pem_of(leaf.view.der),
            self.candidate.key,
            self.pem,
            notes=tuple(notes),
            altered=self.altered,
            asked=asked_for(request),
            received=tuple(received),
            answers=leaf.key_id,
        )


def judge(
    candidates: Sequence[Candidate],
    roots: Sequence[FoundCertificate],
    anchors: Sequence[str],
    state: FleetState,
    moment: datetime.datetime,
    workers: int = 1,
) -> list[Judged]:
    """Judge answers, all in one go.

    A large fleet takes its time, so an answer can be younger than the run's own moment; it is judged as of now.

    :param roots: the certificates of the issuer's trusted roots; empty: the chain's own root counts.
    :param anchors: their files.
    :returns: one verdict for each, in the same order.
    """
    if not candidates:
        return []
    moment = max(moment, moments.now())
    trusted = tuple(Source.read(path) for path in anchors)
    chains = [_chain(candidate, roots, moment) for candidate in candidates]
    bundles = [
        Bundle(
            name=candidate.request.name,
            certificate=Source("certificate.crt", reading.pem_of(candidate.leaf.view.der), is_file=False),
            private_key=Source("private.key", candidate.key, is_file=False),
            chain=Source("chain.pem", chain, is_file=False),
            private_key_passphrase=candidate.request.key_passphrase,
            expected_common_name=candidate.request.common_name,
            trusted_roots=trusted,
            at=moment,
        )
        for candidate, chain in zip(candidates, chains)
    ]
    report = validate_bundles(bundles, Policy(candidates[0].request.profile), workers)
    verdicts = []
    for candidate, chain, found in zip(candidates, chains, report.results):
        revoked = state.revocation_of(candidate.leaf.view.certificate)
        errors = [f"it was revoked: {revoked.text}; have a new certificate issued"] if revoked is not None else []
        faults = [(finding.id, finding.message) for finding in found.findings if finding.severity == ERROR]
        if not chain:
            # That the file is empty says less than whose certificate is missing.
            text = f"the certificate of its issuer is missing: {name_text(candidate.leaf.view.issuer)}"
            faults = [fault for fault in faults if not fault[0].startswith("chain.")] + [("chain.incomplete", text)]
        errors += [f"{fault}: {message}{_advice(fault)}" for fault, message in faults]
        altered = tuple(differences(candidate.request, candidate.leaf.view, moment))
        verdicts.append(Judged(candidate, chain, tuple(errors), altered))
    return verdicts


def _advice(finding_id: str) -> str:
    told = _AT_THE_CA.get(finding_id) or _AT_THE_CA.get(finding_id.partition(".")[0])
    return f"; at the CA: {told}" if told else ""


def _chain(candidate: Candidate, roots: Sequence[FoundCertificate], moment: datetime.datetime) -> bytes:
    """The chain as far as it can be completed: to a trusted root if there are any, else to its own."""
    leaf = candidate.leaf
    prints = {entry.view.fingerprint for entry in roots}
    pool = [*roots, *(entry for entry in candidate.pool if entry.view.fingerprint not in prints)]
    if roots:
        search = Search([entry.view for entry in pool], [entry.view for entry in roots], trust_given=True, at=moment)
        path = find_path(leaf.view, search)
        if path.complete:
            return b"".join(reading.pem_of(view.der) for view in path.views[1:])
    chain, _gap = order_chain(leaf, pool)
    return b"".join(reading.pem_of(entry.view.der) for entry in chain)


def differences(request: SensorRequest, view: CertificateView, moment: datetime.datetime) -> list[Change]:
    """Each difference between what was asked and what was given: field, asked, given."""
    found: list[Change] = [(field, asked, given) for _text, (field, given, asked) in subject_changes(request, view)]
    names = wanted_names(request), alternative_names(view)
    if names[0] != names[1]:
        found.append(("SAN", ", ".join(names[0]) or "none", ", ".join(names[1]) or "none"))
    found += _validity(request, view, moment)
    found += _usages(request, view)
    asked = {*request.profile.template.extensions, "2.5.29.17", *_OF_THE_CA}
    found += [
        (f"extension {_MICROSOFT.get(oid) or extension_name(oid)}", "none", "added")
        for oid in (*view.extensions, *view.unreadable)
        if oid not in asked
    ]
    return found


def _validity(request: SensorRequest, view: CertificateView, moment: datetime.datetime) -> list[Change]:
    """How long it lasts, if that is a day or more off."""
    wanted = moment + datetime.timedelta(days=request.validity_days)
    if abs(view.not_after - wanted) < datetime.timedelta(days=1):
        return []
    days = (view.not_after - view.not_before).days
    return [
        (
            "validity",
            counted(request.validity_days, "day"),
            f"{counted(days, 'day')}, until {moments.iso(view.not_after)}",
        )
    ]


def _usages(request: SensorRequest, view: CertificateView) -> list[Change]:
    template = request.profile.template
    found: list[Change] = []
    if "2.5.29.19" in template.extensions and view.value("2.5.29.19") is None:
        found.append((_ASKED["2.5.29.19"], "CA:FALSE", "none"))
    usage = view.value("2.5.29.15")
    asked = sorted(template.key_usages)
    given = sorted(key_usages_of(usage)) if isinstance(usage, x509.KeyUsage) else []
    if asked != given:
        found.append((_ASKED["2.5.29.15"], ", ".join(asked), ", ".join(given) or "none"))
    purposes = view.value("2.5.29.37")
    wanted = sorted(_PURPOSES.get(oid, oid) for oid in template.extended_key_usages)
    have = sorted(_PURPOSES.get(entry.dotted_string, entry.dotted_string) for entry in purposes or ())
    if wanted != have:
        found.append((_ASKED["2.5.29.37"], ", ".join(wanted), ", ".join(have) or "none"))
    return found
