# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validate where the files are; on the control node itself without a module's temporary files."""

from __future__ import annotations

from typing import Any

from ..module_utils._pki.validation.task import ARGUMENT_SPEC, run
from ..plugin_utils.local_or_remote import LocalOrRemoteAction


class ActionModule(LocalOrRemoteAction):
    """The ``cert_validate`` module."""

    ARGUMENT_SPEC = ARGUMENT_SPEC
    TAKES_PEM = True

    def work(self, params: dict[str, Any]) -> dict[str, Any]:
        """Validate."""
        return run(params, self.progress)
