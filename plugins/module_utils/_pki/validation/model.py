# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes into a validation and what comes out of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Sequence

from ..profiles.base import Profile
from ..values.findings import ERROR, INFO, SEVERITIES, WARNING, Finding
from ..values.source import MAX_CRL_BYTES, MAX_FILE_BYTES, Source

__all__ = [
    "ERROR",
    "INFO",
    "MAX_CRL_BYTES",
    "MAX_FILE_BYTES",
    "SEVERITIES",
    "WARNING",
    "Bundle",
    "BundleReport",
    "Finding",
    "FleetReport",
    "Identity",
    "KnownCertificate",
    "LaterBundles",
    "Policy",
    "Source",
]


@dataclass(frozen=True)
class Bundle:
    """One certificate with what belongs to it, and what is asked of it.

    :ivar crl_validation: whether the organization validates against a CRL; None: it does not say.
    :ivar wants_key: whether it was found in a folder, where the files for an upload lie together.
    :ivar at: the moment to judge for, with a time zone; None: the policy's.
    :ivar min_days_left: days before the end from which on a certificate counts as expiring; 0: never.
    """

    name: str
    certificate: Source | None = None
    private_key: Source | None = None
    chain: Source | None = None
    csr: Source | None = None
    wants_key: bool = False
    private_key_passphrase: str | None = field(default=None, repr=False)
    expected_common_name: str | None = None
    trusted_roots: tuple[Source, ...] = ()
    crls: tuple[Source, ...] = ()
    crl_validation: bool | None = None
    at: datetime.datetime | None = None
    min_days_left: int = 30


# Python 3.8 cannot subscript the Sequence of collections.abc while it runs.
class LaterBundles(Sequence[Bundle]):
    """Bundles that are put together when their turn has come, by the process that judges them.

    So the files of ten thousand sensors are read by all processors, and never are in memory at once.
    """

    def __init__(self, makers: Sequence[Callable[[], Bundle]]) -> None:
        """Prepare.

        :param makers: for each bundle a function without arguments that reads its files; it does not raise.
        """
        self._makers = makers

    def __len__(self) -> int:
        """How many bundles there are."""
        return len(self._makers)

    def __getitem__(self, position: Any) -> Any:
        """The bundle at a position."""
        return self._makers[position]()


@dataclass(frozen=True)
class Policy:
    """How to judge all bundles of a run.

    :ivar profile: the requirements of the appliance.
    :ivar ignore: ids of findings to waive; they are listed as waived.
    :ivar severities: other severities, by id.
    :ivar key_check: ``match`` or ``full``.
    :ivar at: the moment to judge for where a bundle names none; None: now.
    """

    profile: Profile
    ignore: frozenset[str] = frozenset()
    severities: Mapping[str, str] = field(default_factory=dict)
    key_check: str = "match"
    at: datetime.datetime | None = None


@dataclass(frozen=True)
class Identity:
    """What must be unique in a fleet, of one certificate.

    :ivar primes: short hashes of the private key's primes, to see one shared without keeping it.
    :ivar numbering: a mark of its issuer's name and its serial number (:func:`.facts.numbering_of`).
    :ivar authorities: such a mark and the fingerprint of each CA above it.
    """

    name: str
    common_names: tuple[str, ...] = ()
    public_key_id: str | None = None
    fingerprint: str | None = None
    modulus: int | None = field(default=None, repr=False)
    primes: tuple[int, ...] = field(default=(), repr=False)
    numbering: str | None = None
    authorities: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class KnownCertificate:
    """A certificate that is not judged in this run, but must not be collided with.

    :ivar numbering: as in :class:`Identity`, if it is known.
    """

    name: str
    common_name: str
    public_key_id: str
    fingerprint: str
    numbering: str | None = None


@dataclass(frozen=True)
class BundleReport:
    """The verdict on one bundle.

    :ivar facts: what the certificate says (plain data), empty if it cannot be read.
    """

    name: str
    findings: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    facts: Mapping[str, Any]
    identity: Identity

    @property
    def valid(self) -> bool:
        """No finding of severity error."""
        return not any(finding.severity == ERROR for finding in self.findings)


@dataclass(frozen=True)
class FleetReport:
    """The verdict on all bundles of a run.

    :ivar expiring: name, common name, end and days left of certificates close to expiry, soonest first.
    """

    results: list[BundleReport]
    fleet_findings: tuple[Finding, ...] = ()
    fleet_waived: tuple[Finding, ...] = ()
    expiring: list[dict[str, Any]] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """No finding of severity error, neither of a bundle nor of the fleet."""
        return all(report.valid for report in self.results) and not any(
            finding.severity == ERROR for finding in self.fleet_findings
        )
