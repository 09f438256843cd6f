# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What validation says of everything that is staged, as findings of a report."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._plain.errors import PkiError
from ..._plain.texts import harmless
from ..profiles.base import Profile
from ..state.bundles import Bundle
from ..validation import model
from ..validation.case import Settings
from ..validation.engine import check_table, iter_reports
from ..validation.rules_fleet import judge_fleet
from ..values.findings import ERROR, IF_SELF_SIGNED, INFO, WARNING, Finding
from ..values.lists import counted
from ..values.source import Source
from .holdings import Holdings
from .wanted import Wanted

UNREADABLE, GONE = "stage.unreadable", "stage.gone"
# What one sensor may say; more is counted. It keeps one broken bundle from filling everybody's report.
MAX_FINDINGS = 10_000
MAX_WITH_MODULI = 2_000
SELF_SIGNED = "self_signed"


@dataclass
class Judged:
    """What is said of one bundle.

    :ivar facts: of its certificate, as :func:`..validation.facts.facts_of` gives them.
    """

    findings: list[Finding] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Verdicts:
    """What is said of each sensor's bundle; nothing of those that could not be judged."""

    holdings: Holdings
    settings: Settings
    by_name: dict[str, Judged] = field(default_factory=dict)

    @classmethod
    def of(cls, holdings: Holdings, wanted: Iterable[Wanted], policy: model.Policy, workers: int) -> Verdicts:
        """Judge what is staged; keys that need a passphrase are left out."""
        found = cls(holdings, Settings.of(policy))
        names = {sensor.name: sensor.common_name or None for sensor in wanted}
        given = [_given(name, bundle, names.get(name), policy) for name, bundle in holdings.bundles.items()]
        try:
            check_table(policy.profile)
            reports = list(iter_reports(given, found.settings, workers))
        except PkiError as error:
            holdings.problems.append(harmless(f"the staged bundles could not be judged: {error}"))
            return found
        found.by_name = {entry.name: Judged(list(entry.findings), entry.facts) for entry in reports}
        for finding in judge_fleet(_comparable(reports), (), found.settings) if len(reports) > 1 else ():
            for name in finding.objects if finding.id not in found.settings.ignore else ():
                if name in found.by_name:
                    found.by_name[name].findings.append(finding)
        return found

    def facts_of(self, sensor: str) -> Mapping[str, Any]:
        """The facts of its certificate; empty if it was not judged."""
        return self.by_name[sensor].facts if sensor in self.by_name else {}

    def findings_of(self, sensor: str, issuer: str | None, with_bundle: bool) -> tuple[Mapping[str, Any], ...]:
        """Everything that there is to say of a sensor.

        :param issuer: by its name in the inventory; what was asked for is no fault.
        :param with_bundle: whether its bundle is part of the report.
        """
        found = list(self.by_name[sensor].findings) if with_bundle and sensor in self.by_name else []
        if issuer == SELF_SIGNED:
            found = [replace(one, severity=WARNING) if one.id in IF_SELF_SIGNED else one for one in found]
        view = self.holdings.views.get(sensor) if with_bundle else None
        revocation = self.holdings.revocation_of(view) if view is not None else None
        if revocation is not None:
            text = f"the certificate was revoked: {revocation.text}"
            found.append(self.settings.finding("crl.revoked", text, (sensor,)))
        if sensor in self.holdings.broken:
            hint = "Run deploy_certs: it obtains anew what cannot be read, or restore the bundle from the backup."
            found.append(Finding(UNREADABLE, ERROR, self.holdings.broken[sensor], hint))
        since = self.holdings.gone_since(sensor)
        if since is not None:
            hint = "Restore it from the backup, or run deploy_certs: it obtains a new certificate."
            found.append(Finding(GONE, WARNING, f"the bundle that was staged at {since} is not there any more", hint))
        return _plain(found)


def findings_of(
    name: str, bundle: Bundle, profile: Profile, moment: datetime.datetime
) -> tuple[Mapping[str, Any], ...]:
    """What validation says of one bundle by itself, as plain data."""
    policy = policy_of(profile, moment)
    check_table(profile)
    (report,) = iter_reports([_given(name, bundle, None, policy)], Settings.of(policy), 1)
    return _plain(report.findings)


def policy_of(profile: Profile, moment: datetime.datetime) -> model.Policy:
    """As when it was staged: which of the sample's optional fields a subject has is the user's choice."""
    return model.Policy(profile, severities={"subject.field-order": INFO}, at=moment)


def _given(name: str, bundle: Bundle, common_name: str | None, policy: model.Policy) -> model.Bundle:
    key = bundle.key if bundle.key and b"ENCRYPTED" not in bundle.key else None
    return model.Bundle(
        name=name,
        certificate=Source(bundle.files.crt, bundle.crt),
        private_key=Source(bundle.files.key, key, _mode(bundle.files.key)) if key else None,
        chain=Source(bundle.files.pem, bundle.pem),
        expected_common_name=common_name,
        at=policy.at,
    )


def _comparable(reports: list[model.BundleReport]) -> list[model.BundleReport]:
    """What is compared within the fleet.

    A key that cannot be read is compared by its modulus, with all others; in a large fleet that would take a minute.
    """
    if len(reports) <= MAX_WITH_MODULI:
        return reports
    return [
        report if report.identity.primes else replace(report, identity=replace(report.identity, modulus=None))
        for report in reports
    ]


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode & 0o7777
    except OSError:
        return None


def _plain(found: Sequence[Finding]) -> tuple[Mapping[str, Any], ...]:
    told = list(found[:MAX_FINDINGS])
    rest = len(found) - MAX_FINDINGS
    if rest > 0:
        told.append(
            Finding("report.more", ERROR, f"and {counted(rest, 'more finding')}", "Run validate_certs for all of them.")
        )
    return tuple(
        {
            "id": finding.id,
            "severity": finding.severity,
            "message": harmless(finding.message),
            "hint": harmless(finding.hint),
            "upload_error": finding.upload_error,
            "source": finding.source,
        }
        for finding in told
    )
