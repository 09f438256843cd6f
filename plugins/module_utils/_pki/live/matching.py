# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a certificate is good for the name by which people open a console."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ..crypto import x509
from ..values.certificates import CertificateView
from ..values.names import is_ip_address
from ..values.text import show
from .targets import ascii_name


@dataclass(frozen=True)
class NameMatch:
    """The verdict, and what people should know about it even if it is good."""

    matches: bool
    note: str | None = None


def match_name(view: CertificateView, name: str) -> NameMatch:
    """Compare as browsers do (RFC 6125, section 6.4), and leniently where there is nothing to compare with.

    If the certificate has a subject alternative name, that decides. Without one the common name does, as
    in the vendor's documents, with a note that browsers ignore it.
    """
    common_names = view.common_names
    by_common_name = any(_same(candidate, name) for candidate in common_names)
    if view.value("2.5.29.17") is None:
        note = "it has no subject alternative name, and browsers ignore the common name" if by_common_name else None
        return NameMatch(by_common_name, note)
    if is_ip_address(name):
        wanted = ipaddress.ip_address(name)
        matches = wanted in view.alternative_names(x509.IPAddress)
    else:
        matches = any(_same(pattern, name) for pattern in view.alternative_names(x509.DNSName))
    if by_common_name and not matches:
        return NameMatch(False, "the common name is right, but browsers look at the subject alternative names only")
    if matches and not by_common_name and common_names and not is_ip_address(name):
        return NameMatch(True, f"its common name is {show(common_names[-1])}; the name is a subject alternative name")
    return NameMatch(matches)


def _same(pattern: str, name: str) -> bool:
    """Whether a certificate's name, which may begin with a wildcard label, is this name."""
    if is_ip_address(name) or is_ip_address(pattern):
        return pattern == name
    wanted = (ascii_name(name.rstrip(".")) or name).lower().split(".")
    offered = pattern.rstrip(".").lower().split(".")
    if offered[0] == "*" and len(offered) > 2:
        return len(offered) == len(wanted) and offered[1:] == wanted[1:]
    return offered == wanted
