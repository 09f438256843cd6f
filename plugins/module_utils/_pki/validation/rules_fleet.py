# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks that only the whole fleet can answer: what must be unique, and what ends soon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ..values.text import show
from .batch_gcd import shared_factors
from .case import Settings
from .model import BundleReport, Finding, Identity, KnownCertificate

FLEET_IDS = (
    "fleet.duplicate-cn",
    "fleet.duplicate-key",
    "fleet.duplicate-certificate",
    "fleet.duplicate-serial",
    "fleet.shared-prime",
)


def judge_fleet(
    reports: Sequence[BundleReport], known: Sequence[KnownCertificate], settings: Settings
) -> list[Finding]:
    """What collides among the bundles, and between them and certificates known from elsewhere."""
    identities = [report.identity for report in reports]
    known_identities = [
        Identity(entry.name, (entry.common_name,), entry.public_key_id, entry.fingerprint, numbering=entry.numbering)
        for entry in known
    ]
    findings = []
    for check_id, what, collisions in (
        ("fleet.duplicate-cn", "the common name {}", _collisions(identities, known_identities, _common_names)),
        (
            "fleet.duplicate-key",
            "the same key ({}\N{HORIZONTAL ELLIPSIS})",
            _collisions(identities, known_identities, _key),
        ),
        (
            "fleet.duplicate-certificate",
            "the same certificate ({}\N{HORIZONTAL ELLIPSIS})",
            _collisions(identities, known_identities, _certificate),
        ),
    ):
        for value, objects in collisions:
            shown = show(value) if check_id == "fleet.duplicate-cn" else value[:16]
            message = f"{_enumerate(objects)} have {what.format(shown)}"
            findings.append(settings.finding(check_id, message, tuple(objects)))
    for objects in _same_numbering(identities, known_identities):
        message = (
            "different certificates of one issuer have the same serial number: "
            f"those of {_enumerate(objects)}, or of CAs above them"
        )
        findings.append(settings.finding("fleet.duplicate-serial", message, tuple(objects)))
    for objects in _shared_primes(identities):
        message = f"the keys of {_enumerate(objects)} share a prime"
        findings.append(settings.finding("fleet.shared-prime", message, tuple(objects)))
    return findings


def _enumerate(objects: Sequence[str], limit: int = 8) -> str:
    shown = [show(name) for name in objects[:limit]]
    rest = len(objects) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _common_names(identity: Identity) -> Iterable[str]:
    return {name.lower() for name in identity.common_names if name.strip()}


def _key(identity: Identity) -> Iterable[str]:
    return [identity.public_key_id] if identity.public_key_id else []


def _certificate(identity: Identity) -> Iterable[str]:
    return [identity.fingerprint] if identity.fingerprint else []


def _collisions(judged: Sequence[Identity], known: Sequence[Identity], values: Any) -> list[tuple[str, list[str]]]:
    """Values that more than one has, at least one of them judged here; in the order of the bundles."""
    owners: dict[str, list[str]] = defaultdict(list)
    judged_values = set()
    for identity in judged:
        for value in values(identity):
            owners[value].append(identity.name)
            judged_values.add(value)
    judged_names = {identity.name for identity in judged}
    for identity in known:
        if identity.name in judged_names:
            continue  # what is judged replaces it
        for value in values(identity):
            if value in judged_values:
                owners[value].append(identity.name)
    return [(value, objects) for value, objects in owners.items() if len(objects) > 1]


def _same_numbering(judged: Sequence[Identity], known: Sequence[Identity]) -> list[list[str]]:
    """Names of those that share issuer and serial number without being the same certificate.

    Of a CA, which many have above them, one is named.
    """
    owners: dict[str, dict[str | None, list[str]]] = defaultdict(lambda: defaultdict(list))
    above: dict[str, dict[str, str]] = defaultdict(dict)
    judged_names = {identity.name for identity in judged}
    marks = set()
    for identity in [*judged, *(entry for entry in known if entry.name not in judged_names)]:
        if identity.numbering:
            owners[identity.numbering][identity.fingerprint].append(identity.name)
            if identity.name in judged_names:
                marks.add(identity.numbering)
        for mark, fingerprint in identity.authorities:
            above[mark].setdefault(fingerprint, identity.name)
    found = []
    for mark in [*owners, *(mark for mark in above if mark not in owners)]:
        own = owners.get(mark, {})
        others = {fingerprint: name for fingerprint, name in above.get(mark, {}).items() if fingerprint not in own}
        names = [name for entries in own.values() for name in entries]
        names += [name for name in others.values() if name not in names]
        if len(own) + len(others) > 1 and len(names) > 1 and (others or mark in marks):
            found.append(names)
    return found


def _shared_primes(identities: Sequence[Identity]) -> list[list[str]]:
    """Bundles whose different moduli have a prime in common."""
    names: dict[int, list[str]] = defaultdict(list)
    by_prime: dict[int, set[int]] = defaultdict(set)
    keyless = False
    for identity in identities:
        if identity.modulus is None or identity.modulus < 2:
            continue
        names[identity.modulus].append(identity.name)
        keyless = keyless or not identity.primes
        for prime in identity.primes:
            by_prime[prime].add(identity.modulus)
    groups = [tuple(moduli) for moduli in by_prime.values() if len(moduli) > 1]
    if keyless:
        # Without all the private keys only common divisors tell.
        moduli = list(names)
        groups = [tuple(moduli[position] for position in group) for group in shared_factors(moduli)]
    order = {modulus: position for position, modulus in enumerate(names)}
    return [[name for modulus in sorted(group, key=order.__getitem__) for name in names[modulus]] for group in groups]


def expiring(reports: Sequence[BundleReport]) -> list[dict[str, Any]]:
    """Certificates that expired or will soon (by their bundle's ``min_days_left``), soonest first."""
    ending = [
        {
            "name": report.name,
            "common_name": report.facts["common_name"],
            "not_after": report.facts["not_after"],
            "days_left": report.facts["days_left"],
        }
        for report in reports
        if report.facts.get("expiring")
    ]
    return sorted(ending, key=lambda entry: (entry["not_after"], entry["name"]))
