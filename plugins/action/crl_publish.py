# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publish fresh CRLs of the embedded CA."""

from __future__ import annotations

import datetime
import os
from typing import Any

from ..module_utils._pki.crl.publishing import FAILED, PUBLISHED, CrlOutcome, Lifetimes, Publisher, sources
from ..module_utils._pki.issuers.local_ca.opened import folder_state, open_authority
from ..module_utils._pki.values import moments
from ..module_utils._plain.errors import FileError, InputError
from ..module_utils._plain.files import why
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import crl_url_of, diff_of, folder_of, ledger_of, passphrase_of
from ..plugin_utils.secrets import Secrets

_LONGEST = 3650


class ActionModule(ControllerAction):
    """The ``crl_publish`` module."""

    ARGUMENT_SPEC = {
        "publish_dir": {"type": "path", "required": True},
        "ca_dir": {"type": "path", "required": True},
        "ca_passphrase": {"type": "str", "no_log": True},
        "ca_passphrase_variable": {"type": "str", "no_log": False},
        "variables_of": {"type": "str"},
        "ledger_dir": {"type": "path"},
        "crl_url": {"type": "str"},
        "named_only": {"type": "bool", "default": False},
        "validity_days": {"type": "int", "default": 30},
        "root_validity_days": {"type": "int", "default": 365},
        "renew_before_days": {"type": "int", "default": 14},
        "lock_timeout": {"type": "float", "default": 30.0},
        "fail_on": {"type": "str", "choices": ["error", "never"], "default": "error"},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Look at each CA's CRL and renew what is due."""
        lifetimes = _lifetimes(params)
        folder = folder_of(params["publish_dir"], "publish_dir")
        ca_dir = folder_of(params["ca_dir"], "ca_dir")
        crl_url = crl_url_of(params["crl_url"])
        if params["named_only"] and not _has_crls(folder):
            # No URL is wanted, and nothing was ever published: most fleets are like this, and it costs them nothing.
            return {"changed": False, "skipped": True, "msg": "no certificate names a CRL", "results": []}
        if folder_state(ca_dir) == "absent":
            if self.check_mode:
                return {"changed": True, "msg": "the CA is yet to be made, and its CRLs with it", "results": []}
            raise InputError(f"there is no CA in {ca_dir}; apply the role ot_pki.defender_iot.local_ca first")
        moment = moments.now()
        host = str(params["variables_of"] or task_vars.get("inventory_hostname") or "")
        secrets = Secrets(HostVariables(self, task_vars, roles=("local_ca",)), host)
        passphrase = passphrase_of(params["ca_passphrase"] or secrets.value(params["ca_passphrase_variable"]))
        authority = open_authority(ca_dir, passphrase, moment, datetime.timedelta(0), open_keys=False)
        authority.key  # noqa: B018 - a wrong passphrase is told now, and not on the day on which a CRL is due
        publisher = Publisher(
            folder=folder,
            ledger=ledger_of(ca_dir, params["ledger_dir"]),
            lifetimes=lifetimes,
            moment=moment,
            every=tuple(sources(authority, crl_url, lifetimes)),
            lock_timeout=params["lock_timeout"],
            check_mode=self.check_mode,
            named_only=params["named_only"],
        )
        return self._result(publisher.publish(), params["fail_on"])

    def _result(self, outcomes: list[CrlOutcome], fail_on: str) -> dict[str, Any]:
        errors = [error for outcome in outcomes for error in outcome.errors]
        published = [outcome for outcome in outcomes if outcome.action == PUBLISHED]
        failed = sum(outcome.action == FAILED for outcome in outcomes)
        verb = "to be published" if self.check_mode else "published"
        text = f"{len(published)} {verb}, {len(outcomes) - len(published) - failed} kept, {failed} failed"
        result: dict[str, Any] = {
            "changed": bool(published),
            "failed": bool(errors) and fail_on == "error",
            "msg": "; ".join([text, *errors]),
            "results": [outcome.to_dict() for outcome in outcomes],
            "warnings": [warning for outcome in outcomes for warning in outcome.warnings],
        }
        if self.diff_mode:
            result["diff"] = [
                diff_of(outcome.path, [("CRL", "the one before, or none", "; ".join(outcome.reasons))])
                for outcome in published
            ]
        return result


def _has_crls(folder: str) -> bool:
    try:
        return any(not name.startswith(".") for name in os.listdir(folder))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise FileError(f"the folder {folder} cannot be read: {why(error)}") from error


def _lifetimes(params: dict[str, Any]) -> Lifetimes:
    for option in ("validity_days", "root_validity_days"):
        if not 1 <= params[option] <= _LONGEST:
            raise InputError(f"{option} is {params[option]}; wanted: a number of days from 1 to {_LONGEST}")
    if params["renew_before_days"] < 0:
        raise InputError(f"renew_before_days is {params['renew_before_days']}; wanted: 0 or more days")
    return Lifetimes(params["validity_days"], params["root_validity_days"], params["renew_before_days"])
