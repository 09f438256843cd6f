# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the embedded CA is to be made, checked before anything is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...values import names
from ...values.faults import Fault, kind_of, no_option, shown, whole_number

MIN_PASSPHRASE = 12
KEY_SIZES = (2048, 3072, 4096)
SUBJECT_FIELDS = {"country": "C", "organization": "O", "organizational_unit": "OU"}


@dataclass(frozen=True)
class AuthoritySettings:
    """Everything that is fixed at the moment the CA is made.

    Validity is in days. ``permitted_dns`` and ``permitted_networks`` become critical name constraints
    (RFC 5280 section 4.2.1.10); if both are empty the CA may vouch for any name.
    """

    passphrase: str = field(repr=False)
    name: str = "OT Sensors"
    subject: tuple[tuple[str, str], ...] = ()
    tiers: int = 2
    key_size: int = 4096
    root_validity_days: int = 7300
    issuing_validity_days: int = 3650
    permitted_dns: tuple[str, ...] = ()
    permitted_networks: tuple[str, ...] = ()
    root_crl_url: str | None = None

    @property
    def constrained(self) -> bool:
        """Whether the CA is limited to certain names."""
        return bool(self.permitted_dns or self.permitted_networks)


def passphrase_fault(value: Any) -> Fault | None:
    """The CA's passphrase protects everything that trusts it, so it must be there and not be short."""
    wanted = f"at least {MIN_PASSPHRASE} characters (set it in an Ansible Vault file or by -e @file)"
    if value is None or value == "":
        return Fault("passphrase", wanted)
    if not isinstance(value, str):
        return Fault("passphrase", wanted, "not a text (put it in quotes)")
    if len(value) < MIN_PASSPHRASE:
        return Fault("passphrase", wanted, f"too short: it has {len(value)} characters")
    if "\x00" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        return Fault("passphrase", "characters that can be written as UTF-8, without NUL", "not usable")
    return None


def _permitted(value: Any, faults: list[Fault]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    dns: list[str] = []
    networks: list[str] = []
    if value is None:
        return (), ()
    if not isinstance(value, (list, tuple)):
        faults.append(Fault("permitted_names", "a list of DNS domains and IP networks", kind_of(value)))
        return (), ()
    for position, entry in enumerate(value):
        variable = f"permitted_names[{position}]"
        if not isinstance(entry, str):
            faults.append(Fault(variable, "a DNS domain or an IP network, as a text", shown(entry)))
            continue
        try:
            networks.append(str(ipaddress.ip_network(entry)))
            continue
        except ValueError as error:
            if "/" in entry or names.is_ip_address(entry):
                faults.append(Fault(variable, f"an IP network ({error})", shown(entry)))
                continue
        # A leading dot is common elsewhere, but RFC 5280 writes the bare domain, which covers what is below it.
        domain = entry[1:] if entry.startswith(".") else entry
        problem = names.host_name_problem(domain)
        if problem:
            faults.append(Fault(variable, f"a DNS domain such as plant.example, or an IP network ({problem})", entry))
        else:
            dns.append(domain.lower())
    return tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(networks))


def _number(raw: Mapping[str, Any], key: str, default: int, faults: list[Fault]) -> int:
    if raw.get(key) is None:
        return default
    number = whole_number(raw[key])
    if number is None or not 1 <= number <= 36_500:
        faults.append(Fault(key, "a whole number of days from 1 to 36500", shown(raw[key])))
        return default
    return number


def _choice(raw: Mapping[str, Any], key: str, allowed: tuple[int, ...], default: int, faults: list[Fault]) -> int:
    if raw.get(key) is None:
        return default
    number = whole_number(raw[key])
    if number not in allowed:
        faults.append(Fault(key, " or ".join(map(str, allowed)), shown(raw[key])))
        return default
    return number


def _subject(value: Any, faults: list[Fault]) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        faults.append(Fault("subject", f"a dictionary with any of {', '.join(SUBJECT_FIELDS)}", kind_of(value)))
        return ()
    result = []
    for key in value:
        if key not in SUBJECT_FIELDS:
            faults.append(no_option(f"subject.{key}", f"one of {', '.join(SUBJECT_FIELDS)}"))
    for key, short in SUBJECT_FIELDS.items():
        text = value.get(key)
        if text is None or text == "":
            continue
        if not isinstance(text, str):
            faults.append(Fault(f"subject.{key}", "a text (put it in quotes)", shown(text)))
            continue
        problem = names.country_problem(text) if key == "country" else names.text_problem(text, 64)
        if problem:
            faults.append(Fault(f"subject.{key}", problem, shown(text)))
        else:
            result.append((short, text))
    return tuple(result)


def parse_settings(raw: Mapping[str, Any]) -> tuple[AuthoritySettings | None, list[Fault]]:
    """Turn the options of the ``local_ca`` module into settings, or into everything that is wrong with them."""
    faults: list[Fault] = []
    problem = passphrase_fault(raw.get("passphrase"))
    if problem:
        faults.append(problem)
    name = raw.get("name") if raw.get("name") is not None else "OT Sensors"
    # " Issuing CA " and the key's mark must fit into the CN as well.
    wanted = names.text_problem(name, 40) if isinstance(name, str) else "a text"
    if wanted:
        faults.append(Fault("name", wanted, shown(name)))
    permitted_dns, permitted_networks = _permitted(raw.get("permitted_names"), faults)
    root_crl_url = raw.get("root_crl_url") or None
    if root_crl_url is not None:
        url_problem = names.crl_url_problem(root_crl_url) if isinstance(root_crl_url, str) else "an http:// URL"
        if url_problem:
            faults.append(Fault("root_crl_url", url_problem, shown(root_crl_url)))
    root_days = _number(raw, "root_validity_days", 7300, faults)
    issuing_days = _number(raw, "issuing_validity_days", 3650, faults)
    tiers = _choice(raw, "tiers", (1, 2), 2, faults)
    if tiers == 2 and issuing_days > root_days:
        faults.append(Fault("issuing_validity_days", f"at most root_validity_days ({root_days})", shown(issuing_days)))
    subject = _subject(raw.get("subject"), faults)
    key_size = _choice(raw, "key_size", KEY_SIZES, 4096, faults)
    if faults:
        return None, faults
    return AuthoritySettings(
        passphrase=raw["passphrase"],
        name=str(name),
        subject=subject,
        tiers=tiers,
        key_size=key_size,
        root_validity_days=root_days,
        issuing_validity_days=issuing_days,
        permitted_dns=permitted_dns,
        permitted_networks=permitted_networks,
        root_crl_url=root_crl_url,
    ), []
