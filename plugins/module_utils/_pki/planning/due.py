# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a certificate is to be renewed: the one place that knows."""

from __future__ import annotations

import datetime

# Uploads are manual work in a maintenance window, so people need weeks; a short-lived
# certificate is renewed after two thirds of its life, as ACME clients do.
DEFAULT_DAYS = 60
DEFAULT_FRACTION = 3


def renewal_time(
    not_before: datetime.datetime, not_after: datetime.datetime, renew_before_days: int | None
) -> datetime.datetime:
    """The moment from which a certificate is due.

    :param renew_before_days: days before its end; ``None``: 60, but at most a third of its actual lifetime.
    """
    if renew_before_days is not None:
        return not_after - datetime.timedelta(days=renew_before_days)
    return not_after - min(datetime.timedelta(days=DEFAULT_DAYS), (not_after - not_before) / DEFAULT_FRACTION)


def is_due(
    moment: datetime.datetime,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
    renew_before_days: int | None,
    possible_end: datetime.datetime,
) -> bool:
    """Whether to renew now.

    :param possible_end: when a certificate issued now would end. Where the issuing CA's own end stands in the
        way of a later one, renewing gains nothing and would repeat on every run, so nothing is due.
    """
    if moment < renewal_time(not_before, not_after, renew_before_days):
        return False
    return possible_end > not_after
