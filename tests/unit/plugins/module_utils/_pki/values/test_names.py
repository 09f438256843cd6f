# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses, URLs and subject values."""

from __future__ import annotations

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import names
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text", ["sensor-1.plant.example", "sensor1", "A.B", "xn--mnchen-3ya.example", "a" * 63 + ".example", "1.example"]
)
def test_host_names(text: str) -> None:
    assert names.host_name_problem(text) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "host name"),
        ("*.plant.example", "wildcards"),
        ("192.0.2.1", "not an IP address"),
        ("2001:db8::1", "not an IP address"),
        ("sensor_1.plant.example", "labels"),
        ("-a.example", "labels"),
        ("a-.example", "labels"),
        ("a..example", "labels"),
        ("a.example.", "labels"),
        ("a b.example", "labels"),
        ("a\n.example", "labels"),
        ("a.example\n", "labels"),
        ("münchen.example", "xn--"),
        ("a" * 64 + ".example", "labels"),
        ("1.2.3", "not a number"),
        (".".join(["a" * 60] * 5), "253"),
    ],
)
def test_what_is_no_host_name(text: str, wanted: str) -> None:
    assert wanted in (names.host_name_problem(text) or "")


def test_a_common_name_has_at_most_64_characters() -> None:
    fits = "a" * 56 + ".example"
    assert len(fits) == 64
    assert names.common_name_problem(fits) is None
    assert "65" in (names.common_name_problem("a" + fits) or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".store",
        "a/b",
        "../a",
        "a\\b",
        "a\x00b",
        "a\nb",
        "é" * 128,
        "\ud800",
        "a ",
        " a",
        "a\u202eb",
        "a\u200b",
        "a\u00a0b",
    ],
)
def test_names_unfit_as_folders(text: str) -> None:
    assert names.folder_name_problem(text)


@pytest.mark.parametrize("text", ["sensor-1", "Sensor 1", "[2001:db8::1]", "sensor:22", "日本", "a" * 255, "a..b"])
def test_names_fit_as_folders(text: str) -> None:
    assert names.folder_name_problem(text) is None


@given(st.text())
def test_a_fit_folder_name_never_leaves_its_parent(text: str) -> None:
    if names.folder_name_problem(text) is None:
        assert "/" not in text
        assert text not in (".", "..")
        assert "\x00" not in text


@pytest.mark.parametrize(
    "url",
    ["http://crl.plant.example/a.crl", "HTTP://crl.example:8080/x", "http://192.0.2.1/a", "http://[2001:db8::1]:80/a"],
)
def test_crl_urls(url: str) -> None:
    assert names.crl_url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://crl.plant.example/a.crl",
        "ldap://crl.plant.example/a",
        "crl.plant.example/a.crl",
        "http:///a.crl",
        "http://crl.plant.example:99999/a",
        "http://crl.plant.example:0/a",
        "http://user:secret@crl.plant.example/a",
        "http://crl plant/a",
        "http://[::1/a",
        "file:///a",
        "",
        "http://crl.plant.example/ä",
    ],
)
def test_urls_that_no_sensor_fetches(url: str) -> None:
    assert names.crl_url_problem(url)


@given(st.text())
def test_every_text_gets_a_verdict(text: str) -> None:
    for judge in (names.host_name_problem, names.common_name_problem, names.crl_url_problem, names.email_problem):
        assert judge(text) is None or isinstance(judge(text), str)
    if names.host_name_problem(text) is None:
        assert text.isascii()
        assert "*" not in text
