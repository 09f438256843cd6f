# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is uploaded to, and in which order: one sensor first, then in parts, a site at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError
from ..live.judge import MATCHES, NOT_TLS, UNREACHABLE
from ..values.lists import counted
from ..values.sites import site_of


@dataclass(frozen=True)
class Rollout:
    """What there is to do.

    :ivar hosts: the sensors to upload to, in order, with what their console presents now (``before``).
    :ivar sizes: of the parts, the first of one sensor; no part has sensors of two sites.
    :ivar kept: those whose console presents its certificate already. :ivar failures: why by sensor.
    """

    hosts: tuple[Mapping[str, Any], ...] = ()
    sizes: tuple[int, ...] = ()
    kept: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        told = [counted(len(self.hosts), "sensor") + " to upload to", f"{len(self.kept)} present theirs already"]
        if self.failures:
            told.append(f"{len(self.failures)} cannot be looked at")
        return {
            "hosts": [dict(host) for host in self.hosts],
            "sizes": list(self.sizes) or [1],
            "kept": list(self.kept),
            "failures": dict(self.failures),
            "lines": [", ".join(told)],
        }


def plan_rollout(
    seen: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    fleet: str,
    at_once: int,
) -> Rollout:
    """Who is next.

    :param seen: results of ``live_check`` for the ``targets``, in the same order.
    :param groups: of each sensor, parents first. :param fleet: the group that all sensors are in.
    :param at_once: how many sensors a part has at most.
    :raises InputError: ``at_once`` is none.
    """
    if at_once < 1:
        raise InputError(f"sensor_upload_at_once is {at_once}; wanted: how many sensors at once, 1 or more")
    kept: list[str] = []
    failures: dict[str, str] = {}
    sites: dict[str, list[Mapping[str, Any]]] = {}
    for result, target in zip(seen, targets, strict=True):
        name = str(result["sensor"])
        if not result.get("expected_fingerprint"):
            failures[name] = str(result["message"])
        elif result["state"] == MATCHES:
            kept.append(name)
        elif result["state"] in (UNREACHABLE, NOT_TLS):
            failures[name] = (
                f"{result['message']}; since nobody could tell whether an upload has worked, nothing was copied"
            )
        else:
            site = site_of(groups.get(name, ()), fleet)
            sites.setdefault(site, []).append(
                {"name": name, "target": dict(target), "before": result["fingerprint"], "site": site}
            )
    hosts = [host for members in sites.values() for host in members]
    sizes: list[int] = []
    for members in sites.values():
        rest = len(members)
        if not sizes:
            sizes, rest = [1], rest - 1
        while rest > 0:
            sizes.append(min(rest, at_once))
            rest -= sizes[-1]
    return Rollout(tuple(hosts), tuple(sizes), tuple(kept), failures)
