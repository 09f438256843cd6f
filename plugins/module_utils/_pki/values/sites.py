# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which site a sensor belongs to."""

from __future__ import annotations

from collections.abc import Sequence


def site_of(groups: Sequence[str], fleet: str = "sensors") -> str:
    """The innermost of a sensor's groups but for the one that all sensors are in; that one if there is no other.

    :param groups: parents first. :param fleet: the group that all sensors are in.
    """
    others = [group for group in groups if group != fleet]
    return (others or list(groups) or [""])[-1]
