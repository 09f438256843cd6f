# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that several actions share, and what is made of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._pki.issuers.local_ca.settings import passphrase_fault
from ..module_utils._pki.profiles.base import Profile
from ..module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ..module_utils._pki.state.ledger import Ledger
from ..module_utils._pki.state.stage_folder import StageFolder
from ..module_utils._pki.values import names
from ..module_utils._pki.values.faults import Fault, kind_of, shown
from ..module_utils._pki.values.lists import some
from ..module_utils._plain.errors import FileError, InputError
from ..module_utils._plain.folders import check_path

# The role variables behind the options, for messages that people can act on.
LOCAL_CA_PREFIX = "local_ca_"
SENSOR_PREFIX = "sensor_certificates_"

SETTINGS_SPEC: dict[str, dict[str, Any]] = {
    "passphrase": {"type": "str", "no_log": True},
    "name": {"type": "raw"},
    "subject": {"type": "raw"},
    "tiers": {"type": "raw"},
    "key_size": {"type": "raw", "no_log": False},
    "root_validity_days": {"type": "raw"},
    "issuing_validity_days": {"type": "raw"},
    "permitted_names": {"type": "raw"},
    "root_crl_url": {"type": "str"},
}


def folder_of(value: Any, variable: str) -> str:
    """An absolute folder from an option.

    :raises InputError: it is not set, or no path.
    """
    if not value:
        raise InputError(
            f"{variable} is not set and there is no inventory folder to put it beside; wanted: an absolute path"
        )
    if not isinstance(value, str):
        raise InputError(f"{variable} is {kind_of(value)}; wanted: an absolute path")
    try:
        check_path(value)
    except FileError:
        raise InputError(f"{variable} is {value!a}, which no path can be; wanted: an absolute path") from None
    return os.path.abspath(os.path.expanduser(value))


def ledger_of(ca_dir: str | None, ledger_dir: str | None, stage_dir: str | None = None) -> Ledger:
    """The ledger: where it is said to be, else beside the CA's folder, so that it outlives it.

    :param stage_dir: a fleet without an embedded CA has its ledger beside the stage directory.
    """
    if ledger_dir:
        return Ledger(folder_of(ledger_dir, "local_ca_ledger_dir"))
    if ca_dir:
        return Ledger(ca_dir + "_ledger")
    beside = os.path.dirname(folder_of(stage_dir, f"{SENSOR_PREFIX}stage_dir"))
    return Ledger(os.path.join(beside, "local_ca_ledger"))


def stage_of(stage_dir: str | None, profile: Profile = DEFENDER_IOT) -> StageFolder:
    """The stage directory, checked for what concerns every sensor.

    :raises InputError: bundles cannot be staged there.
    """
    stage = StageFolder(folder_of(stage_dir, f"{SENSOR_PREFIX}stage_dir"), profile.extensions)
    problem = stage.problem()
    if problem:
        raise InputError(f"{SENSOR_PREFIX}stage_dir is {stage.stage_dir!r}, which cannot be used: {problem}")
    return stage


def crl_url_of(value: Any) -> str | None:
    """The URL for the sensors' certificates.

    :raises InputError: sensors could not fetch it.
    """
    if value is None or value == "":
        return None
    problem = names.crl_url_problem(value) if isinstance(value, str) else "an http:// URL"
    if problem:
        raise InputError(Fault("crl_url", problem, shown(value)).text(LOCAL_CA_PREFIX))
    return str(value)


def passphrase_of(value: Any) -> str:
    """The CA's passphrase.

    :raises InputError: it is missing or too short.
    """
    fault = passphrase_fault(value)
    if fault:
        raise InputError(fault.text(LOCAL_CA_PREFIX))
    return str(value)


def joined(faults: Iterable[Fault], prefix: str) -> str:
    """All faults in one message."""
    return "; ".join(fault.text(prefix) for fault in faults)


def diff_of(name: str, changes: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """One sensor's entry for ``--diff``: the fields that differ, never key material."""
    rows = list(changes)
    return {
        "before_header": name,
        "after_header": name,
        "before": "".join(f"{field}: {before}\n" for field, before, _after in rows),
        "after": "".join(f"{field}: {after}\n" for field, _before, after in rows),
    }


def diffs_of(changes: Iterable[tuple[str, Iterable[tuple[str, str, str]]]]) -> list[dict[str, str]]:
    """The entries for ``--diff`` of a batch: each difference once, with the sensors that have it.

    :param changes: for each sensor its name and the fields that differ, as :func:`diff_of` takes them.
    """
    names: dict[tuple[tuple[str, str, str], ...], list[str]] = {}
    for name, rows in changes:
        names.setdefault(tuple(rows), []).append(name)
    return [diff_of(some(together, 20), rows) for rows, together in names.items()]


def common_warnings(outcomes: Iterable[Any]) -> list[str]:
    """The warnings of a batch's outcomes, each text once with the sensors it concerns."""
    by_text: dict[str, list[str]] = {}
    for outcome in outcomes:
        for warning in outcome.warnings:
            by_text.setdefault(warning, []).append(outcome.name)
    return [f"{some(names)}: {text}" for text, names in by_text.items()]


def summary_counts(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many results there are of each action."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result["action"]] = counts.get(result["action"], 0) + 1
    return counts


def counts_text(counts: Mapping[str, int]) -> str:
    """The counts as a message: ``3 issued, 9 kept``."""
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "no sensors"
