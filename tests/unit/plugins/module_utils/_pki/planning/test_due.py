# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.due import is_due, renewal_time

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def day(number: float) -> datetime.datetime:
    return START + datetime.timedelta(days=number)


@pytest.mark.parametrize(
    ("lifetime", "before", "expected"),
    [(730, None, 670), (90, None, 60), (3, None, 2), (730, 30, 700), (730, 0, 730), (365, 200, 165)],
)
def test_renewal_time(lifetime: int, before: int | None, expected: int) -> None:
    assert renewal_time(START, day(lifetime), before) == day(expected)


def test_due_from_that_moment_on() -> None:
    assert not is_due(day(669), START, day(730), None, day(1399))
    assert is_due(day(670), START, day(730), None, day(1400))


def test_a_clamp_is_never_due() -> None:
    """Where the CA's end allows no later certificate, a new one on every run would gain nothing."""
    assert not is_due(day(90), START, day(100), 50, day(100))
    assert is_due(day(90), START, day(100), 50, day(101))
