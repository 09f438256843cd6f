# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is checked of the inputs before anything is made: the library's own rules, asked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._pki.batches.issue import check_inputs, refused
from ..module_utils._pki.issuers.local_ca.ensure import check_may_be_made
from ..module_utils._pki.issuers.local_ca.opened import folder_state, public_certificates
from ..module_utils._pki.issuers.local_ca.settings import AuthoritySettings, parse_settings
from ..module_utils._pki.planning.limits import Limits, limits_of, planned_limits
from ..module_utils._plain.errors import PkiError
from .options import LOCAL_CA_PREFIX, SENSOR_PREFIX, SETTINGS_SPEC, crl_url_of, folder_of, ledger_of, store_of


def stage_problems(values: Mapping[str, Any]) -> list[str]:
    """Why nothing could be staged."""
    try:
        store_of(values.get(f"{SENSOR_PREFIX}stage_dir"))
    except PkiError as error:
        return [str(error)]
    return []


def authority_problems(values: Mapping[str, Any]) -> tuple[list[str], Limits | None]:
    """Everything that is wrong with what the embedded CA is to be, told at once, and what it sets."""
    settings, faults = parse_settings({option: values.get(LOCAL_CA_PREFIX + option) for option in SETTINGS_SPEC})
    problems = [fault.text(LOCAL_CA_PREFIX) for fault in faults]
    limits = None
    try:
        crl_url_of(values.get(f"{LOCAL_CA_PREFIX}crl_url"))
    except PkiError as error:
        problems.append(str(error))
    try:
        limits = _limits(values, settings)
    except PkiError as error:
        problems.append(str(error))
    return problems, limits


def _limits(values: Mapping[str, Any], settings: AuthoritySettings | None) -> Limits | None:
    """What the CA sets: the one that is there, or the one that is to be made."""
    folder = folder_of(values.get(f"{LOCAL_CA_PREFIX}dir"), f"{LOCAL_CA_PREFIX}dir")
    if folder_state(folder) == "present":
        return limits_of(public_certificates(folder)[0])
    if values.get(f"{LOCAL_CA_PREFIX}create") not in (True, "true", "True", "yes"):
        stage_dir = values.get(f"{SENSOR_PREFIX}stage_dir")
        store = store_of(stage_dir) if not stage_problems(values) else None
        check_may_be_made(folder, ledger_of(folder, values.get(f"{LOCAL_CA_PREFIX}ledger_dir")), store)
    return planned_limits(settings) if settings else None


def judged(
    raws: Sequence[dict[str, Any]], others: Sequence[Mapping[str, Any]], limits: Limits | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The sensors that are fit, and the results of the others."""
    requests, messages = check_inputs(raws, others, limits, SENSOR_PREFIX)
    fit = [raw for raw, request in zip(raws, requests) if request is not None]
    faulty = [refused(raw, errors).to_dict() for raw, errors in zip(raws, messages) if errors]
    return fit, faulty
