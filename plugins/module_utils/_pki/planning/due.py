# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a certificate is to be renewed: the one place that knows."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass

# Uploads are manual work in a maintenance window, so people need weeks; a short-lived
# certificate is renewed after two thirds of its life, as ACME clients do.
DEFAULT_DAYS = 60
DEFAULT_FRACTION = 3


@dataclass(frozen=True)
class Renewal:
    """What was asked about the moment of renewal.

    :ivar before_days: days before the end; None: 60, but at most a third of the actual lifetime.
    :ivar spread_days: up to so many days earlier, by the sensor's name, so that a fleet that was issued on one
        day does not come due on one day.
    """

    before_days: int | None = None
    spread_days: int = 0
    name: str = ""

    def earlier_days(self) -> int:
        """How many days earlier this sensor is due: the same on each run, spread evenly over a fleet."""
        if self.spread_days <= 0:
            return 0
        digest = hashlib.sha256(self.name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % (self.spread_days + 1)


def renewal_time(
    not_before: datetime.datetime, not_after: datetime.datetime, renewal: Renewal | int | None = None
) -> datetime.datetime:
    """The moment from which a certificate is due.

    The certificate's own lifetime counts, not the one that was asked for: an issuer that caps it below the days
    before its end would otherwise make it due on every run.

    :param renewal: a number means that many days before the end.
    """
    asked = renewal if isinstance(renewal, Renewal) else Renewal(renewal)
    lifetime = not_after - not_before
    before = min(datetime.timedelta(days=DEFAULT_DAYS), lifetime / DEFAULT_FRACTION)
    if asked.before_days is not None and datetime.timedelta(days=asked.before_days) < lifetime:
        before = datetime.timedelta(days=asked.before_days)
    # Never in the first half of what is left: a new certificate must not be due at once.
    earlier = min(datetime.timedelta(days=asked.earlier_days()), (lifetime - before) / 2)
    return not_after - before - earlier


def is_due(
    moment: datetime.datetime,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
    renewal: Renewal | int | None,
    possible_end: datetime.datetime,
) -> bool:
    """Whether to renew now.

    :param possible_end: when a certificate issued now would end. Where the issuing CA's own end stands in the
        way of a later one, renewing gains nothing and would repeat on every run, so nothing is due.
    """
    if moment < renewal_time(not_before, not_after, renewal):
        return False
    return possible_end > not_after
