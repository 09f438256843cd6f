# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change the embedded CA: its passphrase, its issuing CA, or the root above it."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.issuers.local_ca.answered import read_answer
from ..module_utils._pki.issuers.local_ca.change import Changed, Changing
from ..module_utils._pki.issuers.local_ca.opened import folder_state
from ..module_utils._pki.issuers.local_ca.settings import parse_settings
from ..module_utils._pki.planning.plan import alternative_names
from ..module_utils._pki.profiles.loading import load_profile
from ..module_utils._pki.state.fleet import FleetState
from ..module_utils._pki.values import moments
from ..module_utils._pki.values.faults import shown
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import (
    LOCAL_CA_PREFIX,
    SETTINGS_SPEC,
    crl_url_of,
    diff_of,
    folder_of,
    joined,
    ledger_of,
    stage_of,
)
from ..plugin_utils.secrets import Secrets

PASSPHRASE, ISSUING, REQUEST, INSTALL = "passphrase", "issuing", "request", "install"
_ACTIONS = (PASSPHRASE, ISSUING, REQUEST, INSTALL)


class ActionModule(ControllerAction):
    """The ``local_ca_change`` module."""

    ARGUMENT_SPEC = {
        **SETTINGS_SPEC,
        "change": {"type": "str"},
        "dir": {"type": "path", "required": True},
        "ledger_dir": {"type": "path"},
        "stage_dir": {"type": "path"},
        "passphrase_variable": {"type": "str", "no_log": False},
        "new_passphrase": {"type": "str", "no_log": True},
        "new_passphrase_variable": {"type": "str", "no_log": False},
        "variables_of": {"type": "str"},
        "certificate": {"type": "list", "elements": "path", "default": []},
        "request": {"type": "path"},
        "crl_url": {"type": "str"},
        "profile": {"type": "str", "default": "defender_iot"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Change it, or say why not."""
        action = params["change"]
        if action not in _ACTIONS:
            given = f"is {shown(action)}" if action else "is not set"
            raise InputError(f"change_ca_action {given}; wanted: one of {', '.join(_ACTIONS)}")
        host = str(params["variables_of"] or task_vars.get("inventory_hostname") or "")
        secrets = Secrets(HostVariables(self, task_vars, roles=("local_ca",)), host)
        passphrase = params["passphrase"] or secrets.value(params["passphrase_variable"])
        settings, faults = parse_settings({**params, "passphrase": passphrase})
        if settings is None:
            raise InputError(joined(faults, LOCAL_CA_PREFIX))
        folder = folder_of(params["dir"], "local_ca_dir")
        if folder_state(folder) == "absent":
            raise InputError(f"there is no CA in {folder}; name the folder of the CA in local_ca_dir")
        changing = Changing(
            folder,
            str(passphrase),
            settings,
            ledger_of(folder, params["ledger_dir"]),
            moments.now(),
            self.check_mode,
            crl_url=crl_url_of(params["crl_url"]),
        )
        notes: list[str] = []
        if action == PASSPHRASE:
            new = params["new_passphrase"] or secrets.value(params["new_passphrase_variable"])
            changed = changing.change_passphrase(new)
        elif action == ISSUING:
            changed = changing.new_issuing()
        elif action == REQUEST:
            changed = changing.request(folder_of(params["request"], "change_ca_request"))
        else:
            changed, notes = self._install(changing, params)
        return self._result(folder, action, changed, notes)

    @staticmethod
    def _install(changing: Changing, params: dict[str, Any]) -> tuple[Changed, list[str]]:
        names: dict[str, None] = {}
        if params["stage_dir"]:
            state = FleetState(stage_of(params["stage_dir"]), changing.ledger)
            for entry in state.staged().values():
                names.update(
                    dict.fromkeys(name for name in alternative_names(entry.view) if name[:3] in ("DNS", "IP:"))
                )
        chain, notes = read_answer(
            [os.path.abspath(os.path.expanduser(path)) for path in params["certificate"]],
            changing.opened(),
            load_profile(params["profile"]),
            list(names),
            changing.moment,
            crl_url_of(params["crl_url"]) is not None,
        )
        return changing.install(chain), notes

    def _result(self, folder: str, action: str, changed: Changed, notes: list[str]) -> dict[str, Any]:
        result: dict[str, Any] = {
            "changed": changed.changed,
            "msg": changed.text,
            "change": action,
            "dir": folder,
            "lines": [changed.text, *notes, *changed.lines],
            "request": changed.path,
        }
        if self.diff_mode and changed.changed:
            result["diff"] = diff_of(folder, [("CA", "the one before", changed.text)])
        return result
