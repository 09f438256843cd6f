# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may stand in a hosts file: addresses and names, brought to one normal form for comparison."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .errors import InputError

# Underscores are no host names by RFC 1123, but resolvers take them and Windows machines have them.
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")
# Letters that IDNA 2003 (Python's codec) and IDNA 2008 (browsers) turn into different names.
_AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d]")


@dataclass(frozen=True)
class Entry:
    """An address and the names that lead to it.

    :ivar ip: the address as given, or empty (any address, for removal).
    :ivar address: its normal form for comparison.
    :ivar names: the names as they are written to the file, ASCII.
    :ivar label: how messages call the entry, for example ``entries[3]``.
    """

    ip: str
    address: str
    names: tuple[str, ...]
    label: str


def normal_address(text: str) -> str | None:
    """An address in one spelling, its zone index kept; ``None`` if a resolver would not read it.

    An octet with a leading zero is octal to some programs and decimal to others, so it is no address.
    """
    plain, percent, zone = text.partition("%")
    if re.search(r"(?:^|[.:])0\d+(?:\.|$)", plain) and "." in plain:
        return None
    try:
        return str(ipaddress.ip_address(plain)) + percent + zone
    except ValueError:
        return None


def _checked_address(text: str, label: str) -> str:
    if "%" in text:
        raise InputError(f"{label}: ip is {text!r}, but an address in a hosts file has no zone index (%...)")
    address = normal_address(text)
    if address is None:
        if re.fullmatch(r"[0-9.]+", text) and re.search(r"(?:^|\.)0\d", text):
            raise InputError(
                f"{label}: ip is {text!r}; write it without leading zeros, which some programs read as octal"
            )
        raise InputError(f"{label}: ip is {text!r}, which is no IPv4 or IPv6 address")
    return address


def checked_name(text: str, label: str, warnings: list[str]) -> str:
    """A name as it goes into the file.

    A trailing dot is left away and a non-ASCII name is written in its ``xn--`` form, both with a warning.

    :raises InputError: it cannot stand in a hosts file.
    """
    name = text
    if name.endswith(".") and name != "." and not name.endswith(".."):
        name = name[:-1]
        warnings.append(f"{label}: {text!r} is written without its trailing dot, which hosts files do not know")
    if not name.isascii():
        if _AMBIGUOUS.search(name):
            raise InputError(
                f"{label}: name {text!r} has a letter that programs encode in different ways; write its xn-- form"
            )
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise InputError(f"{label}: name {text!r} cannot be encoded as a domain name ({error})") from error
        warnings.append(f"{label}: {text!r} is written as {name}")
    problem = _name_problem(name)
    if problem:
        raise InputError(f"{label}: name {text!r} cannot stand in a hosts file; wanted: {problem}")
    return name


def _name_problem(name: str) -> str | None:
    if not name:
        return "a name that is not empty"
    if "*" in name:
        return "one full name, hosts files know no wildcards"
    if re.search(r"[\s#\x00-\x1f\x7f]", name):
        return "one name without blanks and #"
    if normal_address(name) is not None:
        return "a name, not an address"
    if len(name) > 253:
        return "at most 253 characters"
    if not all(_LABEL.match(part) for part in name.split(".")):
        return "labels of at most 63 letters, digits, hyphens and underscores, separated by single dots"
    return None


def parse_entries(raw: Sequence[Mapping[str, Any]], present: bool, warnings: list[str]) -> list[Entry]:
    """Check a batch; every fault is told at once.

    :param raw: objects with ``ip`` and ``names``.
    :param present: whether they are to be written; otherwise ``ip`` may be missing, which means any address.
    :raises InputError: some of them cannot be used; nothing was done.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    for index, item in enumerate(raw):
        label = str(item.get("label") or f"entries[{index}]")
        ip = str(item.get("ip") or "").strip()
        try:
            if not ip and present:
                raise InputError(f"{label}: ip is missing")
            address = _checked_address(ip, label) if ip else ""
            names: list[str] = []
            for text in item.get("names") or []:
                name = checked_name(str(text).strip(), label, warnings)
                if present and name.lower() == "localhost":
                    raise InputError(f"{label}: localhost always is this machine and cannot be given to {ip}")
                if name.lower() not in (known.lower() for known in names):
                    names.append(name)
            if not names:
                raise InputError(f"{label}: names is empty; wanted: at least one name")
        except InputError as error:
            faults.append(str(error))
            continue
        entries.append(Entry(ip, address, tuple(names), label))
    faults += _contradictions(entries) if present else []
    if faults:
        shown = "; ".join(faults[:20])
        raise InputError(shown + (f"; and {len(faults) - 20} more" if len(faults) > 20 else ""))
    return entries


def _contradictions(entries: Sequence[Entry]) -> list[str]:
    """A name may have an IPv4 and an IPv6 address, but not two of a kind: only the first would ever be used."""
    first: dict[tuple[str, bool], Entry] = {}
    faults = []
    for entry in entries:
        for name in entry.names:
            seen = first.setdefault((name.lower(), ":" in entry.address), entry)
            if seen.address != entry.address:
                faults.append(f"{seen.label} and {entry.label}: {name} is given both to {seen.ip} and to {entry.ip}")
    return faults
