# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sensor as the inventory wants it, as far as a report needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..planning.due import Renewal
from ..values.faults import whole_number
from ..values.sites import site_of


@dataclass(frozen=True)
class Wanted:
    """A sensor of the inventory, as far as a report needs it.

    :ivar common_name: what the inventory asks for; empty: nobody said.
    """

    name: str
    common_name: str
    groups: tuple[str, ...] = ()
    issuer: str | None = None
    renewal: Renewal = field(default_factory=Renewal)
    group: str = "sensors"

    @property
    def site(self) -> str:
        """The innermost of its groups, but for the one that all sensors are in; that one if there is no other."""
        return site_of(self.groups, self.group)

    @classmethod
    def of(cls, raw: Mapping[str, Any], group: str = "sensors") -> Wanted:
        """From what the gatherer says of it; a value that cannot be used is as if it were not set.

        :param group: the one that all sensors are in.
        """
        name = str(raw["name"])
        before, spread = whole_number(raw.get("renew_before_days")), whole_number(raw.get("renew_spread_days"))
        groups = raw.get("groups")
        return cls(
            name,
            str(raw.get("common_name") or ""),
            tuple(str(group) for group in groups) if isinstance(groups, (list, tuple)) else (),
            str(raw["issuer"]) if raw.get("issuer") else None,
            Renewal(before if before is not None and before >= 0 else None, max(spread or 0, 0), name),
            group,
        )
