# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sensor's options become a request, or every fault of them at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.planning.request import (
    OPTIONS,
    SensorRequest,
    duplicate_faults,
    parse_request,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.texts import harmless
from hypothesis import given
from hypothesis import strategies as st

SUBJECT = {"country": "US", "organization": "Contoso", "organizational_unit": "OT"}


def faults_of(**options: Any) -> dict[str, str]:
    raw = {"name": "sensor-1.plant.example", "subject": SUBJECT, **options}
    return {fault.variable: fault.text("sensor_certificates_") for fault in parse_request(raw)[1]}


def request_of(**options: Any) -> SensorRequest:
    request, faults = parse_request({"name": "sensor-1.plant.example", "subject": SUBJECT, **options})
    assert request is not None, faults
    return request


def test_defaults() -> None:
    request = request_of()
    assert request.common_name == "sensor-1.plant.example"
    assert request.dns_names == ("sensor-1.plant.example",)
    assert (request.key_size, request.validity_days, request.renew_before_days) == (2048, 730, None)
    assert request.key_passphrase is None


def test_subject_in_the_samples_order() -> None:
    shuffled = {
        "email": "pki@plant.example",
        "organizational_unit": "OT",
        "locality": "Tulsa",
        "country": "US",
        "state": "Oklahoma",
        "organization": "Contoso",
    }
    assert [key for key, _value in request_of(subject=shuffled).subject] == ["C", "ST", "L", "O", "OU", "emailAddress"]


@pytest.mark.parametrize(
    ("options", "variable", "words"),
    [
        ({"subject": None}, "subject", ["country, organization, organizational_unit"]),
        ({"subject": "C=US"}, "subject", ["dictionary"]),
        ({"subject": {**SUBJECT, "country": "USA"}}, "subject.country", ["'USA'", "two capital letters"]),
        ({"subject": {**SUBJECT, "country": "us"}}, "subject.country", ["'us'", "two capital letters"]),
        ({"subject": {**SUBJECT, "country": False}}, "subject.country", ['"NO"']),
        ({"subject": {**SUBJECT, "country": ""}}, "subject.country", ["two capital letters"]),
        ({"subject": {**SUBJECT, "organization": ""}}, "subject.organization", ["not empty"]),
        ({"subject": {**SUBJECT, "organization": 7}}, "subject.organization", ["quotes"]),
        ({"subject": {**SUBJECT, "organization": "x" * 65}}, "subject.organization", ["64"]),
        ({"subject": {**SUBJECT, "organization": "a\nb"}}, "subject.organization", ["control"]),
        ({"subject": {**SUBJECT, "email": "nobody"}}, "subject.email", ["e-mail"]),
        ({"subject": {**SUBJECT, "town": "Tulsa"}}, "subject.town", ["known fields"]),
        ({"subject": {"country": "US", "organization": "C"}}, "subject.organizational_unit", ["is missing"]),
        ({"common_name": "*.plant.example"}, "common_name", ["wildcards"]),
        ({"common_name": "a" * 65}, "common_name", ["64"]),
        ({"common_name": "sensor one"}, "common_name", ["'sensor one'", "host name"]),
        ({"common_name": 12}, "common_name", ["12"]),
        ({"key_size": 1024}, "key_size", ["1024", "2048 or 4096"]),
        ({"key_size": "big"}, "key_size", ["'big'"]),
        ({"key_size": True}, "key_size", ["True"]),
        ({"validity_days": 0}, "validity_days", ["0", "1 to"]),
        ({"validity_days": -3}, "validity_days", ["-3"]),
        ({"validity_days": "soon"}, "validity_days", ["'soon'"]),
        ({"validity_days": 10**9}, "validity_days", ["1 to"]),
        ({"renew_before_days": 730}, "renew_before_days", ["every run would renew"]),
        ({"sans": "a.example"}, "sans", ["list"]),
        ({"sans": ["ok.example", "*.example"]}, "sans[1]", ["wildcards"]),
        ({"sans": ["192.0.2.300"]}, "sans[0]", ["IP address"]),
        ({"sans": ["fe80::1%eth0"]}, "sans[0]", ["IP address"]),
        ({"sans": [7]}, "sans[0]", ["text"]),
        ({"issuer": "csr_inbox"}, "issuer", ["local_ca"]),
        ({"colour": "red"}, "colour", ["known options"]),
        ({"name": "../x"}, "name", ["folder"]),
        ({"name": None}, "name", ["inventory"]),
    ],
)
def test_faults_name_variable_given_and_wanted(options: dict[str, Any], variable: str, words: list[str]) -> None:
    faults = faults_of(**options)
    assert variable in faults
    assert faults[variable].startswith(f"sensor_certificates_{variable} ")
    for word in words:
        assert word in faults[variable]


def test_all_faults_at_once() -> None:
    faults = faults_of(subject={"country": "USA"}, key_size=1024, validity_days=0, common_name="*")
    assert set(faults) >= {
        "subject.country",
        "subject.organization",
        "subject.organizational_unit",
        "key_size",
        "validity_days",
        "common_name",
    }


def test_a_bad_passphrase_is_named_by_position_and_never_shown() -> None:
    text = faults_of(key_passphrase="Correct Horse")["key_passphrase"]
    assert "character 8" in text
    assert "Correct" not in text
    assert "Horse" not in text
    request = request_of(key_passphrase="Correct-Horse")
    assert "Correct" not in repr(request)


def test_numbers_as_templates_make_them() -> None:
    request = request_of(key_size="4096", validity_days="365", renew_before_days="")
    assert (request.key_size, request.validity_days, request.renew_before_days) == (4096, 365, None)


def test_sans_are_names_and_addresses_without_doubles() -> None:
    request = request_of(
        common_name="Sensor-1.plant.example",
        sans=["sensor-1.PLANT.example", "DNS:b.example", "IP:192.0.2.7", "2001:DB8::0:1", "2001:db8::1", "b.example"],
    )
    assert request.dns_names == ("Sensor-1.plant.example", "b.example")
    assert request.ip_addresses == ("192.0.2.7", "2001:db8::1")


def test_duplicates_are_told_to_both() -> None:
    raws = [
        {"name": "a", "common_name": "same.example"},
        {"name": "b", "common_name": "SAME.example"},
        {"name": "c"},
    ]
    faults = duplicate_faults(raws, [{"name": "d", "common_name": "c"}])
    assert set(faults) == {0, 1, 2}
    assert "b has the same" in faults[0][0].text()
    assert "a has the same" in faults[1][0].text()
    assert "d has the same" in faults[2][0].text()


@pytest.mark.parametrize(
    "other", ["SENSOR-1", "Sensor-1", "sensor-1 ", "sensor-1\u200b", "\u202esensor-1", "ｓensor-1"]
)
def test_names_that_look_alike_are_told_with_both(other: str) -> None:
    raws = [{"name": "sensor-1", "common_name": "a.example"}, {"name": other, "common_name": "b.example"}]
    faults = duplicate_faults(raws, [{"name": "c", "common_name": "c.example"}])
    assert set(faults) == {0, 1}
    assert harmless(other) in faults[0][0].text()
    assert "looks the same" in faults[0][0].text()
    assert "sensor-1 looks the same" in faults[1][0].text()
    left_alone = duplicate_faults(raws[:1], raws[1:])
    assert harmless(other) in left_alone[0][0].text()


def test_names_that_only_begin_alike_are_nobodys_fault() -> None:
    raws = [
        {"name": name, "common_name": f"{place}.example"} for place, name in enumerate(("s-1", "s1", "s-10", "s_1"))
    ]
    assert duplicate_faults(raws) == {}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("key_pasphrase", "MARKER"),
        ("subject", "MARKER"),
        ("sans", {"a": "MARKER"}),
        ("subject", {"passphrase": "MARKER"}),
        ("common_name", {"passphrase": "MARKER"}),
        ("sans", [["MARKER"]]),
    ],
)
def test_what_may_be_a_secret_is_told_without_its_value(variable: str, value: Any) -> None:
    _request, faults = parse_request({"name": "a", variable: value})
    told = " ".join(fault.text() for fault in faults)
    assert variable in told
    assert "MARKER" not in told


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*OPTIONS, "other"]), anything))
def test_whatever_is_given_ends_in_a_request_or_in_faults(raw: dict[str, Any]) -> None:
    request, faults = parse_request(raw)
    assert (request is None) == bool(faults)
    for fault in faults:
        assert "\n" not in fault.text()
