# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One bundle while it is being judged, and how a rule reports what it finds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, List, TypeVar

from ..profiles.base import Profile
from ..values.certificates import CertificateView
from .model import Bundle, Finding, Policy
from .path import Path, Search

if TYPE_CHECKING:
    from ..crypto import rsa, x509


@dataclass(frozen=True)
class Settings:
    """A policy worked out: profile, waivers and severities merged; the run's own win."""

    profile: Profile
    ignore: frozenset[str]
    severities: Mapping[str, str]
    key_check: str
    at: datetime.datetime

    @classmethod
    def of(cls, policy: Policy) -> Settings:
        """The settings of a policy; "now" is taken here, once for all bundles."""
        profile = policy.profile
        return cls(
            profile,
            # Who gives a check a severity for this run wants to hear of it, though the profile waives it.
            policy.ignore.union(entry for entry in profile.ignore if entry not in policy.severities),
            {**profile.severities, **policy.severities},
            policy.key_check,
            policy.at or datetime.datetime.now(datetime.timezone.utc),
        )

    def finding(
        self,
        check_id: str,
        message: str,
        objects: tuple[str, ...],
        file: str | None = None,
        hint: str | None = None,
    ) -> Finding:
        """A finding with what the table of checks says of its id."""
        check = self.profile.checks[check_id]
        severity = self.severities.get(check_id, check.severity)
        return Finding(
            id=check_id,
            severity=severity,
            message=message,
            hint=hint or check.hint,
            upload_error=check.upload_error,
            source=check.source,
            file=file,
            objects=objects,
            default_severity=check.severity if severity != check.severity else None,
        )


@dataclass
class Case:
    """What is known of a bundle so far; rules read it, and the reading ones fill it."""

    bundle: Bundle
    settings: Settings
    findings: list[Finding] = field(default_factory=list)
    waived: list[Finding] = field(default_factory=list)
    certificate: CertificateView | None = None
    extra_certificates: tuple[CertificateView, ...] = ()
    private_key: Any = field(default=None, repr=False)
    # Of an RSA key whose numbers fit each other.
    key_numbers: rsa.RSAPrivateNumbers | None = field(default=None, repr=False)
    csr: x509.CertificateSigningRequest | None = None
    chain: tuple[CertificateView, ...] = ()
    roots: tuple[CertificateView, ...] = ()
    chain_broken: bool = False
    roots_broken: bool = False
    files: dict[str, str] = field(default_factory=dict)
    search: Search | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        #: The moment to judge for, in whole seconds: a certificate is valid to the end of its last one.
        self.at = (self.bundle.at or self.settings.at).replace(microsecond=0)

    def file_of(self, view: CertificateView) -> str | None:
        """The file in which a certificate of this bundle stands."""
        return self.files.get(view.fingerprint)

    def report(self, check_id: str, message: str, file: str | None = None, hint: str | None = None) -> None:
        """Note a finding; the same one twice is one."""
        finding = self.settings.finding(check_id, message, (self.bundle.name,), file, hint)
        into = self.waived if check_id in self.settings.ignore else self.findings
        if finding not in into:
            into.append(finding)


RuleFunction = TypeVar("RuleFunction", bound="Callable[[Case], None]")


@dataclass(frozen=True)
class Rule:
    """A function of the engine and the ids that it can report."""

    function: Callable[[Case], None]
    ids: frozenset[str]

    @property
    def name(self) -> str:
        """The function's name, for a failure of the rule itself."""
        return self.function.__name__.replace("_", " ").strip()


# Python 3.8 cannot subscript list while it runs.
_List = List["Rule"]  # noqa: UP006


class Rules(_List):
    """The rules of a file, in the order in which they are declared and run."""

    def rule(self, *ids: str) -> Callable[[RuleFunction], RuleFunction]:
        """Declare a rule and the ids that it can report; the engine asks the profile's table for each of them."""

        def register(function: RuleFunction) -> RuleFunction:
            self.append(Rule(function, frozenset(ids)))
            return function

        return register
