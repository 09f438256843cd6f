# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What CONTRIBUTING.md says about adding a check, an issuer, a trust store and a report format, done from outside."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import corporate_pki as pki
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers import kinds
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import (
    Answer,
    Issuer,
    Job,
    Obtained,
    Run,
    Tools,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.plan import Existing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.terms import Terms
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.base import Check
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import writing
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.case import Case, Rules, Settings
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy, Source
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.engine import apply
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.trust.model import Anchor, Held, Request, Store
from issuing_site import Site, actions, wanted
from report_kitchen import Kitchen

OURS = Rules()


@OURS.rule("crt.lucky-serial")
def lucky_serial(case: Case) -> None:
    """A rule as a rules_*.py file would have it."""
    if case.certificate is not None:
        case.report("crt.lucky-serial", "the serial number was looked at")


def test_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = pki.sensor()
    bundle = Bundle("sensor-1", Source("sensor-1.crt", sensor.crt))
    monkeypatch.setattr(engine, "RULES", (*engine.RULES, *OURS))
    # Without its row in the table of checks nothing is judged, and the message names what is missing.
    with pytest.raises(InputError, match=r"has no row for crt\.lucky-serial"):
        engine.check_table(DEFENDER_IOT)
    row = Check("crt.lucky-serial", "info", "Looked at", "Serials are numbers.", "nowhere", "Nothing to do.")
    profile = dataclasses.replace(DEFENDER_IOT, checks={**DEFENDER_IOT.checks, row.id: row})
    engine.check_table(profile)
    report = engine.validate_bundle(bundle, Settings.of(Policy(profile)))
    (finding,) = [finding for finding in report.findings if finding.id == row.id]
    assert (finding.severity, finding.hint) == ("info", "Nothing to do.")
    waived = engine.validate_bundle(bundle, Settings.of(Policy(profile, ignore=frozenset({row.id}))))
    assert row.id not in {finding.id for finding in waived.findings}


class Friend(Issuer):
    """An issuer that knows the organization's CA."""

    kind = "friend"
    root = ""

    @property
    def terms(self) -> Terms:
        return Terms()

    @property
    def anchors(self) -> tuple[str, ...]:
        return (self.root,)

    def foreign(self, existing: Existing) -> list[str]:
        return []

    def obtain(self, jobs: Sequence[Job], tools: Tools) -> Iterator[Answer]:
        for job in jobs:
            given = pki.sensor(job.request.common_name)
            yield Obtained(job.request.name, job.request.common_name, given.crt, given.private(), pki.chain())


def test_an_issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(name: str, settings: Any, run: Run) -> Friend:
        friend = Friend(name)
        friend.root = str(tmp_path / "root.crt")
        return friend

    (tmp_path / "root.crt").write_bytes(pki.root().crt)
    site = Site(tmp_path)
    site.described = {"corp": {"kind": "friend"}}
    with pytest.raises(InputError, match="kind is 'friend'; wanted: one of"):
        site.run(wanted(1, "corp"))
    monkeypatch.setattr(kinds, "DESCRIBED", {**kinds.DESCRIBED, "friend": make})
    assert actions(site.run(wanted(1, "corp"))) == {wanted(1, "corp")["name"]: "issued"}
    assert actions(site.run(wanted(1, "corp"))) == {wanted(1, "corp")["name"]: "kept"}


class Shelf(Store):
    """A store in memory."""

    type = "shelf"

    def __init__(self) -> None:
        super().__init__("a shelf", "/nowhere")
        self.lying: dict[str, Held] = {}

    def held(self) -> list[Held]:
        return list(self.lying.values())

    def change(self, add: Sequence[Anchor], remove: Sequence[Held]) -> None:
        for anchor in add:
            self.lying[anchor.fingerprint] = Held(anchor.fingerprint, anchor.name, ours=True)
        for held in remove:
            del self.lying[held.fingerprint]

    def distrusts(self, anchor: Anchor) -> str:
        return "" if anchor.fingerprint in self.lying else "not there"


def test_a_trust_store() -> None:
    root = pki.root()
    anchor = Anchor(root.crt.decode(), root.fingerprint, "Contoso Root", self_signed=True)
    shelf = Shelf()
    planned = apply(shelf, Request((anchor,), present=True, check_mode=True))
    assert (planned.changed, shelf.lying) == (True, {})
    first, second = (apply(shelf, Request((anchor,), present=True)) for _time in range(2))
    assert (first.changed, first.trusted, first.error) == (True, True, "")
    assert (second.changed, second.trusted) == (False, True)
    assert apply(shelf, Request((anchor,), present=False)).changed
    assert shelf.lying == {}


def test_a_report_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Kitchen(tmp_path / "pki").gather([])
    with pytest.raises(InputError, match="'count'; wanted: any of json, html"):
        writing.check_formats(["count"])
    formats = {**writing.FORMATS, "count": ("fleet.count", lambda fleet: str(len(fleet.sensors)).encode())}
    monkeypatch.setattr(writing, "FORMATS", formats)
    assert writing.check_formats(["count", "json", "count"]) == ["count", "json"]
    files = writing.render(fleet, ["count"])
    assert files == {"fleet.count": b"0"}
    written = writing.write(str(tmp_path / "report"), files.items(), sheets=False)
    assert written.changed == ("fleet.count",)
    assert (tmp_path / "report" / "fleet.count").read_bytes() == b"0"
