# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of checks itself, the reference page made from it, and the engine's promises about rules."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot import catalogue
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import case, engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import (
    SEVERITIES,
    Bundle,
    Policy,
    Source,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.rules_fleet import FLEET_IDS
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from validation_bakery import Kitchen

# The ids and default severities that others rely on.
ERRORS = [
    "crt.parse",
    "crt.signature-algorithm",
    "crt.not-yet-valid",
    "crt.expired",
    "crt.key-type",
    "crt.key-size",
    "crt.weak-key",
    "crt.ca-true",
    "crt.self-signed",
    "crt.version",
    "crt.extended-key-usage",
    "crt.key-usage",
    "crt.crl-url-missing",
    "crt.crl-url-unwanted",
    "crt.crl-url-scheme",
    "subject.cn-missing",
    "subject.cn-mismatch",
    "subject.cn-wildcard",
    "subject.cn-not-a-name",
    "subject.missing-field",
    "subject.country-code",
    "key.parse",
    "key.mismatch",
    "key.passphrase",
    "key.passphrase-characters",
    "chain.parse",
    "chain.incomplete",
    "chain.expired",
    "chain.not-a-ca",
    "chain.path-length",
    "chain.name-constraints",
    "chain.critical-extension",
    "chain.signature",
    "chain.weak-signature",
    "chain.untrusted-root",
    "crl.revoked",
    "crl.expired",
    "crl.signature",
    "crl.unusable",
    "csr.parse",
    "csr.signature",
    "csr.mismatch",
    "fleet.duplicate-cn",
    "fleet.duplicate-key",
    "fleet.duplicate-serial",
    "chain.duplicate-serial",
    "crt.not-first",
    "crt.ca-key",
    "file.unreadable-text",
]
WARNINGS = [
    "crt.expires-soon",
    "crt.san-missing",
    "crt.extension-order",
    "crt.validity-period",
    "crt.ski-missing",
    "crt.aki-missing",
    "subject.field-order",
    "subject.non-ascii",
    "key.permissions",
    "chain.order",
    "chain.unrelated",
    "chain.contains-leaf",
    "csr.subject",
    "file.extension",
]
INFORMATION = ["crl.ca-not-covered", "crt.client-auth-missing"]
# FACTS of the sensors' documentation, to the letter.
UPLOAD_ERRORS = [
    "Passphrase does not match to the key",
    "Cannot validate chain of trust. The provided Certificate and Root CA don't match.",
    "This SSL certificate has expired and isn't considered valid.",
    "This certificate has been revoked by the CRL and can't be trusted for a secure connection",
    "The CRL (Certificate Revocation List) location is not reachable. Verify the URL can be accessed from this appliance",
    "Certificate validation failed",
]


def test_ids_and_severities_that_others_rely_on() -> None:
    for check_id in ERRORS:
        assert catalogue.BY_ID[check_id].severity == "error", check_id
    for check_id in WARNINGS:
        assert catalogue.BY_ID[check_id].severity == "warning", check_id
    for check_id in INFORMATION:
        assert catalogue.BY_ID[check_id].severity == "info", check_id


def test_upload_errors_to_the_letter() -> None:
    assert list(catalogue.UPLOAD_ERRORS) == UPLOAD_ERRORS
    for check in catalogue.CHECKS:
        assert check.upload_error is None or check.upload_error in UPLOAD_ERRORS


def test_rows_are_whole_and_unique() -> None:
    assert len(catalogue.BY_ID) == len(catalogue.CHECKS)
    for check in catalogue.CHECKS:
        assert check.severity in SEVERITIES
        for text in (check.title, check.requirement, check.source, check.hint):
            assert text
            assert text == text.strip()
        assert check.hint.endswith("."), check.id
        assert not check.title.endswith("."), check.id


def test_every_check_is_declared_by_a_rule() -> None:
    declared = {check_id for rule in engine.RULES for check_id in rule.ids} | set(FLEET_IDS) | {"engine.failure"}
    assert declared == set(catalogue.BY_ID)


def test_a_rule_cannot_declare_what_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = case.Rules()
    rules.rule("crt.nothing")(lambda _case: None)
    monkeypatch.setattr(engine, "RULES", (*engine.RULES, *rules))
    with pytest.raises(InputError, match=r"crt\.nothing"):
        engine.validate_bundles([Kitchen({}).bundle(None)], Policy(DEFENDER_IOT))


def test_rules_report_only_what_they_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[frozenset[str]] = []
    original = case.Case.report

    def report(self: case.Case, check_id: str, *args: object, **kwargs: object) -> None:
        assert check_id in running[-1] | {"engine.failure"}, check_id
        original(self, check_id, *args, **kwargs)  # type: ignore[arg-type]

    def watched(rule: case.Rule) -> case.Rule:
        def run(judged: case.Case) -> None:
            running.append(rule.ids)
            rule.function(judged)

        return case.Rule(run, rule.ids)

    monkeypatch.setattr(case.Case, "report", report)
    monkeypatch.setattr(engine, "RULES", tuple(watched(rule) for rule in engine.RULES))
    import test_cases

    for path in test_cases.CASES:
        result = (
            test_cases.judge(test_cases.load(path), Path("/nonexistent"))
            if "profile" not in test_cases.load(path)
            else None
        )
        if result is not None:
            assert "engine.failure" not in {finding.id for entry in result.results for finding in entry.findings}, path


def test_a_rule_that_crashes_is_a_finding_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_case: case.Case) -> None:
        raise RuntimeError("secret of the key")

    rules = (case.Rule(broken, frozenset()), *engine.RULES)
    monkeypatch.setattr(engine, "RULES", rules)
    kitchen = Kitchen({"leaf": {"not_after": "2027-05-31"}})
    (result,) = engine.validate_bundles([kitchen.bundle(None)], Policy(DEFENDER_IOT)).results
    assert [finding.id for finding in result.findings] == ["engine.failure", "crt.expired"]
    assert "secret" not in result.findings[0].message
    assert not result.valid


def test_reference_page_is_current(checkout: Path) -> None:
    generator = checkout / "tools" / "generate_checks_page.py"
    if not generator.exists():
        pytest.skip("the page's generator is not part of the built collection")
    done = subprocess.run([sys.executable, str(generator), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_at_decides_and_now_is_the_default() -> None:
    bundle = Kitchen({"leaf": {"not_before": "2020-01-01", "not_after": "2021-01-01"}}).bundle(
        {"at": "2020-06-01", "chain": None}
    )
    assert engine.validate_bundles([bundle], Policy(DEFENDER_IOT)).valid
    later = Bundle(**{**bundle.__dict__, "at": None})
    assert not engine.validate_bundles([later], Policy(DEFENDER_IOT)).valid
    moment = datetime.datetime(2020, 6, 1, tzinfo=datetime.timezone.utc)
    assert engine.validate_bundles([later], Policy(DEFENDER_IOT, at=moment)).valid


def test_secrets_stay_out_of_representations() -> None:
    bundle = Bundle("x", private_key=Source("k", b"s3cret"), private_key_passphrase="s3cret")
    assert "s3cret" not in repr(bundle)
