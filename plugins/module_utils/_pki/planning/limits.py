# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the CA at hand can do for a request: limits that only it sets."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..crypto import x509
from ..issuers.local_ca.settings import AuthoritySettings
from ..values import x509_parts as parts
from .request import Fault, SensorRequest, shown


@dataclass(frozen=True)
class Limits:
    """The issuing CA's whole lifetime in days, and the names it may vouch for (none: any)."""

    lifetime_days: int
    domains: tuple[str, ...]
    networks: tuple[str, ...]


def limits_of(certificate: x509.Certificate) -> Limits:
    """The limits of the CA that is there."""
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    domains, networks = parts.permitted_names(certificate)
    # The lifetime includes the backdating, which is no whole day.
    return Limits(lifetime.days, tuple(domains), tuple(networks))


def planned_limits(settings: AuthoritySettings) -> Limits:
    """The limits of a CA that is yet to be made."""
    days = settings.issuing_validity_days if settings.tiers == 2 else settings.root_validity_days
    return Limits(days, settings.permitted_dns, settings.permitted_networks)


def limit_faults(request: SensorRequest, limits: Limits) -> list[Fault]:
    """Wishes that the CA must refuse: a life longer than its own, names outside its constraints."""
    faults = []
    if request.validity_days > limits.lifetime_days:
        wanted = f"at most {limits.lifetime_days} days, the issuing CA's whole lifetime"
        faults.append(Fault("validity_days", wanted, shown(request.validity_days)))
    if not limits.domains and not limits.networks:
        return faults
    ranges = [ipaddress.ip_network(network) for network in limits.networks]
    permitted = ", ".join([*limits.domains, *limits.networks])
    for name in request.dns_names:
        if not any(_within(name.lower(), domain) for domain in limits.domains):
            faults.append(_outside("common_name" if name == request.common_name else "sans", name, permitted))
    for address in request.ip_addresses:
        parsed = ipaddress.ip_address(address)
        if not any(parsed in network for network in ranges):
            faults.append(_outside("sans", address, permitted))
    return faults


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)


def _outside(variable: str, value: str, limits: str) -> Fault:
    return Fault(variable, f"a name that the CA may vouch for (local_ca_permitted_names: {limits})", shown(value))
