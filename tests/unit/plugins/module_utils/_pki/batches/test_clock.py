# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clocks that are wrong, a leap day, any time zone: nothing is issued twice, nothing is dated wrongly, and people are told."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state import clock
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments
from house import PASSPHRASE, Site, actions, sensor

DAY = datetime.timedelta(days=1)
NAMES = ("one", "two")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """With a CA that is older than any clock of these tests is wrong."""
    settings = AuthoritySettings(PASSPHRASE, tiers=1, key_size=2048, root_validity_days=9000)
    write_authority(str(tmp_path / "ca"), settings, moments.now() - 800 * DAY)
    return Site(tmp_path, tmp_path / "ca")


def run(site: Site, moment: datetime.datetime | None = None, **more: object) -> dict[str, str]:
    """A run at a moment, staged at the same."""
    outcomes = site.obtain(*(sensor(name, **more) for name in NAMES), moment=moment)
    site.stage({name: one for name, one in outcomes.items() if one.action != "failed"}, moment=moment)
    return actions(outcomes)


def records(site: Site) -> int:
    return sum(1 for _record in site.ledger.records())


def test_a_year_back(site: Site) -> None:
    now = moments.now()
    assert set(run(site, now).values()) == {"issued"}
    back = now - 365 * DAY
    outcomes = site.obtain(*(sensor(name) for name in (*NAMES, "new")), moment=back)
    assert set(actions(outcomes).values()) == {"failed"}
    (text,) = outcomes["one"].errors
    assert f"the clock of this machine says {moments.iso(back)}, which is before the newest record, of" in text
    assert "not yet valid" in text
    assert "nothing is obtained (missing) until the clock is right" in outcomes["new"].errors[0]
    assert records(site) == 2
    # Set right, nothing has happened.
    assert set(run(site, now + DAY).values()) == {"kept"}
    assert records(site) == 2


def test_three_years_forward_and_back(site: Site) -> None:
    now = moments.now()
    run(site, now)
    ahead = now + 3 * 365 * DAY
    assert set(run(site, ahead).values()) == {"issued"}
    assert set(run(site, ahead + DAY).values()) == {"kept"}
    # The clock is right again, the certificates are not; they are replaced when somebody says so, once.
    assert set(actions(site.obtain(*(sensor(name) for name in NAMES), moment=now + DAY)).values()) == {"failed"}
    assert set(run(site, now + DAY, reissue=True).values()) == {"issued"}
    assert set(run(site, now + 2 * DAY).values()) == {"kept"}
    assert records(site) == 6


def test_nodes_that_differ_a_little(site: Site) -> None:
    now = moments.now()
    run(site, now)
    assert clock.fault(site.ledger, now - datetime.timedelta(hours=20)) is None
    assert set(run(site, now - datetime.timedelta(minutes=50)).values()) == {"kept"}


def test_a_leap_day(site: Site) -> None:
    leap = datetime.datetime(2028, 2, 29, 23, 59, 59, tzinfo=datetime.timezone.utc)
    outcomes = site.obtain(sensor("one", validity_days=365), moment=leap)
    assert site.stage(outcomes, moment=leap)["one"].action == "staged"
    view = outcomes["one"].view
    assert view is not None
    assert moments.iso(view.not_before) == "2028-02-29T22:59:59Z"
    assert moments.iso(view.not_after) == "2029-02-28T23:59:59Z"
    assert actions(site.obtain(sensor("one", validity_days=365), moment=leap + DAY)) == {"one": "kept"}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"])
def test_any_time_zone(site: Site, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    run(site)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert abs(moments.now() - datetime.datetime.now(datetime.timezone.utc)) < DAY / 24
        assert set(run(site).values()) == {"kept"}
        assert clock.fault(site.ledger, moments.now()) is None
    finally:
        monkeypatch.undo()
        time.tzset()
    assert set(run(site).values()) == {"kept"}
