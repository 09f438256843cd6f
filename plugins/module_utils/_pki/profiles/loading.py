# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Profiles by name, and an organization's own from a file that extends one."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..._plain.errors import InputError
from ..._plain.files import read_file
from ..values.findings import ERROR, SEVERITIES
from .base import Profile, SubjectField
from .defender_iot.profile import DEFENDER_IOT
from .own_rules import parse_rules, shown, suggestion

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

# A further appliance is a folder and an entry here.
PROFILES: Mapping[str, Profile] = {DEFENDER_IOT.name: DEFENDER_IOT}

MAX_PROFILE_BYTES = 1024 * 1024
MAX_KEY_BITS = 16_384
MAX_DAYS = 36_500  # a hundred years
# With each bracket that is open PyYAML takes longer for all that follows.
_MAX_OPEN = 100

_SETTINGS = {
    "extends": "the name of the profile to start from, for example defender_iot",
    "required_fields": "a list of subject fields, for example [C, O, OU]",
    "subject_allowed": "a dictionary from subject field to the list of allowed values, for example {O: [Contoso]}",
    "allowed_key_bits": "a list of sizes in bits, for example [2048, 4096]; none below {smallest}",
    "min_key_bits": f"a number of bits from {{smallest}} to {MAX_KEY_BITS}",
    "max_validity_days": f"a number of days from 1 to {MAX_DAYS}",
    "san_required": "true or false",
    "rules": "a list of rules with id, when, severity, message, hint",
    "ignore": "a list of check ids",
    "severities": "a dictionary from check id to error, warning or info",
}


def check_ids(ids: Any, where: str, known: Iterable[str]) -> tuple[str, ...]:
    """Check ids as a user gave them.

    :param where: the option or file, for the message. :param known: the ids of the profile's table.
    :raises InputError: not a list of known ids.
    """
    if not isinstance(ids, (list, tuple)) or not all(isinstance(entry, str) for entry in ids):
        raise InputError(f"{where}: wanted {_SETTINGS['ignore']}")
    there = set(known)
    for entry in ids:
        if entry not in there:
            raise InputError(f"{where}: there is no check {shown(entry)}{suggestion(entry, there)}")
    return tuple(ids)


def check_severities(severities: Any, where: str, known: Iterable[str]) -> dict[str, str]:
    """Severities by check id as a user gave them.

    :raises InputError: not a dictionary, an unknown id or severity.
    """
    if not isinstance(severities, Mapping):
        raise InputError(f"{where}: wanted {_SETTINGS['severities']}")
    check_ids(list(severities), where, known)
    for entry, severity in severities.items():
        if severity not in SEVERITIES:
            raise InputError(f"{where}: the severity of {entry} is {shown(severity)}; wanted: {', '.join(SEVERITIES)}")
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
            f"profile: there is no profile {shown(name)}{suggestion(name, PROFILES)}; "
            f"wanted: {', '.join(PROFILES)}, or the path of a profile file"
        )
    return _from_settings(_parse(name, read_file(name, MAX_PROFILE_BYTES)), f"profile {name}", name)


def _parse(path: str, data: bytes) -> Mapping[str, Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"profile {path} is not UTF-8 text") from None
    try:
        settings = _parse_json(text, path)
    except RecursionError:
        raise InputError(f"profile {path} is nested too deeply") from None
    except ValueError:
        settings = _parse_yaml(text, path)
    if not isinstance(settings, Mapping):
        raise InputError(f"profile {path}: wanted a dictionary of settings")
    return settings


def _twice(path: str, key: Any, place: str = "") -> InputError:
    return InputError(f"profile {path}: the key {shown(key)} stands there twice{place}; wanted: once")


def _parse_json(text: str, path: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise _twice(path, key)
            found[key] = value
        return found

    return json.loads(text, object_pairs_hook=once)


def _parse_yaml(text: str, path: str) -> Any:
    if yaml is None:
        raise InputError(
            f"profile {path} is not JSON, and PyYAML is not installed for this Python: write it as JSON"
        ) from None

    if _open_brackets(text) > _MAX_OPEN:
        raise InputError(f"profile {path} is nested too deeply") from None

    class Loader(yaml.SafeLoader):
        """YAML in which a key that stands twice is a mistake, not the silent loss of the first."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                if key.value in seen:
                    raise _twice(path, key.value, f" (line {key.start_mark.line + 1})")
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader)
    except RecursionError:
        raise InputError(f"profile {path} is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(f"profile {path} is neither JSON nor YAML{place}") from None
    except (ValueError, OverflowError, TypeError):
        # A date that no calendar has, a number of thousands of digits.
        raise InputError(f"profile {path} holds a number or date that cannot be read") from None


def _open_brackets(text: str) -> int:
    """The most brackets that are open at a time, wherever they stand."""
    most = now = 0
    for match in re.finditer(r"[\[\]{}]", text):
        now += 1 if match[0] in "[{" else -1
        most = max(most, now)
    return most


def _whole_number(value: Any, minimum: int, maximum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _required(value: Any, base: Profile) -> tuple[SubjectField, ...] | None:
    if not _texts(value) or not set(base.subject_order).issuperset(value):
        return None
    return tuple(
        dataclasses.replace(entry, required=entry.short in value or entry.short == "CN") for entry in base.subject
    )


def _allowed_values(value: Any, base: Profile) -> dict[str, tuple[str, ...]] | None:
    if not isinstance(value, Mapping) or not set(base.subject_order).issuperset(value):
        return None
    if not all(_texts(allowed) for allowed in value.values()):
        return None
    return {field_name: tuple(allowed) for field_name, allowed in value.items()}


def _key_sizes(value: Any, base: Profile) -> tuple[int, ...] | None:
    fit = isinstance(value, list) and all(_whole_number(entry, base.min_key_bits, MAX_KEY_BITS) for entry in value)
    return tuple(value) if fit else None


# By setting: which field of the profile it is, and how what the file says becomes it (None: it cannot be used).
_CONVERTERS: dict[str, tuple[str, Callable[[Any, Profile], Any]]] = {
    "required_fields": ("subject", _required),
    "subject_allowed": ("subject_allowed", _allowed_values),
    "allowed_key_bits": ("allowed_key_bits", _key_sizes),
    "min_key_bits": (
        "min_key_bits",
        lambda value, base: value if _whole_number(value, base.min_key_bits, MAX_KEY_BITS) else None,
    ),
    "max_validity_days": (
        "max_validity_days",
        lambda value, _base: value if _whole_number(value, 1, MAX_DAYS) else None,
    ),
    "san_required": ("san_required", lambda value, _base: value if isinstance(value, bool) else None),
}


def _from_settings(settings: Mapping[str, Any], where: str, name: str) -> Profile:
    for key in settings:
        if key not in _SETTINGS and key != "name":
            raise InputError(f"{where}: there is no setting {shown(key)}{suggestion(str(key), _SETTINGS)}")
    extends = settings.get("extends", DEFENDER_IOT.name)
    if not isinstance(extends, str) or extends not in PROFILES:
        raise InputError(f"{where}: extends is {shown(extends)}; wanted: {', '.join(PROFILES)}")
    own_name = settings.get("name", name)
    if not isinstance(own_name, str):
        raise InputError(f"{where}: name is {shown(own_name)}; wanted: a text")
    base = PROFILES[extends]
    changes: dict[str, Any] = {"name": own_name}
    for key, (attribute, convert) in _CONVERTERS.items():
        if key in settings:
            changes[attribute] = convert(settings[key], base)
            if changes[attribute] is None:
                wanted = _SETTINGS[key].replace("{smallest}", str(base.min_key_bits))
                raise InputError(f"{where}: {key} is not usable ({shown(settings[key])}); wanted {wanted}")
    own_checks, own_rules = parse_rules(settings.get("rules", []), where, base.checks)
    checks = {**base.checks, **{check.id: check for check in own_checks}}
    severities = dict(base.severities)
    if changes.pop("san_required", False):
        severities.update({"crt.san-missing": ERROR, "crt.san-without-cn": ERROR})
    own_severities = check_severities(settings.get("severities", {}), f"{where}: severities", checks)
    own_ignore = check_ids(settings.get("ignore", []), f"{where}: ignore", checks)
    return dataclasses.replace(
        base,
        checks=checks,
        rules=(*base.rules, *own_rules),
        severities={**severities, **own_severities},
        # Who gives a check a severity wants to hear of it.
        ignore=(*(entry for entry in base.ignore if entry not in own_severities), *own_ignore),
        **changes,
    )
