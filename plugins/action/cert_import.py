# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sort a delivery of files out to the sensors of the inventory and put their bundles into the store."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.batches.import_received import (
    FAILED,
    IMPORTED,
    ImportOptions,
    ImportOutcome,
    ImportReport,
    import_batch,
)
from ..module_utils._pki.conversion.task import passphrase_from
from ..module_utils._pki.intake.delivery import Wanted
from ..module_utils._pki.values.certificates import show
from ..module_utils._plain.errors import InputError
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.host_variables import HostVariables
from ..plugin_utils.options import SENSOR_PREFIX, counts_text, diff_of, store_of, summary_counts

COMMON_NAME = f"{SENSOR_PREFIX}common_name"
KEY_PASSPHRASE = f"{SENSOR_PREFIX}key_passphrase"
PASSPHRASE = "import_certificates_passphrase"  # noqa: S105 - a variable's name


class ActionModule(ControllerAction):
    """The ``cert_import`` module."""

    ARGUMENT_SPEC = {
        "src": {"type": "list", "elements": "path", "required": True},
        "ca_files": {"type": "list", "elements": "path", "default": []},
        "passphrases": {"type": "list", "elements": "str", "no_log": True, "default": []},
        "passphrase_files": {"type": "list", "elements": "path", "no_log": False, "default": []},
        "stage_dir": {"type": "path", "required": True},
        "group": {"type": "str", "default": "sensors"},
        "fail_on_unusable": {"type": "bool", "default": True},
        "lock_timeout": {"type": "float", "default": 30.0},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Import."""
        if not params["src"]:
            raise InputError("src is empty; wanted: the folder, archive or files that were received, or a list of them")
        sensors, others = self._sensors(params["group"], task_vars)
        passphrases = [*params["passphrases"]]
        passphrases += [passphrase_from(path, "passphrase_files") for path in params["passphrase_files"]]
        options = ImportOptions(
            paths=tuple(params["src"]),
            ca_files=tuple(params["ca_files"]),
            passphrases=tuple(passphrase for passphrase in passphrases if passphrase),
            lock_timeout=params["lock_timeout"],
        )
        report = import_batch(sensors, others, store_of(params["stage_dir"]), options, self.check_mode)
        result = self._result(report, {sensor.name for sensor in sensors if sensor.key_passphrase})
        result["refused"] = _carried(report, sensors[0].name) if params["fail_on_unusable"] and sensors else []
        return result

    def _sensors(self, group: str, task_vars: dict[str, Any]) -> tuple[list[Wanted], list[Wanted]]:
        """The sensors of this run, and the group's others."""
        variables = HostVariables(self, task_vars, roles=("sensor_certificates",))
        selected = list(task_vars["ansible_play_hosts"])
        chosen = set(selected)
        rest = [host for host in task_vars["groups"].get(group, []) if host not in chosen]
        return [_wanted(variables, host) for host in selected], [_wanted(variables, host) for host in rest]

    def _result(self, report: ImportReport, encrypted: set[str]) -> dict[str, Any]:
        results = [outcome.to_dict() for outcome in report.outcomes]
        counts = summary_counts(results)
        result: dict[str, Any] = {
            "changed": counts.get(IMPORTED, 0) > 0,
            "msg": counts_text(counts),
            "results": results,
            "bundles": [_bundle(outcome, encrypted) for outcome in report.outcomes if outcome.selection is not None],
            "failed_sensors": [outcome.name for outcome in report.outcomes if outcome.action == FAILED],
            "unassigned": [leftover.to_dict() for leftover in report.leftovers],
            "unusable": [entry.to_dict() for entry in report.unusable],
            "passed_over": [entry.to_dict() for entry in report.passed_over],
            "lines": _lines(report),
        }
        result["bundles"] = [bundle for bundle in result["bundles"] if bundle["name"] not in result["failed_sensors"]]
        if self.diff_mode:
            result["diff"] = [
                diff_of(outcome.name, outcome.changes) for outcome in report.outcomes if outcome.action == IMPORTED
            ]
        return result


def _wanted(variables: HostVariables, host: str) -> Wanted:
    values, errors = variables.read(host, [COMMON_NAME, KEY_PASSPHRASE, PASSPHRASE])
    return Wanted(
        name=host,
        common_name=str(values.get(COMMON_NAME) or host),
        passphrase=str(values.get(PASSPHRASE) or "") or None,
        key_passphrase=str(values.get(KEY_PASSPHRASE) or "") or None,
        errors=tuple(f"{variable} cannot be evaluated: {text}" for variable, text in errors.items()),
    )


def _carried(report: ImportReport, host: str) -> list[dict[str, Any]]:
    """Files that cannot be used may be anybody's; the host on which the task runs fails for them."""
    if not report.unusable:
        return []
    listed = "; ".join(f"{entry.file}: {entry.message}" for entry in report.unusable[:5])
    rest = f"; and {len(report.unusable) - 5} more" if len(report.unusable) > 5 else ""
    text = f"{len(report.unusable)} received files cannot be used, whoever's they are: {listed}{rest}"
    return [{"name": host, "errors": [text]}]


def _bundle(outcome: ImportOutcome, encrypted: set[str]) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "certificate": outcome.files.crt if outcome.files else None,
        "private_key": outcome.files.key if outcome.files else None,
        "chain": outcome.files.pem if outcome.files else None,
        "expected_common_name": outcome.common_name,
        "key_passphrase_variable": KEY_PASSPHRASE if outcome.name in encrypted else None,
        "planned": outcome.files is None,
    }


def _lines(report: ImportReport) -> list[str]:
    """What people have to know: what is whose, what is not, and why. The errors of sensors are in their results."""
    lines = []
    for outcome in report.outcomes:
        if (
            outcome.action != FAILED
            and outcome.selection is not None
            and outcome.selection.leaf
            and outcome.selection.key
        ):
            sources = dict.fromkeys((outcome.selection.leaf.source, outcome.selection.key.source))
            lines.append(f"{outcome.name}: {outcome.action}, received in {', '.join(sources)}")
        lines += [f"  {outcome.name}: {note}" for note in outcome.notes]
    nothing = [outcome.name for outcome in report.outcomes if outcome.action == "nothing"]
    if nothing:
        rest = f" and {len(nothing) - 20} more" if len(nothing) > 20 else ""
        lines.append(f"Nothing was received for: {', '.join(nothing[:20])}{rest}")
    lines += [f"UNUSABLE {entry.file}: {entry.message}. {entry.hint}" for entry in report.unusable]
    lines += [
        f"UNASSIGNED {entry.source}: {entry.what}: {entry.reason}" for entry in report.leftovers if not entry.other
    ]
    elsewhere = dict.fromkeys(entry.other for entry in report.leftovers if entry.other)
    if elsewhere:
        lines.append(f"There are files for {len(elsewhere)} sensors that are not part of this run")
    lines += [f"passed over {entry.file}: {entry.message}" for entry in report.passed_over]
    # Names of received files are the sender's: nothing of them may steer a terminal.
    return [show(line, 2000) for line in lines]
