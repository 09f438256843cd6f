# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: bundles and a policy in, reports out. It knows no requirement; rules and profiles do."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..._plain.errors import PkiError
from .. import crypto
from ..crypto import rsa, x509
from ..parallel import process_map
from ..values.certificates import CertificateView, extension_name, name_pairs, name_text
from . import rules_certificate, rules_reading, rules_relations
from .case import Case, Settings
from .model import Bundle, BundleReport, Finding, FleetReport, Identity, KnownCertificate, Policy
from .rules_fleet import expiring, judge_fleet

# Reading comes first: the others judge what it understood.
RULES = (*rules_reading.RULES, *rules_certificate.RULES, *rules_relations.RULES)

# Bundles handed to a worker process at once: large enough that the passing of results does not show.
CHUNK = 50
_ORDER = {"error": 0, "warning": 1, "info": 2}

__all__ = ["Bundle", "FleetReport", "KnownCertificate", "Policy", "iter_reports", "validate_bundle", "validate_bundles"]


def validate_bundle(bundle: Bundle, settings: Settings) -> BundleReport:
    """Judge one bundle by every rule; a rule that fails is a finding of its own, and the others still run."""
    case = Case(bundle, settings)
    for rule in RULES:
        try:
            rule.function(case)
        except Exception as error:  # noqa: BLE001 - the crash of one check must not hide what the others find
            # Without the exception's text: it may quote what was read, and that may be a key.
            case.report("engine.failure", f"the check '{rule.name}' stopped with {type(error).__name__}")
    findings = tuple(sorted(case.findings, key=lambda finding: _ORDER[finding.severity]))
    return BundleReport(bundle.name, findings, tuple(case.waived), _facts(case), _identity(case))


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
) -> FleetReport:
    """Judge bundles one by one and as a fleet.

    :param workers: processes to use.
    :param known: certificates that are not judged, but with which nothing may collide. One of the same
        name as a bundle is what the bundle replaces, and does not count.
    :raises PkiError: cryptography is missing or too old; a worker process was lost.
    """
    settings = Settings.of(policy)
    results = list(iter_reports(bundles, settings, workers))
    fleet: list[Finding] = judge_fleet(results, known, settings) if len(results) > 1 or known else []
    return FleetReport(
        results,
        tuple(finding for finding in fleet if finding.id not in settings.ignore),
        tuple(finding for finding in fleet if finding.id in settings.ignore),
        expiring(results),
    )


def _iso(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _facts(case: Case) -> dict[str, Any]:
    """What the certificate says, as plain data for results and reports."""
    view = case.certificate
    if view is None:
        return {}
    left = view.not_after - case.at
    key = view.public_key
    names = view.common_names
    return {
        "common_name": names[-1] if names else None,
        "subject": name_text(view.subject),
        "issuer": name_text(view.issuer),
        "serial_number": f"{view.serial:x}",
        "not_before": _iso(view.not_before),
        "not_after": _iso(view.not_after),
        "days_left": left.days,
        "expiring": left < datetime.timedelta(days=case.bundle.min_days_left),
        "fingerprint": view.fingerprint,
        "public_key_id": hashlib.sha256(view.spki).hexdigest() if view.spki else None,
        "key_bits": getattr(key, "key_size", None),
        "dns_names": view.alternative_names(x509.DNSName),
        "ip_addresses": [str(address) for address in view.alternative_names(x509.IPAddress)],
        "subject_order": _orders(
            case.settings.profile.subject_order, [short for short, _value in name_pairs(view.subject)]
        ),
        "extension_order": _orders(
            [extension_name(oid) for oid in case.settings.profile.extension_order],
            [extension_name(oid) for oid in view.extensions],
        ),
        "chain": [above.title for above in case.path.views[1:]] if case.path is not None else [],
    }


def _orders(sample: Sequence[str], own: Sequence[str]) -> dict[str, str]:
    """Both orders side by side; texts, since ten thousand results of lists cost Ansible seconds."""
    return {"sample": ", ".join(sample), "certificate": ", ".join(own)}


def _identity(case: Case) -> Identity:
    view: CertificateView | None = case.certificate
    modulus: int | None = None
    primes: tuple[int, ...] = ()
    common_names: tuple[str, ...] = ()
    public_key_id = fingerprint = None
    if view is not None:
        common_names = tuple(view.common_names)
        fingerprint = view.fingerprint
        if view.spki:
            public_key_id = hashlib.sha256(view.spki).hexdigest()
        if isinstance(view.public_key, rsa.RSAPublicKey):
            modulus = view.public_key.public_numbers().n
    if isinstance(case.private_key, rsa.RSAPrivateKey) and case.key_numbers_fit:
        numbers = case.private_key.private_numbers()
        modulus = numbers.public_numbers.n
        primes = (_short_hash(numbers.p), _short_hash(numbers.q))
    return Identity(case.bundle.name, common_names, public_key_id, fingerprint, modulus, primes)


def _short_hash(prime: int) -> int:
    """Enough of a prime to recognize it, and not the prime itself: it would be the private key."""
    digest = hashlib.sha256(prime.to_bytes((prime.bit_length() + 7) // 8, "big")).digest()
    return int.from_bytes(digest[:12], "big")
