# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge certificates on the control node; only what passed travels to the host."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils._pki.crypto import CRYPTOGRAPHY_PROBLEM
from ..module_utils._pki.trust.judge import Judged, judge, parse_fingerprints
from ..module_utils._pki.values import moments
from ..module_utils._plain.errors import InputError, PkiError
from ..module_utils._plain.trust.options import ARGUMENT_SPEC
from ..plugin_utils.controller_action import GroupedAction, finished, refusal


class ActionModule(GroupedAction):
    """The ``ca_trust`` module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if CRYPTOGRAPHY_PROBLEM:
            return {"failed": True, "msg": CRYPTOGRAPHY_PROBLEM}
        try:
            options = self.options(ARGUMENT_SPEC)
            judged, told = self._judge(options)
        except PkiError as error:
            return refusal(error)
        arguments = {
            **{option: value for option, value in options.items() if value is not None},
            "certificates": [one.source for one in judged],
            "fingerprints": sorted(told),
            "judged": [
                {"pem": one.pem, "fingerprint": one.fingerprint, "label": one.label, "self_signed": one.self_signed}
                for one in judged
            ],
        }
        result.update(
            self._execute_module(
                module_name="ot_pki.defender_iot.ca_trust", module_args=arguments, task_vars=task_vars or {}
            )
        )
        result["certificates"] = [one.described() for one in judged]
        # The PEM blocks that travelled are no news to anybody.
        result.get("invocation", {}).get("module_args", {}).pop("judged", None)
        return finished(result)

    @staticmethod
    def _judge(options: dict[str, Any]) -> tuple[list[Judged], frozenset[str]]:
        if options["judged"] is not None:
            raise InputError("judged is set by the collection itself; name files in certificates")
        present = options["state"] == "present"
        told = parse_fingerprints(options["fingerprints"])
        paths = [os.path.abspath(os.path.expanduser(path)) for path in options["certificates"]]
        if present and not paths:
            raise InputError("certificates is empty; wanted: the paths of CA certificates on the control node")
        if not paths and not told:
            raise InputError("neither certificates nor fingerprints is given; wanted: what is to be removed")
        return judge(paths, moments.now(), present, told), told
