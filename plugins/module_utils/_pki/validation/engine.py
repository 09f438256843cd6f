# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: bundles and a policy in, reports out. It knows no requirement; rules and profiles do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..._plain.errors import InputError, PkiError
from .. import crypto
from ..crypto import quiet, rsa
from ..parallel import process_map, without_collector
from ..profiles.base import Profile
from ..values.failures import alone
from . import rules_alone, rules_certificate, rules_own, rules_reading, rules_relations
from .case import Case, Settings
from .facts import numbering_of, result_facts
from .model import Bundle, BundleReport, Finding, FleetReport, Identity, KnownCertificate, Policy
from .rules_fleet import FLEET_IDS, expiring, judge_fleet

# Reading comes first: the others judge what it understood. The organization's own rules look at what they know.
RULES = (*rules_reading.RULES, *rules_certificate.RULES, *rules_relations.RULES, *rules_alone.RULES, *rules_own.RULES)
ENGINE_IDS = ("engine.failure",)

# Bundles handed to a worker process at once: large enough that the passing of results does not show.
CHUNK = 50
_ORDER = {"error": 0, "warning": 1, "info": 2}

__all__ = ["Bundle", "FleetReport", "KnownCertificate", "Policy", "iter_reports", "validate_bundle", "validate_bundles"]


def check_table(profile: Profile) -> None:
    """See to it that a profile has a row for whatever can be reported.

    :raises InputError: rows are missing; they are named.
    """
    reported = {check_id for rule in RULES for check_id in rule.ids}.union(FLEET_IDS, ENGINE_IDS)
    missing = sorted(reported.difference(profile.checks))
    if missing:
        raise InputError(f"the table of checks of the profile {profile.name} has no row for {', '.join(missing)}")


def validate_bundle(bundle: Bundle, settings: Settings) -> BundleReport:
    """Judge one bundle by every rule; a rule that fails is a finding of its own, and the others still run."""
    case = Case(bundle, settings)
    with quiet():
        for rule in RULES:
            # The crash of one check must not hide what the others find.
            problem = alone(rule.function, str, case)
            if problem:
                case.report("engine.failure", f"the check '{rule.name}' stopped: {problem}")
        facts = result_facts(case)
    findings = tuple(sorted(case.findings, key=lambda finding: _ORDER[finding.severity]))
    return BundleReport(bundle.name, findings, tuple(case.waived), facts, _identity(case, facts))


def iter_reports(bundles: Sequence[Bundle], settings: Settings, workers: int = 1) -> Iterator[BundleReport]:
    """Reports of all bundles in their order, each as soon as its turn has come.

    :raises PkiError: cryptography is missing or too old; a worker process was lost.
    """
    if crypto.CRYPTOGRAPHY_PROBLEM is not None:
        raise PkiError(crypto.CRYPTOGRAPHY_PROBLEM)
    yield from process_map(lambda bundle: validate_bundle(bundle, settings), bundles, workers, CHUNK)


def validate_bundles(
    bundles: Sequence[Bundle],
    policy: Policy,
    workers: int = 1,
    known: Sequence[KnownCertificate] = (),
    progress: Callable[[str, int, int], None] = lambda _what, _made, _of: None,
) -> FleetReport:
    """Judge bundles one by one and as a fleet.

    :param workers: processes to use.
    :param known: certificates that are not judged, but with which nothing may collide. One of the same
        name as a bundle is what the bundle replaces, and does not count.
    :param progress: called with what was done, to how many, and of how many.
    :raises PkiError: cryptography is missing or too old; a worker process was lost; the profile lacks checks.
    """
    check_table(policy.profile)
    settings = Settings.of(policy)
    results = []
    with without_collector():
        for report in iter_reports(bundles, settings, workers):
            results.append(report)
            progress("bundles validated", len(results), len(bundles))
        fleet: list[Finding] = judge_fleet(results, known, settings) if len(results) > 1 or known else []
    return FleetReport(
        results,
        tuple(finding for finding in fleet if finding.id not in settings.ignore),
        tuple(finding for finding in fleet if finding.id in settings.ignore),
        expiring(results),
    )


def _identity(case: Case, facts: Mapping[str, Any]) -> Identity:
    view = case.certificate
    modulus: int | None = None
    primes: tuple[int, ...] = ()
    if case.key_numbers is not None:
        modulus = case.key_numbers.public_numbers.n
        primes = (_short_hash(case.key_numbers.p), _short_hash(case.key_numbers.q))
    elif view is not None and isinstance(view.public_key, rsa.RSAPublicKey):
        modulus = view.public_key.public_numbers().n
    if view is None:
        return Identity(case.bundle.name, modulus=modulus, primes=primes)
    above_it = [] if case.path is None else [*case.path.views[1:], *case.chain]
    return Identity(
        case.bundle.name,
        tuple(view.common_names),
        facts["public_key_id"],
        view.fingerprint,
        modulus,
        primes,
        numbering_of(view),
        tuple({numbering_of(above): above.fingerprint for above in above_it}.items()),
    )


def _short_hash(prime: int) -> int:
    """Enough of a prime to recognize it, and not the prime itself: it would be the private key."""
    digest = hashlib.sha256(prime.to_bytes((prime.bit_length() + 7) // 8, "big")).digest()
    return int.from_bytes(digest[:12], "big")
