# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task behind ``cert_validate``: options in, result out, the same from the module, the action and the filter."""

from __future__ import annotations

import datetime
import functools
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..._plain.errors import InputError
from ..._plain.texts import harmless
from ..parallel import usable_processors
from ..profiles.loading import check_ids, check_severities, load_profile
from .engine import validate_bundles
from .folder import Found, described_by_inventory, find_bundles
from .model import ERROR, MAX_CRL_BYTES, WARNING, Bundle, FleetReport, LaterBundles, Policy, Source
from .wording import MAX_LINES, report_text

MAX_DAYS_LEFT = 36_500  # a hundred years

# Below this, starting processes costs more than it saves.
PARALLEL_FROM = 200

OBJECT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "certificate": {"type": "path"},
    "private_key": {"type": "path", "no_log": False},
    "private_key_passphrase": {"type": "str", "no_log": True},
    # Read by the action, on the control node.
    "private_key_passphrase_variable": {"type": "str", "no_log": False},
    "chain": {"type": "path"},
    "csr": {"type": "path"},
    "trusted_roots": {"type": "list", "elements": "path"},
    "crls": {"type": "list", "elements": "path"},
    "crl_validation": {"type": "bool"},
    "expected_common_name": {"type": "str"},
    "at": {"type": "str"},
    "min_days_left": {"type": "int"},
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **OBJECT_SPEC,
    "min_days_left": {"type": "int", "default": 30},
    "certificates": {"type": "list", "elements": "dict", "options": OBJECT_SPEC},
    "certificates_variable": {"type": "str"},
    "folder": {"type": "path"},
    # Read by the action, on the control node, where the inventory is.
    "group": {"type": "str"},
    "profile": {"type": "str", "default": "defender_iot"},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "severities": {"type": "dict", "default": {}},
    "key_check": {"type": "str", "choices": ["match", "full"], "default": "match", "no_log": False},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
}
# What a list tells of each certificate: all of it, ten thousand times, costs Ansible more than the judging.
_BRIEF = (
    "common_name",
    "issuer",
    "serial_number",
    "not_before",
    "not_after",
    "days_left",
    "fingerprint",
    "public_key_id",
    "key_bits",
)
_FILES = ("certificate", "private_key", "chain", "csr")


class _Reader:
    """Reads what bundles share, once."""

    def __init__(self) -> None:
        self._shared: dict[tuple[str, bool], Source] = {}

    def shared(self, paths: Sequence[str] | None, large: bool = False) -> tuple[Source, ...]:
        sources = []
        for path in paths or ():
            if (path, large) not in self._shared:
                self._shared[path, large] = source_of(path, MAX_CRL_BYTES) if large else source_of(path)
            sources.append(self._shared[path, large])
        return tuple(sources)


def source_of(value: str, *limits: int) -> Source:
    """A file, or, if the value holds PEM itself, that text."""
    if "-----BEGIN" in value:
        return Source("(text)", value.encode("utf-8", "replace"), is_file=False)
    return Source.read(os.path.expanduser(value), *limits)


def parse_moment(value: str, where: str) -> datetime.datetime:
    """An ISO 8601 moment; without a time zone it is UTC.

    :raises InputError: not such a moment.
    """
    text = value.strip()
    if text[-1:] in ("Z", "z"):
        text = text[:-1] + "+00:00"
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=datetime.timezone.utc)
        return moment.astimezone(datetime.timezone.utc)
    except ValueError:
        problem = "a moment in ISO 8601, for example 2027-01-31T12:00:00Z"
    except OverflowError:
        problem = "a moment that lies between the years 1 and 9999 in UTC as well"
    raise InputError(f"{where} is {reprlib.repr(value)}; wanted: {problem}")


def bundles_of(params: Mapping[str, Any], in_folder: Sequence[Mapping[str, Any]] = ()) -> tuple[Sequence[Bundle], bool]:
    """The bundles that the options describe, and whether they were given as a list.

    A bundle's own files are read when it is taken from the sequence; what bundles share is read already.

    :param in_folder: objects that were found in a folder, where a certificate's key lies beside it.
    :raises InputError: nothing to validate, or a value that cannot be used.
    """
    objects = params.get("certificates")
    reader = _Reader()
    if objects is None and not in_folder:
        return LaterBundles([_bundle(params, {}, "", reader)]), False
    bundles = []
    for position, entry in enumerate(objects or ()):
        if not isinstance(entry, Mapping):
            raise InputError(f"certificates[{position}] is no dictionary; wanted: certificate, private_key, chain …")
        for key in entry:
            if key not in OBJECT_SPEC:
                raise InputError(
                    f"certificates[{position}] has an option {key!r}; wanted: {', '.join(sorted(OBJECT_SPEC))}"
                )
        bundles.append(_bundle(entry, params, f"certificates[{position}].", reader))
    bundles += [_bundle(entry, params, "", reader, wants_key=True) for entry in in_folder]
    return LaterBundles(bundles), True


def _bundle(
    entry: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str, reader: _Reader, wants_key: bool = False
) -> Callable[[], Bundle]:
    def get(option: str) -> Any:
        value = entry.get(option)
        return defaults.get(option) if value is None else value

    paths = {option: get(option) or None for option in _FILES}
    if not any(paths.values()):
        raise InputError(f"{prefix}certificate is not set; wanted: the path of a certificate (or certificates: a list)")
    days = get("min_days_left")
    days = 30 if days is None else days
    if not 0 <= days <= MAX_DAYS_LEFT:
        raise InputError(f"{prefix}min_days_left is {days}; wanted: a number of days from 0 to {MAX_DAYS_LEFT}")
    moment = get("at")
    settings = {
        "name": get("name") or _label(next(filter(None, paths.values()))),
        "private_key_passphrase": get("private_key_passphrase") or None,
        "expected_common_name": get("expected_common_name") or None,
        "trusted_roots": reader.shared(get("trusted_roots")),
        "crls": reader.shared(get("crls"), large=True),
        "crl_validation": get("crl_validation"),
        "at": parse_moment(moment, f"{prefix}at") if moment else None,
        "min_days_left": days,
        "wants_key": wants_key,
    }
    return functools.partial(_read_bundle, paths, settings)


def _read_bundle(paths: Mapping[str, str | None], settings: Mapping[str, Any]) -> Bundle:
    files: dict[str, Any] = {option: source_of(path) for option, path in paths.items() if path}
    return Bundle(**files, **settings)


def _label(path: str) -> str:
    return "certificate" if "-----BEGIN" in path else path


def policy_of(params: Mapping[str, Any]) -> Policy:
    """The policy that the options describe.

    :raises InputError: an unknown profile, id or severity.
    :raises FileError: the profile's file cannot be read.
    """
    profile = load_profile(params.get("profile") or "defender_iot")
    return Policy(
        profile=profile,
        ignore=frozenset(check_ids(params.get("ignore") or [], "ignore", profile.checks)),
        severities=check_severities(params.get("severities") or {}, "severities", profile.checks),
        key_check=params.get("key_check") or "match",
    )


def run(
    params: Mapping[str, Any],
    progress: Callable[[str, int, int], None] = lambda _what, _made, _of: None,
    sensors: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Validate what the options describe; only reads.

    :param progress: called with what was done, to how many, and of how many.
    :param sensors: what an inventory says of the sensors whose files are in the folder
        (:func:`.folder.described_by_inventory`).
    :returns: a module's result, with ``failed`` set as ``fail_on`` wants it.
    :raises PkiError: the options cannot be used, or cryptography is missing.
    """
    policy = policy_of(params)
    found = find_bundles(params["folder"]) if params.get("folder") else Found()
    bundles, is_list = bundles_of(params, described_by_inventory(found.bundles, sensors or {}))
    workers = usable_processors() if len(bundles) >= PARALLEL_FROM else 1
    report = validate_bundles(bundles, policy, workers, progress=progress)
    result = _result(report, is_list, params.get("fail_on") or "error")
    if found.passed_over:
        passed_over = [harmless(text) for text in found.passed_over]
        result["passed_over"] = passed_over
        result["msg"] += "".join(f"\n- {text}" for text in passed_over[:MAX_LINES])
    return result


def _result(report: FleetReport, is_list: bool, fail_on: str) -> dict[str, Any]:
    findings = [finding.to_dict() for result in report.results for finding in result.findings]
    findings += [finding.to_dict() for finding in report.fleet_findings]
    waived = [finding.to_dict() for result in report.results for finding in result.waived]
    waived += [finding.to_dict() for finding in report.fleet_waived]
    severities = {finding["severity"] for finding in findings}
    result: dict[str, Any] = {
        "changed": False,
        "valid": report.valid,
        "msg": report_text(report),
        "findings": findings,
        "waived": waived,
    }
    if is_list:
        result["results"] = [
            {
                "name": entry.name,
                "valid": entry.valid,
                "findings": [finding.to_dict() for finding in entry.findings],
                "certificate": {key: entry.facts[key] for key in _BRIEF if key in entry.facts},
            }
            for entry in report.results
        ]
        result["fleet_findings"] = [finding.to_dict() for finding in report.fleet_findings]
        result["expiring"] = report.expiring
    else:
        result["certificate"] = dict(report.results[0].facts)
    failing = {"error": {ERROR}, "warning": {ERROR, WARNING}, "never": set()}[fail_on]
    if severities & failing:
        result["failed"] = True
    return result
