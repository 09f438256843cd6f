# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that we read are told to Ansible, which since core 2.22 hides them in everything that it prints.

Vaulted values it hides by itself. It knows no word boundaries, so a passphrase that is an ordinary word would make
holes in every name and path: such a one is left out, and protected by our not printing it, as on older cores.
"""

from __future__ import annotations

from typing import Any

try:
    from ansible.module_utils.secrets import register_secret
except ImportError:  # before ansible-core 2.22

    def register_secret(value: str, /) -> str:
        """Nothing is hidden here."""
        return value


_SHORTEST = 8


def fit_to_be_hidden(value: object) -> bool:
    """Whether a text is long and odd enough that it stands nowhere but as the secret."""
    return isinstance(value, str) and len(value) >= _SHORTEST and not value.isalpha() and not value.isdigit()


def hidden(value: Any) -> Any:
    """The value, after Ansible was told of it."""
    for each in value if isinstance(value, list) else ():
        hidden(each)
    if fit_to_be_hidden(value):
        register_secret(str(value))
    return value
