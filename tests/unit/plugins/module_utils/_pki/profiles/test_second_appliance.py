# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A second appliance, added from outside: another order, kind of key and files, and the engine stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles import base
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Policy
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from validation_bakery import Kitchen

REFUSED = "E17: certificate rejected"


def _own(check: base.Check) -> base.Check:
    return dataclasses.replace(check, source="relay-manual.pdf", upload_error=REFUSED if check.upload_error else None)


# A protection relay that reads DER under .cer, wants keys on a curve, and its chain from the root downwards.
RELAY = base.Profile(
    name="relay",
    appliance="relay",
    checks=base.table([_own(check) for check in DEFENDER_IOT.checks.values()]),
    subject=(
        base.SubjectField("common_name", "CN", 64, required=True),
        base.SubjectField("organization", "O", 64, required=True),
        base.SubjectField("country", "C", 2),
    ),
    extension_order=("2.5.29.15", "2.5.29.19", "2.5.29.37"),
    template=base.Template(
        extensions=("2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17"),
        key_usages=("digitalSignature",),
        extended_key_usages=("1.3.6.1.5.5.7.3.1",),
        critical=frozenset({"2.5.29.15"}),
        validity_days=365,
    ),
    signature_algorithms=("1.2.840.10045.4.3.2",),
    key_type=base.EC,
    key_sizes=(256, 384),
    min_key_bits=256,
    allowed_key_bits=(256, 384),
    passphrase_characters=frozenset("0123456789"),
    passphrase_wanted="digits",
    files=(
        base.FileKind(base.CERTIFICATE, ".cer", ("der",)),
        base.FileKind(base.PRIVATE_KEY, ".pk8", ("der", "pem")),
        base.FileKind(base.CHAIN, ".p7", ("pem",), required=False),
    ),
    chain_order=base.ROOT_FIRST,
    ignore=("crt.ski-missing", "crt.aki-missing", "chain.key-identifier-missing", "crt.client-auth-missing"),
)
RECIPE: dict[str, Any] = {
    "keys": {"leaf": {"type": "ec"}, "issuing": {"type": "ec"}, "root": {"type": "ec"}},
    "leaf": {
        "subject": {"CN": "relay-1.plant.example", "O": "Contoso Ltd", "C": "US"},
        "sans": ["DNS:relay-1.plant.example"],
        "extended_key_usage": ["serverAuth"],
        "key_usage": ["digitalSignature"],
        "ski": False,
        "aki": False,
        "order": ["ku", "bc", "eku", "san"],
    },
}
BUNDLE: dict[str, Any] = {
    "certificate": {"of": "leaf", "form": "der"},
    "private_key": {"of": "leaf", "encoding": "der"},
    "chain": ["root", "issuing"],
    "names": {"certificate": "relay.cer", "private_key": "relay.pk8", "chain": "relay.p7"},
}


def judge(recipe: Mapping[str, Any], bundle: Mapping[str, Any], profile: base.Profile = RELAY) -> list[Any]:
    """All findings."""
    kitchen = Kitchen(dict(recipe))
    (report,) = engine.validate_bundles([kitchen.bundle(dict(bundle))], Policy(profile)).results
    return list(report.findings)


def ids(findings: list[Any]) -> list[str]:
    return sorted(finding.id for finding in findings)


def test_what_is_fit_for_the_relay() -> None:
    assert [finding.message for finding in judge(RECIPE, BUNDLE)] == []


def test_what_is_fit_for_the_relay_is_not_for_a_sensor() -> None:
    found = ids(judge(RECIPE, BUNDLE, DEFENDER_IOT))
    for check_id in ("crt.key-type", "crt.signature-algorithm", "subject.field-order", "chain.order"):
        assert check_id in found
    assert found.count("file.extension") == 3
    assert found.count("subject.missing-field") == 1


def test_what_is_fit_for_a_sensor_is_not_for_the_relay() -> None:
    found = judge({}, {})
    assert ids(found) == [
        "chain.order",
        "crt.extension-order",
        "crt.key-type",
        "crt.signature-algorithm",
        "file.encoding",
        *["file.extension"] * 3,
        "subject.field-order",
    ]
    by_id = {finding.id: finding for finding in found}
    assert "wanted: elliptic curve" in by_id["crt.key-type"].message
    assert "a relay wants DER" in by_id["file.encoding"].message
    assert by_id["crt.key-type"].upload_error == REFUSED
    assert by_id["crt.key-type"].source == "relay-manual.pdf"
    assert "Plant Root CA, Plant Issuing CA" in by_id["chain.order"].message


@pytest.mark.parametrize(
    ("recipe", "bundle", "expected"),
    [
        ({"keys": {**RECIPE["keys"], "leaf": {"type": "ec", "curve": "secp192r1"}}}, {}, ["crt.key-size"]),
        ({"leaf": {**RECIPE["leaf"], "subject": {"CN": "relay-1.plant.example"}}}, {}, ["subject.missing-field"]),
        ({}, {"passphrase": "a"}, ["key.passphrase-characters"]),
        ({}, {"certificate": "leaf"}, ["file.encoding"]),
        ({}, {"chain": ["issuing", "root"]}, ["chain.order"]),
    ],
)
def test_each_of_its_own_requirements(recipe: dict[str, Any], bundle: dict[str, Any], expected: list[str]) -> None:
    assert ids(judge({**RECIPE, **recipe}, {**BUNDLE, **bundle})) == expected


def test_a_table_of_checks_with_a_gap_is_told_before_anything_is_judged() -> None:
    checks = {check_id: check for check_id, check in RELAY.checks.items() if check_id != "crl.revoked"}
    with pytest.raises(InputError, match=r"profile relay .*crl\.revoked"):
        judge(RECIPE, BUNDLE, dataclasses.replace(RELAY, checks=checks))


def test_an_id_twice_in_a_table_of_checks() -> None:
    check = next(iter(RELAY.checks.values()))
    with pytest.raises(ValueError, match="twice"):
        base.table([check, check])


def test_the_parts_of_a_profile() -> None:
    assert RELAY.subject_order == ("CN", "O", "C")
    assert RELAY.required_fields == ("O",)
    assert RELAY.file(base.CHAIN).extension == ".p7"
    with pytest.raises(KeyError):
        RELAY.file("request")
