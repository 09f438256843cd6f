# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which addresses a URL out of somebody else's certificate may lead to.

The host that fetches stands where the certificate's author does not: its own services, its link's, and its cloud's
metadata answer it without asking who it is (CWE-918). Private networks are what plants are made of, and stay.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Iterable, Sequence, Union

# Python 3.8 has no | for what is no annotation.
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]  # noqa: UP007
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]  # noqa: UP007

# RFC 6890 and the registries that follow it, as far as no web server for others can stand there.
_REFUSED: tuple[tuple[str, str], ...] = (
    ("127.0.0.0/8", "this host itself"),
    ("::1/128", "this host itself"),
    ("0.0.0.0/8", "this host itself"),
    ("::/128", "this host itself"),
    ("169.254.0.0/16", "this host's own link, or its cloud's metadata"),
    ("fe80::/10", "this host's own link"),
    ("fd00:ec2::254/128", "a cloud's metadata"),
    ("fd20:ce::254/128", "a cloud's metadata"),
    ("fd00:42::42/128", "a cloud's metadata"),
    ("fd00:c1::a9fe:a9fe/128", "a cloud's metadata"),
    ("100.100.100.200/32", "a cloud's metadata"),
    ("168.63.129.16/32", "a cloud's metadata"),
    ("192.0.0.192/32", "a cloud's metadata"),
    ("224.0.0.0/4", "a group of hosts"),
    ("ff00::/8", "a group of hosts"),
    ("255.255.255.255/32", "a group of hosts"),
)
_NETWORKS = tuple((ipaddress.ip_network(network), what) for network, what in _REFUSED)
# Addresses of IPv4 in those of IPv6: where the last or other 32 bits stand (RFC 4291, 6052, 2765, 3056, 4380, 5214).
_LAST_32_BITS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96")))
# A network's own prefix may be shorter; then bits 64 to 71 are skipped (RFC 6052, section 2.2).
_NAT64_OF_ONES_OWN = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def networks(texts: Iterable[str], option: str = "allow_networks") -> tuple[Network, ...]:
    """Networks, or single addresses, that are allowed.

    :raises ValueError: one of them is neither; the option is named.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(str(text).strip(), strict=False))
        except ValueError:
            raise ValueError(
                f"{option} has {str(text)!r}; wanted: an address or a network, for example 169.254.10.0/24"
            ) from None
    return tuple(found)


def is_address(text: str) -> bool:
    """Whether a text is an address as tools print it."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def objection(address: str, allowed: Sequence[Network] = ()) -> str:
    """Why nothing is to be fetched from an address; empty if nothing speaks against it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is no address"
    for one in (parsed, *_inside(parsed)):
        if any(one.version == network.version and one in network for network in allowed):
            return ""
    for one in (parsed, *_inside(parsed)):
        for network, what in _NETWORKS:
            if one.version == network.version and one in network:
                return f"{address} is {what}"
    return ""


def literal(host: str) -> str | None:
    """The address that a host is by its text alone, also in the odd forms that resolvers take; otherwise ``None``."""
    name = host.strip().rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(name.strip("[]").partition("%")[0]))
    except ValueError:
        pass
    try:
        # 127.1, 0x7f000001 and 2130706433 are addresses as well (inet_aton(3)).
        return socket.inet_ntoa(socket.inet_aton(name))
    except (OSError, ValueError):
        return None


def _inside(address: Address) -> list[Address]:
    """The addresses of IPv4 that an address of IPv6 leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address] = []
    if address.ipv4_mapped:
        found.append(address.ipv4_mapped)
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found += address.teredo
    number = int(address)
    if (
        any(address in network for network in _LAST_32_BITS)
        or (address in _COMPATIBLE and number > 0xFFFF)
        or number >> 32 & 0xFFFFFFFF in _ISATAP
    ):
        found.append(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    if address in _NAT64_OF_ONES_OWN:
        octets = address.packed[:8] + address.packed[9:]
        # What is behind the address is zero, or it is none.
        places = [start for start in (6, 7, 8, 11) if octets[start] and not any(octets[start + 4 :])]
        found += [ipaddress.IPv4Address(octets[start : start + 4]) for start in places]
    return found
