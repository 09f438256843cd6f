# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an issuer can do for a request: limits that only it sets, as plain values."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass

from ..values import x509_parts as parts
from ..values.faults import Fault, shown
from .request import SensorRequest


@dataclass(frozen=True)
class Validity:
    """The period a certificate gets; ``clamped`` when the issuer's own end comes before what was asked."""

    not_before: datetime.datetime
    not_after: datetime.datetime
    clamped: bool


@dataclass(frozen=True)
class Terms:
    """What an issuer offers.

    :ivar lifetime_days: the longest validity that it could ever give, days; None: not known.
    :ivar domains: DNS domains it may vouch for, and ``networks`` (both empty: any name).
    :ivar crl_url: the CRL URL that it puts into certificates; only compared if ``exact``.
    :ivar exact: it gives what is asked for, so a certificate that says something else is not the one that is wanted.
        Otherwise what it changed is accepted as long as the requirements are met.
    :ivar not_before: the issuer's own begin, and ``not_after`` its end, as far as they are known.
    """

    lifetime_days: int | None = None
    domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    crl_url: str | None = None
    exact: bool = True
    not_before: datetime.datetime | None = None
    not_after: datetime.datetime | None = None

    def validity(self, days: int, moment: datetime.datetime) -> Validity:
        """From a little in the past until ``days`` from now, within the issuer's own lifetime."""
        wanted = moment + datetime.timedelta(days=days)
        start = max(moment - parts.BACKDATE, self.not_before or moment - parts.BACKDATE)
        if self.not_after is None:
            return Validity(start, wanted, False)
        return Validity(start, min(wanted, self.not_after), wanted > self.not_after)

    def faults(self, request: SensorRequest) -> list[Fault]:
        """Wishes that the issuer must refuse: a life longer than its own, names outside its constraints."""
        found = []
        if self.lifetime_days is not None and request.validity_days > self.lifetime_days:
            wanted = f"at most {self.lifetime_days} days, the issuing CA's whole lifetime"
            found.append(Fault("validity_days", wanted, shown(request.validity_days)))
        if not self.domains and not self.networks:
            return found
        ranges = [ipaddress.ip_network(network) for network in self.networks]
        permitted = ", ".join([*self.domains, *self.networks])
        for name in request.dns_names:
            if not any(_within(name.lower(), domain) for domain in self.domains):
                found.append(_outside("common_name" if name == request.common_name else "sans", name, permitted))
        for address in request.ip_addresses:
            parsed = ipaddress.ip_address(address)
            if not any(parsed in network for network in ranges):
                found.append(_outside("sans", address, permitted))
        return found


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)


def _outside(variable: str, value: str, limits: str) -> Fault:
    return Fault(variable, f"a name that the CA may vouch for (local_ca_permitted_names: {limits})", shown(value))
