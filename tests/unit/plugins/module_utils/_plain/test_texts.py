# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others have written is read, and does nothing else."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.texts import cell, harmless, uncell
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("text", ["sensor-1.plant.example", "CN=Stra\u00dfe 7, O=\u65e5\u672c", "a b", "", "C:\\temp"])
def test_what_is_harmless_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nFAILED sensor", "a\\x0aFAILED sensor"),
        ("\x1b[2J\x1b]0;x\x07", "\\x1b[2J\\x1b]0;x\\x07"),
        ("a\r\x08b\x7f\x9b2J", "a\\x0d\\x08b\\x7f\\x9b2J"),
        ("\u202egnp.crt\u2066\u200f\u061c", "\\u202egnp.crt\\u2066\\u200f\\u061c"),
        ("a\u200b\u2028\u2029\ufeff", "a\\u200b\\u2028\\u2029\\ufeff"),
        ("a\ud800b", "a\\ud800b"),
        ("a\u00a0b\u3000", "a\\xa0b\\u3000"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_could_do_more_than_be_read_is_an_escape(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_the_result_is_one_line_that_every_output_takes(text: str) -> None:
    found = harmless(text)
    assert len(found.splitlines()) <= 1
    found.encode()
    assert found.isprintable()
    assert harmless(found) == found


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("-2", "'-2"),
        ("@SUM(1)", "'@SUM(1)"),
        ("  +1", "'  +1"),
        ("\uff1dcmd", "'\uff1dcmd"),
        # Split at the semicolon it would be two columns.
        ("plain;=cmd|' /C calc'!A0", "plain;'=cmd|' /C calc'!A0"),
        ("a\t=1", "a\\x09=1"),
        ("sensor-1.plant.example; O'Neill = 1", "sensor-1.plant.example; O'Neill = 1"),
    ],
)
def test_no_cell_is_a_formula(text: str, written: str) -> None:
    assert cell(text) == written
    assert uncell(written) == harmless(text)


@given(st.text(alphabet="=+-@;' a\uff1d", max_size=8))
def test_what_was_written_into_a_cell_is_found_again(text: str) -> None:
    assert not re.search(r"(^|;) *[=+@\uff1d-]", cell(text))
    assert cell(uncell(cell(text))) == cell(text)


def test_what_is_long_is_cut() -> None:
    assert harmless("x" * 100, 10) == "x" * 9 + "\u2026"
    assert harmless("x" * 10, 10) == "x" * 10
