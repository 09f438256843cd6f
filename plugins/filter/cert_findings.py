# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine of cert_validate as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._pki.validation.task import ARGUMENT_SPEC, run
from ..module_utils._plain.errors import PkiError
from ..plugin_utils.controller_action import plain


def cert_findings(value: Any, **options: Any) -> list[dict[str, Any]]:
    """Findings of a certificate given as path or PEM text, of an object, or of a list of objects."""
    if CRYPTOGRAPHY_PROBLEM:
        raise AnsibleFilterError(f"cert_findings: {CRYPTOGRAPHY_PROBLEM}")
    unknown = set(options) - set(ARGUMENT_SPEC) | {"certificates", "folder", "fail_on"} & set(options)
    if unknown:
        raise AnsibleFilterError(f"cert_findings: there is no option {', '.join(sorted(unknown))}")
    given = plain(value)
    params = plain(options)
    if isinstance(given, list):
        params["certificates"] = [entry if isinstance(entry, Mapping) else {"certificate": entry} for entry in given]
    elif isinstance(given, Mapping):
        params["certificates"] = [given]
    elif isinstance(given, str) and given:
        params["certificate"] = given
    else:
        raise AnsibleFilterError(
            f"cert_findings: the input is {type(given).__name__}; "
            "wanted: a path, PEM text, a dictionary as in cert_validate's certificates, or a list of these"
        )
    for option in ("trusted_roots", "crls", "ignore"):
        if isinstance(params.get(option), str):
            params[option] = [params[option]]
    try:
        findings: list[dict[str, Any]] = run(params)["findings"]
    except PkiError as error:
        raise AnsibleFilterError(f"cert_findings: {error}") from None
    return findings


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"cert_findings": cert_findings}
