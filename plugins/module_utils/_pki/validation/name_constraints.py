# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name constraints (RFC 5280, sections 4.2.1.10 and 6.1.3): may a CA certify these names?

Where OpenSSL and RFC 5280 leave room, this follows OpenSSL, which is what sensors run: constraints on DNS
names also apply to a leaf's CN if it has no DNS alternative name and the CN looks like a host name.
"""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from ..crypto import NameOID, x509
from ..values import names
from ..values.certificates import CertificateView
from ..values.text import name_text, normal_name, show

# More comparisons than this in one certificate is an attack, not a PKI (OpenSSL gives up at 1 << 20, in C).
MAX_COMPARISONS = 1 << 17


def _dns_within(name: str, base: str) -> bool:
    name, base = name.lower().rstrip("."), base.lower().rstrip(".")
    if not base:
        return True
    if base.startswith("."):
        return name.endswith(base)
    return name == base or name.endswith("." + base)


def _dns_touches(name: str, base: str) -> bool:
    """Whether a name lies in an excluded subtree; a wildcard does if one of the names it stands for does."""
    if _dns_within(name, base):
        return True
    if name.startswith("*."):
        parent = name[2:].lower()
        return base.lower().lstrip(".").partition(".")[2] == parent
    return False


def _mail_within(address: str, base: str) -> bool:
    local, _at, host = address.rpartition("@")
    if "@" in base:
        base_local, _at, base_host = base.rpartition("@")
        return local == base_local and host.lower() == base_host.lower()
    if base.startswith("."):
        return host.lower().endswith(base.lower())
    return not base or host.lower() == base.lower()


def _uri_within(uri: str, base: str) -> bool | None:
    """None: the constraint cannot be applied, since the URI has no host name (RFC 5280: reject)."""
    try:
        host = urlsplit(uri).hostname
    except ValueError:
        return None
    if not host or names.is_ip_address(host):
        return None
    if base.startswith("."):
        return host.lower().endswith(base.lower())
    return not base or host.lower() == base.lower()


def _within(name: Any, base: Any, excluded: bool) -> bool | None:
    """Whether a general name lies in a subtree of its own type; None if that cannot be told."""
    if isinstance(name, x509.DNSName):
        return _dns_touches(name.value, base.value) if excluded else _dns_within(name.value, base.value)
    if isinstance(name, x509.IPAddress):
        address, network = name.value, base.value
        if not isinstance(network, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
            return None
        if isinstance(address, (ipaddress.IPv4Network, ipaddress.IPv6Network)):
            return None
        return address.version == network.version and address in network
    if isinstance(name, x509.RFC822Name):
        return _mail_within(name.value, base.value)
    if isinstance(name, x509.UniformResourceIdentifier):
        return _uri_within(name.value, base.value)
    if isinstance(name, x509.DirectoryName):
        subtree = normal_name(base.value)
        return bool(normal_name(name.value)[: len(subtree)] == subtree)
    return None


def _text(name: Any) -> str:
    value = name.value if not isinstance(name, x509.OtherName) else name.type_id.dotted_string
    return f"{type(name).__name__} {name_text(value) if isinstance(value, x509.Name) else show(str(value))}"


def certified_names(view: CertificateView, is_leaf: bool) -> list[Any]:
    """All names that a certificate binds to its key, as general names."""
    found: list[Any] = []
    alternatives = view.value("2.5.29.17")
    if alternatives is not None:
        found.extend(alternatives)
    if len(view.subject.rdns):
        found.append(x509.DirectoryName(view.subject))
    kinds = {type(name) for name in found}
    if x509.RFC822Name not in kinds:
        for attribute in view.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            with contextlib.suppress(ValueError, TypeError):  # not an address: nothing to compare
                found.append(x509.RFC822Name(attribute.value))  # type: ignore[arg-type]
    if is_leaf and x509.DNSName not in kinds:
        for common_name in view.common_names:
            plain = common_name[2:] if common_name.startswith("*.") else common_name
            if names.host_name_problem(plain) is None:
                found.append(x509.DNSName(common_name))
    return found


def violation(view: CertificateView, is_leaf: bool, constraints: Any) -> str | None:
    """Why a certificate's names do not fit a CA's name constraints, or None.

    :param constraints: the value of the CA's nameConstraints extension.
    """
    permitted = constraints.permitted_subtrees or []
    excluded = constraints.excluded_subtrees or []
    found = certified_names(view, is_leaf)
    if len(found) * (len(permitted) + len(excluded)) > MAX_COMPARISONS:
        return f"{len(found)} names against {len(permitted) + len(excluded)} subtrees are more than is compared"
    for name in found:
        kind = type(name)
        for base in excluded:
            if isinstance(base, kind):
                inside = _within(name, base, excluded=True)
                if inside is None:
                    return f"whether {_text(name)} lies in the excluded {_text(base)} cannot be told"
                if inside:
                    return f"{_text(name)} lies in the excluded {_text(base)}"
        bases = [base for base in permitted if isinstance(base, kind)]
        if not bases:
            continue
        answers = [_within(name, base, excluded=False) for base in bases]
        if not any(answers):
            if None in answers:
                return f"whether {_text(name)} is permitted cannot be told"
            return f"{_text(name)} lies outside what is permitted ({', '.join(_text(base) for base in bases[:5])})"
    return None
