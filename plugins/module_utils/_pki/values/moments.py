# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Moments: the clock, and the one way to write a time."""

from __future__ import annotations

import datetime

ONE_DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    """The current time in UTC, in whole seconds as certificates hold it."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def iso(moment: datetime.datetime) -> str:
    """A time as results, messages and files show it, in ISO 8601: ``2028-11-22T10:00:00Z``.

    :param moment: in UTC; the year has four digits, also that of a certificate of the year 1.
    """
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
