# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at the options of the module of the same name, and runs it."""

from __future__ import annotations

from ..module_utils._plain.inner_options import CRL_FETCH
from ..plugin_utils.checked_module import CheckedModule


class ActionModule(CheckedModule):
    """The ``crl_fetch`` module."""

    ARGUMENT_SPEC = CRL_FETCH
