# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is checked of the inputs before anything is made: the library's own rules, asked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._pki.batches.inputs import check_inputs
from ..module_utils._pki.batches.outcome import refused
from ..module_utils._pki.issuers.kinds import check_described, known_names
from ..module_utils._pki.issuers.local_ca.ensure import check_may_be_made
from ..module_utils._pki.issuers.local_ca.issuer import terms_without_key
from ..module_utils._pki.issuers.local_ca.opened import folder_state
from ..module_utils._pki.issuers.local_ca.settings import AuthoritySettings, parse_settings
from ..module_utils._pki.planning.request import LOCAL_CA
from ..module_utils._pki.planning.terms import Terms
from ..module_utils._plain.errors import PkiError
from .options import LOCAL_CA_PREFIX, SENSOR_PREFIX, SETTINGS_SPEC, crl_url_of, folder_of, ledger_of, stage_of


def stage_problems(values: Mapping[str, Any]) -> list[str]:
    """Why nothing could be staged."""
    try:
        stage_of(values.get(f"{SENSOR_PREFIX}stage_dir"))
    except PkiError as error:
        return [str(error)]
    return []


def issuer_names(values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Every name that a sensor's issuer may have, and what is wrong with the issuers' descriptions."""
    try:
        return known_names(check_described(values.get(f"{SENSOR_PREFIX}issuers"))), []
    except PkiError as error:
        return known_names(None), [str(error)]


def authority_problems(values: Mapping[str, Any]) -> tuple[list[str], Terms | None]:
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


def _limits(values: Mapping[str, Any], settings: AuthoritySettings | None) -> Terms | None:
    """What the CA sets: the one that is there, or the one that is to be made."""
    folder = folder_of(values.get(f"{LOCAL_CA_PREFIX}dir"), f"{LOCAL_CA_PREFIX}dir")
    if folder_state(folder) == "absent" and values.get(f"{LOCAL_CA_PREFIX}create") not in (True, "true", "True", "yes"):
        stage_dir = values.get(f"{SENSOR_PREFIX}stage_dir")
        store = stage_of(stage_dir) if not stage_problems(values) else None
        check_may_be_made(folder, ledger_of(folder, values.get(f"{LOCAL_CA_PREFIX}ledger_dir")), store)
    return terms_without_key(folder, settings, values.get(f"{LOCAL_CA_PREFIX}crl_url") or None)


def judged(
    raws: Sequence[dict[str, Any]],
    others: Sequence[Mapping[str, Any]],
    limits: Terms | None,
    issuers: Sequence[str],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The sensors that are fit, and the results of the others."""
    requests, messages = check_inputs(raws, others, SENSOR_PREFIX, issuers, {LOCAL_CA: limits} if limits else None)
    fit = [raw for raw, request in zip(raws, requests) if request is not None]
    faulty = [refused(raw, errors).to_dict() for raw, errors in zip(raws, messages) if errors]
    return fit, faulty
