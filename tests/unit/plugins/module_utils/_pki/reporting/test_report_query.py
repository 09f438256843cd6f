# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a report: those of the documentation, and wrong ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.query import ask
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting.wanted import Wanted
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from report_kitchen import DAY, NOW, Kitchen

ONE, TWO, THREE, FOUR = (f"sensor-{number}.plant.example" for number in range(1, 5))
GONE = "gone.plant.example"


def documented(checkout: Path) -> dict[str, str]:
    """The questions of docs/report.md, by their number in its table."""
    text = (checkout / "docs" / "report.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (\d+) \| [^|]+ \| ``? ?(.+?) ?``? \|$", text, re.MULTILINE)
    return {number: expression.replace("\\|", "|") for number, expression in found}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Any]:
    """A fleet of which each question finds somebody."""
    kitchen = Kitchen(tmp_path / "pki", ca_days=400)
    first = kitchen.bundle(ONE, left=20, age=600)
    kitchen.bundle(TWO, left=700, passphrase="Secret-1234")
    kitchen.bundle(THREE, left=-2, age=600, issuer="corp")
    kitchen.bundle(GONE, left=300)
    kitchen.request(FOUR)
    kitchen.seen(ONE, first, NOW - DAY, "matches")
    kitchen.seen(THREE, None, NOW - DAY, "unreachable")
    sites = {ONE: "site_b", TWO: "site_a", THREE: "site_a", FOUR: "site_b"}
    wanted = [Wanted(name, name, ("sensors", site), "local_ca") for name, site in sites.items()]
    return kitchen.gather(wanted).to_dict()


def test_the_documented_questions(checkout: Path, data: dict[str, Any]) -> None:
    expressions = documented(checkout)
    assert len(expressions) >= 10
    answers = {number: ask(data, expression, "query") for number, expression in expressions.items()}
    end = {sensor["name"]: sensor["not_after"] for sensor in data["sensors"]}
    assert answers["1"] == [["site_a", THREE, end[THREE]], ["site_b", ONE, end[ONE]]]
    assert answers["2"] == [[TWO, end[TWO], next(s["chain_not_after"] for s in data["sensors"] if s["name"] == TWO)]]
    assert answers["3"] == [TWO, THREE]
    assert [entry["sensor"] for entry in answers["4"]] == [TWO, THREE]
    assert answers["5"] == [[THREE, ["crt.expired"]]]
    assert answers["6"] == [GONE]
    assert answers["7"] == [[FOUR, "corp", answers["7"][0][2]]]
    assert answers["8"] == [THREE]
    assert answers["9"] == [TWO]
    assert answers["10"] == [["Plant Issuing CA", answers["10"][0][1], 4], ["Plant Root CA", answers["10"][1][1], 4]]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("sensors[?state=='staged'", "it ends too early, after"),
        ("sensors[?state='staged']", "it cannot be read at character 15"),
        ("sensors[] name", "it cannot be read at character 11"),
        ("sensors[0", "it ends too early"),
        ("", "is empty; wanted: a JMESPath expression"),
        ("lenght(sensors)", "there is no function lenght (at character 1); did you mean length?"),
        ("sort_by(sensors, &days_left)", "the function sort_by (at character 1) got a value of type null"),
        ("length(summary.sensors)", "the function length (at character 1) got a value of type"),
        ("length(sensors, sensors)", "does not fit the report"),
        ("[" * 5000, "JMESPath"),
        ("(" * 9000, "nested too deeply"),
        ("x" * 20_000, "at most 10000 are taken"),
        ("sensors[?state=='\x1b[2J", "JMESPath"),
    ],
)
def test_a_wrong_question_tells_its_place(data: dict[str, Any], expression: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        ask(data, expression, "fleet_report_query")
    text = str(caught.value)
    assert text.startswith("fleet_report_query ")
    if expression not in ("[" * 5000, "(" * 9000):
        assert words in text, text
    assert "\x1b" not in text
    assert len(text) < 1000
