# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the embedded CA once, then keep it."""

from __future__ import annotations

import datetime
from typing import Any

from ..module_utils._pki.issuers.local_ca.ensure import Ensured, ensure_authority
from ..module_utils._pki.issuers.local_ca.settings import parse_settings
from ..module_utils._pki.values import moments, text
from ..module_utils._pki.values import x509_parts as parts
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import LOCAL_CA_PREFIX, SETTINGS_SPEC, diff_of, folder_of, joined, ledger_of, stage_of
from ..plugin_utils.secrets import Secrets


class ActionModule(ControllerAction):
    """The ``local_ca`` module."""

    ARGUMENT_SPEC = {
        **SETTINGS_SPEC,
        "passphrase_variable": {"type": "str", "no_log": False},
        "variables_of": {"type": "str"},
        "dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
        "stage_dir": {"type": "path"},
        "create": {"type": "bool", "default": False},
        "warn_before_days": {"type": "int", "default": 180},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Open the CA or make it."""
        host = str(params["variables_of"] or task_vars.get("inventory_hostname") or "")
        secrets = Secrets(HostVariables(self, task_vars, roles=("local_ca",)), host)
        passphrase = params["passphrase"] or secrets.value(params["passphrase_variable"])
        settings, faults = parse_settings({**params, "passphrase": passphrase})
        if settings is None:
            raise InputError(joined(faults, LOCAL_CA_PREFIX))
        folder = folder_of(params["dir"], "local_ca_dir")
        ensured = ensure_authority(
            folder,
            settings,
            ledger_of(folder, params["ledger_dir"]),
            stage_of(params["stage_dir"]) if params["stage_dir"] else None,
            moments.now(),
            datetime.timedelta(days=params["warn_before_days"]),
            create=params["create"],
            check_mode=self.check_mode,
        )
        result = self._result(folder, ensured, settings.constrained)
        if self.diff_mode and ensured.made:
            result["diff"] = diff_of(folder, [("CA", "none", f"{settings.name}, {settings.tiers} tiers")])
        return result

    @staticmethod
    def _result(folder: str, ensured: Ensured, constrained: bool) -> dict[str, Any]:
        authority = ensured.authority
        if authority is not None:
            domains, networks = parts.permitted_names(authority.certificate)
            constrained = bool(domains or networks)
        certificates = [
            {
                "subject": text.name_text(certificate.subject),
                "serial": text.serial_text(certificate.serial_number),
                "fingerprint": parts.fingerprint(certificate),
                "not_before": moments.iso(certificate.not_valid_before_utc),
                "not_after": moments.iso(certificate.not_valid_after_utc),
            }
            for certificate in (authority.chain if authority else ())
        ]
        return {
            "changed": ensured.made,
            "msg": f"the CA in {folder} {'was made' if ensured.made else 'is kept'}",
            "dir": folder,
            "root_certificate": f"{folder}/root.crt",
            "chain": certificates,
            "name_constrained": constrained,
            "root_key_present": authority.root_key_present if authority else True,
            "warnings": list(ensured.warnings),
        }
