# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths in hostile and odd surroundings: bounded, and the good way is found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import (
    engine,
    facts,
    path,
    rules_certificate,
    rules_reading,
    rules_relations,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Bundle, Policy
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_bakery import Kitchen

# Twice the budget of the search, for what the rules ask besides.
LIMIT = 1200
NAME = {"CN": "Plant Issuing CA"}


@contextlib.contextmanager
def signature_checks() -> Iterator[list[int]]:
    """How often a signature is checked, the only slow thing here: a list that grows."""
    checks: list[int] = []
    real = path.signed_by

    def counted(*arguments: Any) -> bool:
        checks.append(1)
        return real(*arguments)

    with contextlib.ExitStack() as stack:
        for module in (facts, path, rules_certificate, rules_reading, rules_relations):
            stack.enter_context(mock.patch.object(module, "signed_by", counted))
        yield checks


def judge(bundle: Bundle) -> tuple[list[str], int]:
    with signature_checks() as checks:
        (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    return [finding.id for finding in report.findings], len(checks)


def many(count: int, spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"ca-{position}": {"serial": position + 1, **spec} for position in range(count)}


def test_hundreds_of_the_same_name_and_key_end_soon() -> None:
    more = many(400, {"issuer": "issuing", "key": "issuing", "subject": NAME})
    kitchen = Kitchen({"more": more, "issuing": {"issuer": "issuing"}})
    found, checks = judge(kitchen.bundle({"chain": list(more), "trusted_roots": ["root"]}))
    assert "chain.incomplete" in found or "chain.untrusted-root" in found
    assert checks <= LIMIT


def test_hundreds_of_the_same_name_with_other_keys_end_soon() -> None:
    kitchen = Kitchen({"keys": {"other": {}}, "more": many(400, {"key": "other", "subject": NAME, "issuer": "root"})})
    names = list(kitchen.recipe["more"])
    found, checks = judge(kitchen.bundle({"chain": [*names, "issuing", "root"]}))
    assert not {
        entry for entry in found if entry.startswith("chain.") and entry not in ("chain.unrelated", "chain.order")
    }
    assert checks <= LIMIT


def test_a_web_of_cross_signatures_ends_soon() -> None:
    more: dict[str, dict[str, Any]] = {}
    keys = [f"key-{position}" for position in range(8)]
    for child in keys:
        for parent in keys:
            more[f"{child}/{parent}"] = {"key": child, "subject": {"CN": child}, "issuer": f"{parent}/anchor"}
        more[f"{child}/anchor"] = {
            "key": child,
            "subject": {"CN": child},
            "issuer": f"{child}/anchor",
            "not_after": "2026-02-01",
        }
    kitchen = Kitchen({"more": more, "leaf": {"issuer": "key-0/anchor"}})
    certificates = [name for name in more if not name.endswith("/anchor")]
    found, checks = judge(kitchen.bundle({"chain": certificates, "trusted_roots": ["root"]}))
    assert "chain.incomplete" in found
    assert checks <= LIMIT


def test_a_chain_longer_than_any_ends() -> None:
    more = {"ca-0": {"issuer": "root"}}
    more.update({f"ca-{position}": {"issuer": f"ca-{position - 1}"} for position in range(1, 60)})
    for name in more:
        more[name]["key"] = "issuing"
    kitchen = Kitchen({"more": more, "leaf": {"issuer": "ca-59"}})
    found, checks = judge(kitchen.bundle({"chain": [*reversed(list(more)), "root"]}))
    assert "chain.incomplete" in found
    assert checks <= LIMIT


@given(st.permutations(["issuing", "root", "expired", "stranger", "same-name"]))
@settings(max_examples=30, deadline=None)
def test_the_good_way_is_found_in_any_order(order: list[str]) -> None:
    kitchen = Kitchen(
        {
            "more": {
                "expired": {"issuer": "root", "key": "issuing", "subject": NAME, "not_after": "2027-01-02"},
                "same-name": {"issuer": "root", "subject": NAME},
                "stranger": {},
            }
        }
    )
    found, _checks = judge(kitchen.bundle({"chain": order, "trusted_roots": ["root"]}))
    assert set(found) <= {"chain.unrelated", "chain.order"}
    assert found.count("chain.unrelated") == 2


def test_the_missing_issuer_is_named() -> None:
    bundle = Kitchen({}).bundle({"chain": None, "trusted_roots": ["root"]})
    (report,) = engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).results
    (finding,) = report.findings
    assert finding.id == "chain.incomplete"
    assert "CN=Plant Issuing CA" in finding.message


def test_worker_processes_give_the_same_reports_in_order() -> None:
    kitchen = Kitchen({"leaf": {"sans": None}})
    bundles = [kitchen.bundle(None, f"sensor-{position}") for position in range(130)]
    alone = engine.validate_bundles(bundles, Policy(DEFENDER_IOT))
    together = engine.validate_bundles(bundles, Policy(DEFENDER_IOT), workers=2)
    assert [report.name for report in together.results] == [bundle.name for bundle in bundles]
    assert [report.findings for report in together.results] == [report.findings for report in alone.results]
