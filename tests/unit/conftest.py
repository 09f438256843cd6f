# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all unit tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cheap_ca_keys() -> Iterator[None]:
    """Hundreds of CAs are made and opened here; the real cost of their keys is tested where it is the subject."""
    from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca import key_file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_file, "ROUNDS", 2048 + 1)
        yield
