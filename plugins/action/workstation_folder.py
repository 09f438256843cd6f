# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which authorities workstations are to trust, written down for those that Ansible does not reach."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.reporting import as_workstations
from ..module_utils._pki.trust.folder import write_folder
from ..module_utils._pki.trust.judge import Judged, judge, judge_helpers, parse_fingerprints
from ..module_utils._pki.values import moments
from ..module_utils._pki.values.lists import counted
from ..module_utils._plain.errors import InputError
from ..module_utils._plain.hosts_file_entries import parse_entries
from ..plugin_utils.controller_action import ControllerAction
from ..plugin_utils.options import folder_of


class ActionModule(ControllerAction):
    """The ``workstation_folder`` module."""

    ARGUMENT_SPEC = {
        "certificates": {"type": "list", "elements": "str", "default": []},
        "authorities": {"type": "dict"},
        "fingerprints": {"type": "list", "elements": "str", "default": []},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "dir": {"type": "str"},
        "entries": {"type": "list", "elements": "dict", "default": []},
        "consoles": {"type": "list", "elements": "str", "default": []},
        "contact": {"type": "str", "default": ""},
    }

    def work(self, params: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Judge, then write what differs."""
        present, moment = params["state"] == "present", moments.now()
        paths, optional, planned, warnings = self._paths(params)
        expected = parse_fingerprints(params["fingerprints"])
        judged = judge(paths, moment, present, expected)
        others = judge_helpers(optional, judged, moment, present, expected)
        result: dict[str, Any] = {
            "changed": False,
            "msg": ", ".join(one.label for one in judged) or "certificates by their fingerprints",
            # Linux needs the roots alone; Windows and Java applications are helped by issuing CAs.
            "certificates": list(dict.fromkeys(one.source for one in judged)),
            "authorities": [_described(one) for one in [*judged, *others]],
            "planned": bool(planned),
            "dir": "",
            "files": [],
            "warnings": warnings,
        }
        if planned:
            result["msg"] = f"{planned[0]} is yet to be made"
        if params["dir"] and present and (judged or planned):
            self._write(folder_of(params["dir"], "trust_store_folder"), [*judged, *others], params, result)
        return result

    def _paths(self, params: dict[str, Any]) -> tuple[list[str], list[str], list[str], list[str]]:
        """The files to judge, those that help if they exist, those that are yet to be made, and warnings."""
        if params["certificates"] or (params["state"] == "absent" and params["fingerprints"]):
            return params["certificates"], [], [], []
        if params["authorities"] is None:
            raise InputError(
                "trust_store_certificates is empty, and there is no sensor whose local_ca_dir names the CA; "
                "wanted: paths of CA certificates"
            )
        wanted = params["authorities"].get("certificates") or []
        if not wanted:
            text = "workstations are not told whom to trust: trust_store_certificates is empty, and no issuer"
            return [], [], [], [f"{text} names its root (trusted_roots)"]
        missing = [path for path in wanted if not os.path.exists(path)]
        if missing and not self.check_mode:
            raise InputError(
                f"there is no CA at {missing[0]} that workstations could trust; "
                "set trust_store_certificates, or make the CA"
            )
        optional = [path for path in params["authorities"].get("optional") or [] if os.path.exists(path)]
        return [path for path in wanted if path not in missing], optional, missing, []

    def _write(self, folder: str, judged: list[Judged], params: dict[str, Any], result: dict[str, Any]) -> None:
        if result["planned"]:
            result.update(changed=True, dir=folder, msg=f"{folder} would be written")
            return
        entries = parse_entries(params["entries"], True, result["warnings"])
        page = as_workstations.render(judged, entries, params["consoles"], params["contact"])
        written = write_folder(folder, judged, entries, page, check_mode=self.check_mode)
        result.update(changed=bool(written), dir=folder, files=written)
        result["msg"] += (
            f"; {folder}: {counted(len(written), 'file changes', 'files change')}"
            if written
            else f"; {folder} is up to date"
        )
        if self.diff_mode and written:
            after = "".join(f"{name}\n" for name in written)
            result["diff"] = {"before_header": folder, "after_header": folder, "before": "", "after": after}


def _described(one: Judged) -> dict[str, Any]:
    return {**one.described(), "label": one.label, "name": one.name, "pem": one.pem}
