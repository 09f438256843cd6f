# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plan, issue and store the certificates of many sensors in one call."""

from __future__ import annotations

import datetime
import time
from typing import Any

from ansible.utils.display import Display

from ..module_utils._pki.batches.issue import FAILED, ISSUED, Batch, SensorOutcome, issue_batch
from ..module_utils._pki.issuers.local_ca.opened import Authority, folder_state, open_authority
from ..module_utils._pki.parallel import usable_processors
from ..module_utils._pki.planning.plan import Wanted
from ..module_utils._pki.state import revocations
from ..module_utils._pki.values import x509_parts as parts
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables, add_passphrases
from ..plugin_utils.options import (
    counts_text,
    crl_url_of,
    diff_of,
    folder_of,
    ledger_of,
    passphrase_of,
    store_of,
    summary_counts,
)

_PROGRESS_SECONDS = 10


class ActionModule(ControllerAction):
    """The ``cert_issue`` module."""

    ARGUMENT_SPEC = {
        "sensors": {"type": "list", "elements": "raw", "required": True, "no_log": False},
        "others": {"type": "list", "elements": "raw", "default": []},
        "stage_dir": {"type": "path", "required": True},
        "ca_dir": {"type": "path", "required": True},
        "ca_passphrase": {"type": "str", "required": True, "no_log": True},
        "ledger_dir": {"type": "path"},
        "crl_url": {"type": "str"},
        "lock_timeout": {"type": "float", "default": 30.0},
        "variable_prefix": {"type": "str", "default": ""},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Issue what is to be issued."""
        ca_dir = folder_of(params["ca_dir"], "ca_dir")
        sensors = [self._described(sensor, position) for position, sensor in enumerate(params["sensors"])]
        passphrase_variables = {sensor.get("name"): sensor.get("key_passphrase_variable") for sensor in sensors}
        add_passphrases(HostVariables(self, task_vars), sensors, "key_passphrase")
        moment = parts.now()
        authority = self._authority(ca_dir, passphrase_of(params["ca_passphrase"]), moment)
        ledger = ledger_of(ca_dir, params["ledger_dir"])
        revoked = revocations.find(ledger, authority.certificate.serial_number) if authority else None
        if revoked is not None:
            raise InputError(
                f"the issuing CA in {ca_dir} was revoked ({revoked.text}), so nobody would trust what it issues; make "
                "a new CA in another folder (local_ca_dir) with local_ca_create: true"
            )
        wanted = Wanted(
            store=store_of(params["stage_dir"]),
            ledger=ledger,
            authority=authority,
            crl_url=crl_url_of(params["crl_url"]),
            moment=moment,
        )
        batch = Batch(
            prefix=params["variable_prefix"],
            lock_timeout=params["lock_timeout"],
            workers=usable_processors(),
            progress=_Progress(),
        )
        outcomes = issue_batch(sensors, params["others"], wanted, batch, self.check_mode)
        return self._result(outcomes, passphrase_variables)

    @staticmethod
    def _described(sensor: Any, position: int) -> dict[str, Any]:
        if not isinstance(sensor, dict):
            raise InputError(f"sensors[{position}] is {sensor!r}; wanted: a dictionary that describes a sensor")
        return dict(sensor)

    def _authority(self, ca_dir: str, passphrase: str, moment: datetime.datetime) -> Authority | None:
        if folder_state(ca_dir) == "absent":
            if self.check_mode:
                return None  # an earlier task of the same run would have made it
            raise InputError(f"there is no CA in {ca_dir}; apply the role ot_pki.defender_iot.local_ca first")
        return open_authority(ca_dir, passphrase, moment, datetime.timedelta(0))

    def _result(self, outcomes: list[SensorOutcome], passphrase_variables: dict[Any, Any]) -> dict[str, Any]:
        results = [outcome.to_dict() for outcome in outcomes]
        counts = summary_counts(results)
        result: dict[str, Any] = {
            "changed": counts.get(ISSUED, 0) > 0,
            "msg": counts_text(counts),
            "results": results,
            "bundles": [
                {
                    "name": outcome.name,
                    "certificate": outcome.files.crt if outcome.files else None,
                    "private_key": outcome.files.key if outcome.files else None,
                    "chain": outcome.files.pem if outcome.files else None,
                    "expected_common_name": outcome.common_name,
                    "key_passphrase_variable": passphrase_variables.get(outcome.name),
                    "planned": outcome.files is None,
                }
                for outcome in outcomes
                if outcome.action != FAILED
            ],
            "failed_sensors": [outcome.name for outcome in outcomes if outcome.action == FAILED],
            "warnings": _common_warnings(outcomes),
        }
        if self.diff_mode:
            result["diff"] = [
                diff_of(outcome.name, outcome.changes or [("certificate", "none", "; ".join(outcome.reasons))])
                for outcome in outcomes
                if outcome.action == ISSUED
            ]
        return result


def _common_warnings(outcomes: list[SensorOutcome]) -> list[str]:
    """The sensors' warnings, each text once with the sensors it concerns."""
    by_text: dict[str, list[str]] = {}
    for outcome in outcomes:
        for warning in outcome.warnings:
            by_text.setdefault(warning, []).append(outcome.name)
    return [
        f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {text}"
        for text, names in by_text.items()
    ]


class _Progress:
    """Tells people who wait that something happens, now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, made: int, of: int) -> None:
        if time.monotonic() - self._last >= _PROGRESS_SECONDS:
            self._last = time.monotonic()
            Display().display(f"  {made} of {of} certificates issued")
