# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Profiles: requirements as data, extended from a file without touching the engine."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError
from ..._plain.files import read_file
from ..profiles.defender_iot.catalogue import BY_ID
from .model import ERROR, SEVERITIES

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

MAX_PROFILE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Profile:
    """What a type of appliance asks of its certificates.

    :ivar subject_order: short names of the sample's subject fields.
    :ivar required_fields: subject fields without which a certificate is not fit.
    :ivar subject_allowed: allowed values by field; a field that is not named is free.
    :ivar extension_order: dotted object identifiers of the sample's extensions.
    :ivar signature_algorithms: dotted object identifiers of the signature algorithms allowed.
    :ivar min_key_bits: smallest RSA modulus, bits. :ivar allowed_key_bits: if not empty, the only sizes.
    :ivar max_validity_days: longest validity, days.
    :ivar ignore: ids waived by the profile. :ivar severities: other severities, by id.
    """

    name: str
    subject_order: tuple[str, ...] = ("C", "ST", "L", "O", "OU", "CN", "emailAddress")
    required_fields: tuple[str, ...] = ("C", "O", "OU")
    subject_allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extension_order: tuple[str, ...] = ("2.5.29.14", "2.5.29.35", "2.5.29.19", "2.5.29.15", "2.5.29.37")
    signature_algorithms: tuple[str, ...] = ("1.2.840.113549.1.1.11",)
    min_key_bits: int = 2048
    allowed_key_bits: tuple[int, ...] = ()
    max_validity_days: int = 825
    min_ca_key_bits: int = 2048
    ignore: tuple[str, ...] = ()
    severities: Mapping[str, str] = field(default_factory=dict)


DEFENDER_IOT = Profile("defender_iot")
PROFILES: Mapping[str, Profile] = {DEFENDER_IOT.name: DEFENDER_IOT}

_SUBJECT_FIELDS = frozenset(DEFENDER_IOT.subject_order)
_SETTINGS = {
    "extends": "the name of the profile to start from, for example defender_iot",
    "required_fields": "a list of subject fields, for example [C, O, OU]",
    "subject_allowed": "a dictionary from subject field to the list of allowed values, for example {O: [Contoso]}",
    "allowed_key_bits": "a list of key sizes in bits, for example [2048, 4096]",
    "min_key_bits": "a number of bits, 2048 or more",
    "max_validity_days": "a number of days, 1 or more",
    "san_required": "true or false",
    "ignore": "a list of check ids",
    "severities": "a dictionary from check id to error, warning or info",
}


def _suggestion(text: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(text, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def check_ids(ids: Any, where: str) -> tuple[str, ...]:
    """Check ids as a user gave them.

    :param where: the option or file, for the message.
    :raises InputError: not a list of known ids.
    """
    if not isinstance(ids, (list, tuple)) or not all(isinstance(entry, str) for entry in ids):
        raise InputError(f"{where}: wanted {_SETTINGS['ignore']}")
    for entry in ids:
        if entry not in BY_ID:
            raise InputError(f"{where}: there is no check {entry!r}{_suggestion(entry, BY_ID)}")
    return tuple(ids)


def check_severities(severities: Any, where: str) -> dict[str, str]:
    """Severities by check id as a user gave them.

    :raises InputError: not a dictionary, an unknown id or severity.
    """
    if not isinstance(severities, Mapping):
        raise InputError(f"{where}: wanted {_SETTINGS['severities']}")
    check_ids(list(severities), where)
    for entry, severity in severities.items():
        if severity not in SEVERITIES:
            raise InputError(f"{where}: the severity of {entry} is {severity!r}; wanted: {', '.join(SEVERITIES)}")
    return dict(severities)


def load_profile(name: str) -> Profile:
    """The profile of that name, or from that file (YAML or JSON).

    :raises InputError: no such profile; the file is damaged, or holds a setting that does not exist.
    :raises FileError: the file cannot be read.
    """
    if name in PROFILES:
        return PROFILES[name]
    if os.sep not in name and not os.path.splitext(name)[1] and not os.path.exists(name):
        raise InputError(
            f"profile: there is no profile {name!r}{_suggestion(name, PROFILES)}; "
            f"wanted: {', '.join(PROFILES)}, or the path of a profile file"
        )
    return _from_settings(_parse(name, read_file(name, MAX_PROFILE_BYTES)), f"profile {name}", name)


def _parse(path: str, data: bytes) -> Mapping[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"profile {path} is not UTF-8 text") from None
    try:
        settings = json.loads(text)
    except ValueError:
        if yaml is None:
            raise InputError(
                f"profile {path} is not JSON, and PyYAML is not installed for this Python: write it as JSON"
            ) from None
        try:
            settings = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f" (line {mark.line + 1})" if mark is not None else ""
            raise InputError(f"profile {path} is neither JSON nor YAML{place}") from None
    if not isinstance(settings, Mapping):
        raise InputError(f"profile {path}: wanted a dictionary of settings")
    return settings


def _whole_number(value: Any, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _fields(value: Any) -> tuple[str, ...] | None:
    return tuple(value) if _texts(value) and _SUBJECT_FIELDS.issuperset(value) else None


def _allowed_values(value: Any) -> dict[str, tuple[str, ...]] | None:
    if not isinstance(value, Mapping) or not _SUBJECT_FIELDS.issuperset(value):
        return None
    if not all(_texts(allowed) for allowed in value.values()):
        return None
    return {field_name: tuple(allowed) for field_name, allowed in value.items()}


def _key_sizes(value: Any) -> tuple[int, ...] | None:
    fit = isinstance(value, list) and all(_whole_number(entry, 2048) for entry in value)
    return tuple(value) if fit else None


# Each takes what the file says and returns the profile's value, or None if it cannot be used.
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "required_fields": _fields,
    "subject_allowed": _allowed_values,
    "allowed_key_bits": _key_sizes,
    "min_key_bits": lambda value: value if _whole_number(value, 2048) else None,
    "max_validity_days": lambda value: value if _whole_number(value, 1) else None,
    "san_required": lambda value: value if isinstance(value, bool) else None,
}


def _from_settings(settings: Mapping[str, Any], where: str, name: str) -> Profile:
    for key in settings:
        if key not in _SETTINGS and key != "name":
            raise InputError(f"{where}: there is no setting {key!r}{_suggestion(str(key), _SETTINGS)}")
    base = settings.get("extends", DEFENDER_IOT.name)
    if base not in PROFILES:
        raise InputError(f"{where}: extends is {base!r}; wanted: {', '.join(PROFILES)}")
    profile = PROFILES[base]
    changes: dict[str, Any] = {"name": str(settings.get("name", name))}
    for key, convert in _CONVERTERS.items():
        if key in settings:
            changes[key] = convert(settings[key])
            if changes[key] is None:
                raise InputError(f"{where}: {key} is not usable; wanted {_SETTINGS[key]}")
    severities = dict(profile.severities)
    if changes.pop("san_required", False):
        severities.update({"crt.san-missing": ERROR, "crt.san-without-cn": ERROR})
    severities.update(check_severities(settings.get("severities", {}), f"{where}: severities"))
    ignore = (*profile.ignore, *check_ids(settings.get("ignore", []), f"{where}: ignore"))
    return dataclasses.replace(profile, severities=severities, ignore=ignore, **changes)
