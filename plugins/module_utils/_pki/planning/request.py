# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked for one sensor: parsed and checked before anything is made.

:func:`parse_request` collects every fault of a sensor instead of stopping at the first, because
people with a thousand sensors want to mend their inventory once.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..profiles.base import Profile
from ..profiles.defender_iot.profile import DEFENDER_IOT
from ..values import names
from ..values.faults import Fault, kind_of, no_option, shown, whole_number
from ..values.lists import some

LOCAL_CA = "local_ca"
# Whose certificates say what they say: the inventory's subject is not asked for.
RECEIVED = "received"
ENVIRONMENTS = ("production", "test")
MAX_SPREAD_DAYS = 3650
MAX_VALIDITY_DAYS = 36_500

OPTIONS = (
    "name",
    "common_name",
    "subject",
    "sans",
    "key_size",
    "key_passphrase",
    "received_passphrase",
    "validity_days",
    "renew_before_days",
    "renew_spread_days",
    "issuer",
    "environment",
    "reissue",
)
# What the inventory also says of a sensor, and no certificate depends on.
FACTS = ("groups", "ip")


@dataclass(frozen=True)
class SensorRequest:
    """A sensor's wishes, fit to be issued.

    ``subject`` holds the given fields in the profile's order, without the CN.
    ``renew_before_days`` ``None`` leaves the moment of renewal to :mod:`.due`.
    """

    name: str
    common_name: str
    subject: tuple[tuple[str, str], ...]
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    key_size: int = 2048
    validity_days: int = 730
    renew_before_days: int | None = None
    renew_spread_days: int = 0
    key_passphrase: str | None = field(default=None, repr=False)
    received_passphrase: str | None = field(default=None, repr=False)
    issuer: str = LOCAL_CA
    environment: str = "production"
    reissue: bool = False
    groups: tuple[str, ...] = ()
    profile: Profile = field(default=DEFENDER_IOT, repr=False, compare=False)


class _Parser:
    def __init__(self, raw: Mapping[str, Any], profile: Profile) -> None:
        self.raw = raw
        self.profile = profile
        self.faults: list[Fault] = []

    def fault(self, variable: str, wanted: str, *given: Any) -> None:
        self.faults.append(Fault(variable, wanted, shown(given[0]) if given else None))

    def given(self, key: str) -> Any:
        return self.raw.get(key)

    def name(self) -> str:
        value = self.given("name")
        if not isinstance(value, str):
            self.fault("name", "the sensor's name in the inventory", *(() if value is None else (value,)))
            return ""
        problem = names.folder_name_problem(value)
        if problem:
            self.fault("name", problem + ", since it becomes a folder", value)
        return value

    def common_name(self, default: str) -> str:
        value = self.given("common_name")
        if value is None:
            value = default
        if not isinstance(value, str):
            self.fault("common_name", "the sensor's domain name", value)
            return ""
        problem = names.common_name_problem(value)
        if problem:
            self.fault("common_name", problem, value)
        return value

    def subject(self) -> tuple[tuple[str, str], ...]:
        value = self.given("subject")
        fields = [entry for entry in self.profile.subject if entry.short != "CN"]
        known = [entry.key for entry in fields]
        required = [entry.key for entry in fields if entry.required]
        if not isinstance(value, Mapping):
            wanted = f"a dictionary with {', '.join(required)}"
            self.faults.append(Fault("subject", wanted, None if value is None else kind_of(value)))
            return ()
        for key in value:
            if key not in known:
                self.faults.append(no_option(f"subject.{key}", f"one of the known fields {', '.join(known)}"))
        found = []
        for entry in fields:
            text = self._subject_value(entry.key, value.get(entry.key), entry.max_length, entry.required)
            if text is not None:
                found.append((entry.short, text))
        return tuple(found)

    def _subject_value(self, key: str, value: Any, bound: int, needed: bool) -> str | None:
        variable = f"subject.{key}"
        if value is None or (value == "" and not needed):
            if needed:
                self.fault(variable, self._subject_wanted(key, bound))
            return None
        if key == "country" and value is False:
            self.fault(variable, 'two capital letters; YAML reads NO without quotes as false, so write "NO"', value)
            return None
        if not isinstance(value, str):
            self.fault(variable, "a text (put it in quotes)", value)
            return None
        if key == "country":
            problem = names.country_problem(value)
        elif key == "email":
            problem = names.email_problem(value)
        else:
            problem = names.text_problem(value, bound)
        if problem:
            self.fault(variable, problem, value)
            return None
        return value

    @staticmethod
    def _subject_wanted(key: str, bound: int) -> str:
        if key == "country":
            return "two capital letters (ISO 3166-1), for example US"
        return f"a text of 1 to {bound} characters"

    def sans(self, common_name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        value = self.given("sans")
        # The CN comes first: browsers look at nothing but the SAN (RFC 9525 section 2).
        dns_names, addresses = [common_name], []
        if value is None:
            value = []
        if not isinstance(value, (list, tuple)):
            self.faults.append(Fault("sans", "a list of host names and IP addresses", kind_of(value)))
            value = []
        for position, entry in enumerate(value):
            variable = f"sans[{position}]"
            if not isinstance(entry, str):
                self.fault(variable, "a host name or an IP address, as a text", entry)
                continue
            kind, colon, rest = entry.partition(":")
            marked = kind.upper() if colon and kind.upper() in ("DNS", "IP") else ""
            text = rest if marked else entry
            if marked != "DNS" and names.is_ip_address(text) and "%" not in text:
                addresses.append(str(ipaddress.ip_address(text)))
                continue
            problem = "an IP address" if marked == "IP" else names.host_name_problem(text)
            if problem:
                self.fault(variable, problem if marked else f"{problem}; or an IP address", entry)
            else:
                dns_names.append(text)
        unique_names = {text.lower(): text for text in reversed(dns_names)}
        return tuple(unique_names[text] for text in dict.fromkeys(map(str.lower, dns_names))), tuple(
            dict.fromkeys(addresses)
        )

    def number(self, key: str, wanted: str, default: int | None, low: int, high: int) -> int | None:
        value = self.given(key)
        if value is None or value == "":
            return default
        number = whole_number(value)
        if number is None or not low <= number <= high:
            self.fault(key, wanted, value)
            return default
        return number

    def choice(self, key: str, allowed: tuple[Any, ...], default: Any) -> Any:
        value = self.given(key)
        if value is None:
            return default
        chosen = whole_number(value) if isinstance(default, int) else value
        if chosen not in allowed:
            self.fault(key, " or ".join(str(choice) for choice in allowed), value)
            return default
        return chosen

    def key_passphrase(self) -> str | None:
        value = self.given("key_passphrase")
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.faults.append(Fault("key_passphrase", "a text (put it in quotes)", "not a text"))
            return None
        position = self.profile.forbidden_passphrase_position(value)
        if position is not None:
            wanted = f"only {self.profile.passphrase_wanted}"
            self.faults.append(
                Fault("key_passphrase", wanted, f"not accepted by the sensors: character {position} is not allowed")
            )
            return None
        return value

    def received_passphrase(self) -> str | None:
        value = self.given("received_passphrase")
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.faults.append(Fault("received_passphrase", "a text (put it in quotes)", "not a text"))
            return None
        return value

    def issuer(self, known: Collection[str]) -> str:
        value = self.given("issuer")
        if value is None or value == "":
            return LOCAL_CA
        if not isinstance(value, str) or value not in known:
            close = difflib.get_close_matches(str(value), list(known), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            self.fault("issuer", f"one of {', '.join(known)}, or a key of sensor_certificates_issuers{hint}", value)
            return LOCAL_CA
        return value

    def truth(self, key: str) -> bool:
        value = self.given(key)
        if value is None or value == "":
            return False
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "yes", "false", "no"):
            return value.lower() in ("true", "yes")
        self.fault(key, "true or false", value)
        return False

    def groups(self) -> tuple[str, ...]:
        value = self.given("groups")
        return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, (list, tuple)) else ()


def parse_request(
    raw: Mapping[str, Any], issuers: Collection[str] = (LOCAL_CA,), profile: Profile = DEFENDER_IOT
) -> tuple[SensorRequest | None, list[Fault]]:
    """Turn one sensor's options into a request.

    :param raw: the options of :data:`OPTIONS`; ``variable_errors`` may hold a map from variables that
        could not be evaluated to the reasons.
    :param issuers: the names of the issuers that the run knows.
    :param profile: what the appliance asks for.
    :returns: the request, or ``None`` and everything that is wrong with the options.
    """
    parser = _Parser(raw, profile)
    unresolved = raw.get("variable_errors") or {}
    for variable, reason in unresolved.items():
        parser.faults.append(Fault(variable, "a value that can be evaluated", f"not usable ({reason})"))
    for key in raw:
        if key not in OPTIONS and key not in FACTS and key != "variable_errors":
            parser.faults.append(no_option(key, f"one of the known options {', '.join(OPTIONS)}"))
    name = parser.name()
    common_name = parser.common_name(name)
    issuer = parser.issuer(issuers)
    needs_subject = issuer != RECEIVED or raw.get("subject")
    subject = parser.subject() if "subject" not in unresolved and needs_subject else ()
    dns_names, ip_addresses = parser.sans(common_name)
    validity = parser.number(
        "validity_days", f"a whole number of days from 1 to {MAX_VALIDITY_DAYS}", 730, 1, MAX_VALIDITY_DAYS
    )
    renew = parser.number("renew_before_days", "a whole number of days, 0 or more", None, 0, MAX_VALIDITY_DAYS)
    if renew is not None and validity is not None and renew >= validity:
        parser.fault(
            "renew_before_days", f"fewer days than validity_days ({validity}), or every run would renew", renew
        )
    request = SensorRequest(
        name=name,
        common_name=common_name,
        subject=subject,
        dns_names=dns_names,
        ip_addresses=ip_addresses,
        key_size=parser.choice("key_size", profile.key_sizes, profile.key_sizes[0]),
        validity_days=validity or 730,
        renew_before_days=renew,
        key_passphrase=parser.key_passphrase(),
        renew_spread_days=parser.number(
            "renew_spread_days", f"a whole number of days from 0 to {MAX_SPREAD_DAYS}", 0, 0, MAX_SPREAD_DAYS
        )
        or 0,
        received_passphrase=parser.received_passphrase(),
        issuer=issuer,
        environment=parser.choice("environment", ENVIRONMENTS, "production"),
        reissue=parser.truth("reissue"),
        groups=parser.groups(),
        profile=profile,
    )
    return (None if parser.faults else request), parser.faults


def duplicate_faults(
    raws: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]] = ()
) -> dict[int, list[Fault]]:
    """Names and CNs that two sensors share, told to each of them.

    :param raws: the sensors of this run.
    :param others: sensors of the fleet that this run leaves alone (``name``, ``common_name``).
    :returns: the faults by position in ``raws``.
    """
    users: dict[tuple[str, str], list[tuple[int, str]]] = {}
    mine = list(raws)
    for position, raw in enumerate([*mine, *others]):
        name = raw.get("name")
        common_name = raw.get("common_name")
        if common_name is None:
            common_name = name
        if isinstance(name, str):
            # Folders of the stage directory: on a file system that ignores case two of these would be one.
            users.setdefault(("name", names.look_alike(name)), []).append((position, name))
        if isinstance(common_name, str) and common_name:
            # DNS names are compared without case (RFC 4343).
            users.setdefault(("common_name", common_name.lower()), []).append((position, str(name)))
    faults: dict[int, list[Fault]] = {}
    for (variable, value), holders in users.items():
        if len(holders) < 2:
            continue
        for position, name in holders:
            if position >= len(mine):
                continue
            rest = [other for place, other in holders if place != position]
            alike = variable == "name" and any(other != name for other in rest)
            wanted = f"a value of its own: {some(rest)} has the same"
            if alike:
                wanted = (
                    f"a name that differs in more than case or what nobody sees: {some(rest)} looks the same, "
                    "and their folders would be one where case does not count"
                )
            faults.setdefault(position, []).append(Fault(variable, wanted, shown(name if alike else value)))
    return faults
