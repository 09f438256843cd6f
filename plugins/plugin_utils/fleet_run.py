# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is one for a run: every host of the group must see the same value."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from . import pki_folder
from .host_variables import HostView, Unusable, has_template
from .options import LOCAL_CA_PREFIX, SENSOR_PREFIX, SETTINGS_SPEC

IMPORT_PREFIX = "import_certificates_"
# Secrets stay where they are; the run only names the variable that holds them.
_SECRETS = {
    f"{LOCAL_CA_PREFIX}passphrase": "passphrase_variable",
    f"{IMPORT_PREFIX}passphrases": "passphrases_variable",
    "crl_access_proxy": "proxy_variable",
}
# What is known to be no secret; anything else may be one, a misspelt one too.
PUBLIC_SETTINGS = frozenset(
    (
        "kind", "url", "mount", "role", "token_file", "namespace", "ca_cert", "profile", "label", "outbox", "inbox",
        "trusted_roots", "template", "timeout",
    )
)  # fmt: skip
ISSUERS = f"{SENSOR_PREFIX}issuers"
_SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sensor_certificates": (SENSOR_PREFIX, ("issuers", "max_changes", "keep_previous", "lock_timeout")),
    "local_ca": (LOCAL_CA_PREFIX, (*SETTINGS_SPEC, "create", "crl_url", "warn_before_days")),
    "import_certificates": (
        IMPORT_PREFIX,
        ("src", "ca_files", "trusted_roots", "trust_any", "passphrases", "passphrase_files", "fail_on_unusable"),
    ),
    "crl_publication": (
        "crl_publication_",
        ("validity_days", "root_validity_days", "renew_before_days", "lock_timeout"),
    ),
    "crl_access": (
        "crl_access_",
        ("fail_on", "proxy", "no_proxy", "timeout", "connect_timeout", "retries", "max_bytes", "fetcher"),
    ),
    "fleet_report": ("fleet_report_", ("most", "formats", "query", "fail_on", "since", "sheets", "handover")),
}
_FOLDERS = {
    "stage_dir": f"{SENSOR_PREFIX}stage_dir",
    "ca_dir": f"{LOCAL_CA_PREFIX}dir",
    "ledger_dir": f"{LOCAL_CA_PREFIX}ledger_dir",
    "crl_dir": "crl_publication_dir",
    "report_dir": "fleet_report_dir",
    "handover_dir": "fleet_report_handover_dir",
    "workstations_dir": "trust_store_folder",
}
VARIABLES = (
    pki_folder.VARIABLE,
    *_FOLDERS.values(),
    *(prefix + option for prefix, options in _SECTIONS.values() for option in options),
)


class Shared:
    """Variables that are one for a run, and the first host that was seen with each value."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._seen: dict[str, _Seen] = {}
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """What is wrong with them, each text once."""
        return list(dict.fromkeys(self._problems.values()))

    def add(self, view: HostView) -> None:
        """Compare one more host with those before it; each variable is reported once."""
        for variable in VARIABLES:
            if variable in self._problems:
                continue
            seen = self._seen.get(variable)
            if seen is None:
                self._seen[variable] = _Seen(view, variable)
                self._evaluate(view, variable)
            elif not seen.same(view):
                self._compare(view, variable, seen.host)

    def _evaluate(self, view: HostView, variable: str) -> Any:
        """The value, which is kept if it is the first."""
        try:
            value = view.value(variable)
        except Unusable as error:
            # What the folder's own lookup says names its variable already, and concerns every folder alike.
            told = str(error)
            own = told.startswith(pki_folder.VARIABLE)
            self._problems[variable] = told if own else f"{variable} cannot be evaluated for {view.host}: {told}"
            return None
        return self.values.setdefault(variable, value)

    def _compare(self, view: HostView, variable: str, first: str) -> None:
        known = self.values[variable]
        try:
            value = view.value(variable)
        except Unusable as error:
            self._problems[variable] = f"{variable} cannot be evaluated for {view.host}: {error}"
            return
        if value != known:
            secret = variable in _SECRETS or variable == ISSUERS
            shown = "two values" if secret else f"{known!r} and {value!r}"
            self._problems[variable] = (
                f"{variable} differs between {first} and {view.host} ({shown}), "
                "but it is one for a run; set it for all, or use one inventory for each"
            )


class _Seen:
    """What the first host has, so that others are compared without evaluating anything."""

    def __init__(self, view: HostView, variable: str) -> None:
        self.host = view.host
        self._variable = variable
        self._raw = view.raw(variable)
        self._key = view.key(variable) if has_template(self._raw) else None
        self._template = has_template(self._raw)

    def same(self, view: HostView) -> bool:
        """Whether another host has the same for sure."""
        if view.raw(self._variable) != self._raw:
            return False
        return not self._template or (self._key is not None and view.key(self._variable) == self._key)


def described(values: Mapping[str, Any], read_from: str, default: str) -> dict[str, Any]:
    """What is one for a run, without secrets.

    :param values: the variables.
    :param read_from: a host as which the variables with secrets can be read.
    :param default: the folder that holds what has no folder of its own; empty without an inventory to put it beside.
    """
    named = str(values.get(pki_folder.VARIABLE) or "")
    base = os.path.abspath(os.path.expanduser(named)) if named else default
    run: dict[str, Any] = {"dir": base, "read_from": read_from}
    for key, variable in _FOLDERS.items():
        run[key] = _absolute(values.get(variable))
    run["ledger_dir"] = run["ledger_dir"] or (run["ca_dir"] + "_ledger" if run["ca_dir"] else "")
    run["report_dir"] = run["report_dir"] or _below(base, pki_folder.REPORT)
    run["handover_dir"] = run["handover_dir"] or _below(base, pki_folder.HANDOVER)
    # Beside the stage folder, never in it: every entry there is a sensor.
    parent = base if named or not run["stage_dir"] else os.path.dirname(run["stage_dir"])
    run["workstations_dir"] = run["workstations_dir"] or _below(parent, pki_folder.WORKSTATIONS)
    run["inbox_dir"], run["outbox_dir"] = _below(base, pki_folder.INBOX), _below(base, pki_folder.OUTBOX)
    for section, (prefix, options) in _SECTIONS.items():
        found: dict[str, Any] = {}
        for option in options:
            variable = prefix + option
            if variable in _SECRETS:
                found[_SECRETS[variable]] = variable if values.get(variable) else None
            elif variable == ISSUERS:
                found[option] = _without_secrets(values.get(variable))
            else:
                found[option] = values.get(variable)
        run[section] = found
    return run


def _without_secrets(issuers: Any) -> Any:
    """The issuers' settings; those that are or may be secret are only named, in C(secrets)."""
    if not isinstance(issuers, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name, settings in issuers.items():
        if isinstance(settings, Mapping):
            secret = [str(key) for key in settings if key not in PUBLIC_SETTINGS]
            settings = {key: value for key, value in settings.items() if key in PUBLIC_SETTINGS}
            if secret:
                settings["secrets"] = secret
        # What is no description stands there by mistake, and may be a secret.
        found[name] = settings if isinstance(settings, Mapping) else {}
    return found


def issuers_with_secrets(view: HostView) -> dict[str, Any]:
    """The issuers' settings with their secrets, for the action that needs them.

    :param view: of the host that the run names in C(read_from).
    """
    found = view.value(ISSUERS)
    return dict(found) if isinstance(found, Mapping) else {}


def _absolute(path: Any) -> str:
    return os.path.abspath(os.path.expanduser(str(path))) if path else ""


def _below(base: str, name: str) -> str:
    return os.path.join(base, name) if base else ""


def authorities(run: Mapping[str, Any], issuers: Iterable[str]) -> dict[str, list[str]]:
    """The files with the CA certificates that workstations are to trust.

    :param issuers: the issuers that sensors of the group name.
    :returns: ``certificates``, and ``optional``: intermediates that help where they exist already.
    """
    wanted: list[str] = []
    optional: list[str] = []
    settings = run["sensor_certificates"]["issuers"]
    for issuer in issuers:
        if issuer == "local_ca":
            if run["ca_dir"]:
                wanted.append(os.path.join(run["ca_dir"], "root.crt"))
                optional.append(os.path.join(run["ca_dir"], "issuing.crt"))
        elif issuer == "received":
            wanted += _listed(run["import_certificates"]["trusted_roots"])
        elif isinstance(settings, Mapping) and isinstance(settings.get(issuer), Mapping):
            wanted += _listed(settings[issuer].get("trusted_roots"))
    return {"certificates": list(dict.fromkeys(wanted)), "optional": optional}


def _listed(paths: Any) -> list[str]:
    given = paths if isinstance(paths, list) else [paths] if paths else []
    return [_absolute(path) for path in given]
