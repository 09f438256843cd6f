# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An organization's own profile: read, extended, and refused with one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles import loading, own_rules
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import case, engine, facts
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Policy
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import InputError
from validation_bakery import Kitchen


def rules(*changes: dict[str, Any]) -> str:
    """A profile file with a rule for each of the changes to a sound one."""
    sound = {"id": "org.x", "when": "is_ca", "message": "m", "hint": "h"}
    return json.dumps({"rules": [{**sound, **change} for change in changes]})


def loaded(folder: Path, text: str, name: str = "ours.yml") -> Any:
    """The profile that a file with this text makes."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return loading.load_profile(str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", ["dictionary"]),
        ("{", ["neither JSON nor YAML"]),
        ("max_validity: 5", ["max_validity", "did you mean max_validity_days"]),
        ("max_validity_days: ten", ["max_validity_days", "number of days"]),
        ("max_validity_days: true", ["max_validity_days"]),
        ("min_key_bits: 1024", ["min_key_bits", "2048"]),
        ("allowed_key_bits: 2048", ["allowed_key_bits"]),
        ("subject_allowed: {X: [a]}", ["subject_allowed"]),
        ("subject_allowed: {O: Contoso}", ["subject_allowed"]),
        ("required_fields: [C, X]", ["required_fields"]),
        ("san_required: maybe", ["san_required"]),
        ("extends: other", ["extends", "defender_iot"]),
        ("ignore: [crt.nothing]", ["crt.nothing"]),
        ("ignore: crt.expired", ["ignore"]),
        ("severities: {crt.expired: bad}", ["crt.expired", "bad"]),
        ("max_validity_days: 1000000000000", ["max_validity_days", "1000000000000", "36500"]),
        ("max_validity_days: 0", ["max_validity_days"]),
        (f"max_validity_days: {'9' * 5000}", ["number"]),
        (f'{{"max_validity_days": {"9" * 5000}}}', ["number"]),
        ("max_validity_days: 2027-13-45", ["date"]),
        ("max_validity_days: 0001-01-01T00:00:00+10:00", []),
        ("min_key_bits: 1000000", ["min_key_bits"]),
        ("allowed_key_bits: [2048, 99999999]", ["allowed_key_bits"]),
        ("name: [a]", ["name"]),
        ("[" * 100_000, ["nested too deeply"]),
        ("{" * 20_000, ["nested too deeply"]),
        (rules({"when": "days_left > `!0`"}), ["org.x", "different kinds"]),
        ('{"rules":' * 100_000, ["nested too deeply"]),
        ("a: " * 3 + "{" * 50_000, []),
        ("ignore: [crt.expired]\nmax_validity_days: 3\nignore: []\n", ["'ignore'", "twice", "line 3"]),
        ("severities: {crt.expired: info, crt.expired: error}", ["crt.expired", "twice"]),
        ('{"ignore": [], "ignore": []}', ["'ignore'", "twice"]),
        ('{"severities": {"crt.expired": "info", "crt.expired": "error"}}', ["crt.expired", "twice"]),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nextends: [*c, *c]", []),
        ("rules: {}", ["rules", "list"]),
        ("rules: [x]", ["rules[0]", "dictionary"]),
        ("rules: [{id: org.x}]", ["rules[0]", "when is missing"]),
        (rules({}, {}), ["rules[1]", "org.x already"]),
        (rules({"id": "crt.expired"}), ["rules[0]", "crt.expired", "org.<what>"]),
        (rules({"id": "org."}), ["rules[0]", "org.<what>"]),
        (rules({"massage": "x"}), ["rules[0]", "massage", "did you mean message"]),
        (rules({"hint": 5}), ["rules[0]", "hint", "5"]),
        (rules({"severity": "fatal"}), ["org.x", "severity", "fatal"]),
        (rules({"when": "key_bits <"}), ["org.x", "when", "no JMESPath"]),
        (rules({"when": "key_bit"}), ["org.x", "no fact 'key_bit'", "did you mean key_bits"]),
        (rules({"when": "dns_names[?ends_with(@, subjekt)] && subjekt"}), ["org.x", "no fact 'subjekt'"]),
        (rules({"when": "is_ca && lenght(subject) > `3`"}), ["lenght", "did you mean length"]),
        (rules({"when": "is_ca && length() > `3`"}), ["length", "takes 1 arguments"]),
        (rules({"when": "starts_with(key_bits, `a`)"}), ["org.x", "when"]),
        (rules({"when": "length(dns_names)"}), ["org.x", "gives a int"]),
        (rules({"when": "common_name"}), ["org.x", "gives a str"]),
        (rules({"when": "(" * 3000 + "is_ca"}), ["org.x", "when"]),
        (rules({"when": "!" * 3900 + "is_ca"}), ["org.x", "when"]),
        (rules({"when": "!" * 9000 + "is_ca"}), ["org.x", "characters"]),
        ("ignore: [org.nothing]", ["org.nothing"]),
    ],
)
def test_a_bad_profile_is_one_clear_error(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "ours.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        loading.load_profile(str(path))
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_profile_as_json_needs_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "yaml", None)
    path = tmp_path / "ours.json"
    path.write_text('{"max_validity_days": 90, "name": "ours"}', encoding="utf-8")
    profile = loading.load_profile(str(path))
    assert (profile.name, profile.max_validity_days) == ("ours", 90)
    path.write_text("max_validity_days: 90", encoding="utf-8")
    with pytest.raises(InputError, match="PyYAML"):
        loading.load_profile(str(path))


def judge(profile: Any, recipe: dict[str, Any] | None = None, **policy: Any) -> list[Any]:
    """All findings of a bundle that is fit but for the recipe."""
    kitchen = Kitchen(recipe or {})
    (report,) = engine.validate_bundles([kitchen.bundle(None)], Policy(profile, **policy)).results
    return list(report.findings)


OWN_DOMAIN = """
rules:
  - id: org.own-domain
    when: "!ends_with(common_name, '.plant.example')"
    severity: warning
    message: the name lies outside plant.example
    hint: Have the certificate issued for a name below plant.example.
"""


def test_a_rule_finds_what_it_is_about(tmp_path: Path) -> None:
    profile = loaded(tmp_path, OWN_DOMAIN)
    assert judge(profile) == []
    other = {"leaf": {"subject": [{"C": "US"}, {"O": "x"}, {"OU": "y"}, {"CN": "a.other.example"}], "sans": None}}
    found = {finding.id: finding for finding in judge(profile, other)}
    finding = found["org.own-domain"]
    assert (finding.severity, finding.message) == ("warning", "the name lies outside plant.example")
    assert finding.hint == "Have the certificate issued for a name below plant.example."
    assert finding.source == "the organization's own rules"
    assert finding.upload_error is None
    assert finding.file == "sensor.crt"


@pytest.mark.parametrize(
    "when",
    [
        "key_bits < `4096`",
        "dns_names[?ends_with(@, 'plant.example')]",
        "subject_fields[?field == 'O' && value != 'Fabrikam']",
        "length(subject_fields) > `3`",
        "!contains(ip_addresses, '192.0.2.1')",
        "not_null(crl_urls[0], '') == ''",
        "subject_order.certificate != subject_order.sample || !crl_urls",
        "sort_by(subject_fields, &value)[?field == 'C']",
        "chain[-1] == 'Plant Root CA' && key_type == 'rsa'",
        "validity_days > `398`",
        "!policies",
    ],
)
def test_expressions_of_many_kinds(tmp_path: Path, when: str) -> None:
    text = json.dumps({"rules": [{"id": "org.a-1", "when": when, "message": "m", "hint": "h."}]})
    assert [finding.id for finding in judge(loaded(tmp_path, text, "ours.json"))] == ["org.a-1"]


def test_a_rule_that_meets_a_missing_fact_is_a_finding_and_the_others_run(tmp_path: Path) -> None:
    text = OWN_DOMAIN + "  - {id: org.two, when: 'key_bits > `0`', message: m, hint: h.}\n"
    nameless = {"leaf": {"subject": {"C": "US", "O": "x", "OU": "y"}, "sans": None}}
    found = [finding.id for finding in judge(loaded(tmp_path, text), nameless)]
    assert "engine.failure" in found
    assert "org.two" in found


def test_own_ids_can_be_waived_and_get_other_severities(tmp_path: Path) -> None:
    text = "rules: [{id: org.always, when: '!is_ca', severity: info, message: m, hint: h.}]\n"
    profile = loaded(tmp_path, text)
    assert [finding.severity for finding in judge(profile)] == ["info"]
    assert [finding.severity for finding in judge(profile, severities={"org.always": "error"})] == ["error"]
    assert judge(profile, ignore=frozenset({"org.always"})) == []
    assert judge(loaded(tmp_path, text + "ignore: [org.always]")) == []
    (finding,) = judge(loaded(tmp_path, text + "severities: {org.always: warning}"))
    assert (finding.severity, finding.default_severity) == ("warning", "info")


def test_a_runs_own_severities_beat_a_profiles_waivers(tmp_path: Path) -> None:
    profile = loaded(tmp_path, "ignore: [crt.san-missing]")
    recipe = {"leaf": {"sans": None}}
    assert judge(profile, recipe) == []
    (finding,) = judge(profile, recipe, severities={"crt.san-missing": "error"})
    assert (finding.id, finding.severity) == ("crt.san-missing", "error")


def test_every_fact_is_there_and_of_the_kind_that_the_sample_shows() -> None:
    kitchen = Kitchen({"leaf": {"crl_urls": ["http://crl.plant.example/a.crl"], "policies": ["2.23.140.1.2.2"]}})
    judged = case.Case(kitchen.bundle(None), case.Settings.of(Policy(loading.DEFENDER_IOT)))
    for rule in engine.RULES:
        rule.function(judged)
    assert judged.certificate is not None
    own = facts.rule_facts(judged, judged.certificate)
    assert set(own) == set(own_rules.SAMPLE_FACTS)
    assert {key: type(value) for key, value in own.items()} == {
        key: type(value) for key, value in own_rules.SAMPLE_FACTS.items()
    }
    json.dumps(own)


def test_rules_without_jmespath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_rules, "jmespath", None)
    assert loaded(tmp_path, "max_validity_days: 90").rules == ()
    with pytest.raises(InputError, match="jmespath"):
        loaded(tmp_path, OWN_DOMAIN)


def test_an_own_profile_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    profile = loaded(tmp_path, "required_fields: [C, O]\nallowed_key_bits: [4096]\nextends: defender_iot\nname: ours")
    assert profile.name == "ours"
    assert profile.required_fields == ("C", "O")
    assert profile.subject_order == loading.DEFENDER_IOT.subject_order
    assert profile.files == loading.DEFENDER_IOT.files
    assert profile.template == loading.DEFENDER_IOT.template
