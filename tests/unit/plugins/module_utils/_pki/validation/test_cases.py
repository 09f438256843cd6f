# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Case files: one recipe each with the findings expected of it, compared both ways."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot import catalogue
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.loading import load_profile
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation import engine
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import (
    FleetReport,
    KnownCertificate,
    Policy,
)
from validation_bakery import RECIPE_KEYS, Kitchen

FOLDER = Path(__file__).resolve().parents[5] / "fixtures" / "validation"
FILES = sorted(FOLDER.iterdir())
CASES = [path for path in FILES if path.suffix == ".yml"]
# What no input can bring about is proven by tests of its own.
WITHOUT_FILE = {"engine.failure"}


def load(path: Path) -> dict[str, Any]:
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(recipe, dict), path
    return recipe


def judge(recipe: dict[str, Any], folder: Path) -> FleetReport:
    kitchen = Kitchen(recipe)
    specs = recipe.get("bundles") or [recipe.get("bundle")]
    bundles = [kitchen.bundle(spec, f"sensor-{position}") for position, spec in enumerate(specs, start=1)]
    policy = dict(recipe.get("policy") or {})
    profile = DEFENDER_IOT
    if recipe.get("profile"):
        path = folder / "profile.yml"
        path.write_text(yaml.safe_dump(recipe["profile"]), encoding="utf-8")
        profile = load_profile(str(path))
    known = [
        KnownCertificate(
            entry["name"], entry["common_name"], entry.get("public_key_id", ""), entry.get("fingerprint", "")
        )
        for entry in recipe.get("known") or []
    ]
    return engine.validate_bundles(
        bundles,
        Policy(
            profile, frozenset(policy.get("ignore", [])), policy.get("severities", {}), policy.get("key_check", "match")
        ),
        known=known,
    )


def shown(findings: Any) -> list[str]:
    """Ids, with the severity before those that have another than the table says."""
    return sorted(
        f"{finding.severity} {finding.id}" if finding.default_severity else finding.id for finding in findings
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    recipe = load(path)
    report = judge(recipe, tmp_path)
    everything = [finding for result in report.results for finding in result.findings] + list(report.fleet_findings)
    wanted = list(recipe["expect"])
    if recipe.get("profile", {}).get("san_required"):
        wanted = [f"error {entry}" for entry in wanted]
    assert shown(everything) == sorted(wanted), [f"{finding.id}: {finding.message}" for finding in everything]
    waived = [finding.id for result in report.results for finding in result.waived]
    assert sorted(waived) == sorted(recipe.get("waived", []))
    for finding in everything:
        assert finding.message
        assert "\n" not in finding.message
        assert finding.hint
        json.dumps(finding.to_dict())
    assert report.valid == (not any(finding.severity == "error" for finding in everything))


def test_the_example_of_the_readme_and_its_keys(tmp_path: Path) -> None:
    """The notation is described where a contributor looks, and the description holds."""
    page = (FOLDER.parents[1] / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    example = tmp_path / "example.yml"
    example.write_text(block, encoding="utf-8")
    test_case(example, tmp_path)
    missing = {key for key in RECIPE_KEYS if f"`{key}`" not in page}
    assert missing <= {"files"}, missing


def test_no_unknown_file() -> None:
    assert [path.name for path in FILES if path.suffix != ".yml"] == []


def test_every_case_is_about_its_name() -> None:
    for path in CASES:
        assert path.stem.startswith(load(path)["about"] + "-"), path


def test_every_check_has_a_positive_and_a_negative_case() -> None:
    positive, negative = set(), set()
    for path in CASES:
        recipe = load(path)
        ids = {entry.split()[-1] for entry in recipe["expect"]}
        (positive if recipe["about"] in ids else negative).add(recipe["about"])
    checks = set(catalogue.BY_ID) - WITHOUT_FILE
    assert checks - positive == set()
    assert checks - negative == set()


def test_every_upload_error_is_predicted_by_a_case(tmp_path: Path) -> None:
    found = set()
    for path in CASES:
        recipe = load(path)
        for entry in recipe["expect"]:
            found.add(catalogue.BY_ID[entry.split()[-1]].upload_error)
    # The ids are proven by the cases themselves, the texts by the table test.
    assert found - {None} == set(catalogue.UPLOAD_ERRORS)
