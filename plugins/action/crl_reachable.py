# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch CRLs from a vantage host and judge them on the control node."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._pki.crl.judging import Case, Judge, read_case
from ..module_utils._pki.crl.staged import concerned, recorded_revocations, with_crl
from ..module_utils._pki.crl.verdicts import CertificateVerdict, grouped, worst
from ..module_utils._pki.state.fleet import FleetState
from ..module_utils._pki.state.ledger import Ledger
from ..module_utils._pki.validation.task import parse_moment
from ..module_utils._pki.values import moments
from ..module_utils._plain.addresses import networks
from ..module_utils._plain.errors import InputError
from ..module_utils._plain.fetching import Settings
from ..module_utils._plain.fetching_proxy import proxy_address, split_credentials
from ..plugin_utils.controller_action import GroupedAction, finished, guarded
from ..plugin_utils.crl_vantage import FETCHERS, Vantage
from ..plugin_utils.options import folder_of, stage_of
from ..plugin_utils.progress import interruptible
from ..plugin_utils.secrets import with_secrets

OBJECT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "certificate": {"type": "path", "required": True},
    "issuer_certificates": {"type": "list", "elements": "path"},
}
ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "certificate": {"type": "path"},
    "certificates": {"type": "list", "elements": "dict", "options": OBJECT_SPEC},
    "urls": {"type": "list", "elements": "str"},
    "stage_dir": {"type": "path"},
    "ledger_dir": {"type": "path"},
    "sensors": {"type": "list", "elements": "str"},
    "issuer_certificates": {"type": "list", "elements": "path", "default": []},
    "crl_validation": {"type": "bool"},
    "at": {"type": "str"},
    "proxy": {"type": "str"},
    "proxy_variable": {"type": "str"},
    "no_proxy": {"type": "str"},
    "allow_networks": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "float", "default": 10.0},
    "connect_timeout": {"type": "float", "default": 5.0},
    "retries": {"type": "int", "default": 2},
    "max_bytes": {"type": "int", "default": 20 * 1024 * 1024},
    "fetcher": {"type": "str", "choices": list(FETCHERS), "default": "auto"},
    "brief": {"type": "bool", "default": False},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
}
_MOST = 20


class ActionModule(GroupedAction):
    """The ``crl_reachable`` module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        super().run(tmp, task_vars)

        def work() -> dict[str, Any]:
            params = with_secrets(self, task_vars or {}, self.options(ARGUMENT_SPEC))
            with interruptible(self._task.action):
                return finished(self._work(params, task_vars or {}))

        return guarded(work)

    def _work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        settings = _settings(params)
        at = parse_moment(params["at"], "at") if params["at"] else moments.now()
        recorded: dict[str, str] = {}
        if params["sensors"] is not None:
            state = _state_of(params)
            staged = concerned(state, params["sensors"])
            recorded = recorded_revocations(state, staged)
            params = {**params, "certificates": with_crl(staged)}
        cases = _cases(params)
        vantage = Vantage(self, task_vars, params["fetcher"])
        try:
            fetched = vantage.fetch([url for case in cases for url in case.wanted_urls()], settings)
        except AnsibleConnectionFailure as error:
            if params["fail_on"] != "never":
                raise
            # Asked only to report: a vantage that cannot be reached must not take the play's own host with it.
            text = f"the vantage {vantage.name} cannot be reached: {str(error).strip()}"
            return {
                "changed": False,
                "failed": False,
                "msg": text,
                "vantage": vantage.name,
                "reachable": False,
                "urls": [],
                "checked": [case.name for case in cases],
                "recorded": recorded,
            }
        judge = Judge(fetched, at)
        return {**_result([judge.judge(case) for case in cases], vantage, params, recorded), "recorded": recorded}


def _settings(params: dict[str, Any]) -> Settings:
    for option, least in (("timeout", 0.001), ("connect_timeout", 0.001), ("retries", 0), ("max_bytes", 1)):
        if params[option] < least:
            raise InputError(f"{option} is {params[option]}; wanted: {'0 or more' if least == 0 else 'more than 0'}")
    try:
        networks(params["allow_networks"])
    except ValueError as error:
        raise InputError(str(error)) from error
    proxy, credentials = params["proxy"], None
    if proxy:
        proxy, credentials = split_credentials(proxy)
        try:
            proxy_address(proxy)
        except ValueError as error:
            raise InputError(str(error)) from error
    return Settings(
        timeout=params["timeout"],
        connect_timeout=params["connect_timeout"],
        retries=params["retries"],
        max_bytes=params["max_bytes"],
        proxy=proxy,
        credentials=credentials,
        no_proxy=params["no_proxy"],
        allow_networks=tuple(params["allow_networks"]),
    )


def _state_of(params: dict[str, Any]) -> FleetState:
    """Where the sensors' staged certificates are, and the record of what was revoked."""
    if params["certificates"] is not None:
        raise InputError("certificates is given with sensors; wanted: one of them")
    if not params["stage_dir"]:
        raise InputError("sensors is given without stage_dir; wanted: the stage directory as well")
    ledger = Ledger(folder_of(params["ledger_dir"], "ledger_dir")) if params["ledger_dir"] else None
    return FleetState(stage_of(params["stage_dir"]), ledger)


def _cases(params: dict[str, Any]) -> list[Case]:
    """What is to be judged: the single certificate or URLs of the options, or the list."""
    issuers = params["issuer_certificates"]
    if params["certificates"] is not None:
        if params["certificate"] or params["urls"]:
            raise InputError("certificates is given with certificate or urls; wanted: one of them")
        return [
            read_case(
                entry["name"] or entry["certificate"],
                entry["certificate"],
                entry["issuer_certificates"] if entry["issuer_certificates"] is not None else issuers,
            )
            for entry in params["certificates"]
        ]
    if not params["certificate"] and not params["urls"]:
        raise InputError("nothing says what to fetch; wanted: certificate, certificates or urls")
    return [read_case(params["certificate"] or "urls", params["certificate"], issuers, params["urls"] or ())]


def _result(
    verdicts: list[CertificateVerdict], vantage: Vantage, params: dict[str, Any], recorded: dict[str, str]
) -> dict[str, Any]:
    url_wanted = bool(params["crl_validation"])
    results = [
        {**one.to_dict(params["brief"]), "errors": one.errors(url_wanted), "revocations": one.revocations()}
        for one in verdicts
    ]
    errors = grouped({one.name: result["errors"] for one, result in zip(verdicts, results)})
    listed = {one.name for one in verdicts if one.revoked}
    errors += grouped({name: [text] for name, text in recorded.items() if name not in listed})
    remarks = grouped({one.name: one.remarks() for one in verdicts})
    urls = worst([verdict for one in verdicts for verdict in one.verdicts])
    usable = sum(verdict.usable for verdict in urls)
    faults = {"error": errors, "warning": [*errors, *remarks], "never": []}[params["fail_on"]]
    result: dict[str, Any] = {
        "changed": False,
        "failed": bool(faults),
        "msg": f"{usable} of {len(urls)} CRL locations are usable from {vantage.name}"
        + "".join(f"\n- {line}" for line in [*errors, *remarks][:_MOST]),
        "vantage": vantage.name,
        "fetcher": vantage.used,
        "reachable": bool(verdicts) and all(one.reachable for one in verdicts),
        "revoked": bool(recorded) or any(one.revoked for one in verdicts),
        "urls": [verdict.to_dict() for verdict in urls],
        "errors": errors,
        "warnings": [*remarks[:_MOST], *vantage.warnings],
    }
    if params["certificates"] is not None:
        result["results"] = results
        result["checked"] = [one.name for one in verdicts]
    return result
