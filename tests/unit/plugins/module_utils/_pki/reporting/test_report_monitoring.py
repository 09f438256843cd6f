# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules and the dashboard ask for what the metrics have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.reporting import writing
from prometheus_client.parser import text_string_to_metric_families
from report_kitchen import NOW, Kitchen

_NAME = re.compile(r"\b(?:x509|ot_pki)_\w+")
_LABEL = re.compile(r"(\w+)(?:=|!=)\"")


def expressions(collection: Path) -> list[str]:
    folder = collection / "extensions" / "monitoring"
    rules = yaml.safe_load((folder / "alerts.yml").read_text())["groups"]
    board = json.loads((folder / "dashboard.json").read_text())
    found = [rule["expr"] for group in rules for rule in group["rules"]]
    return found + [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def offered(kitchen: Kitchen) -> dict[str, set[str]]:
    certificate = kitchen.bundle("sensor-1.plant.example")
    kitchen.bundle("sensor-2.plant.example", left=-1, age=400)
    kitchen.seen("sensor-1.plant.example", certificate, NOW, "matches")
    kitchen.publish()
    fleet = kitchen.gather(["sensor-1.plant.example", "sensor-2.plant.example"])
    text = writing.render(fleet, ["metrics"])["ot_pki.prom"].decode()
    return {
        family.name: {label for sample in family.samples for label in sample.labels}
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_that_is_asked_for_exists(collection: Path, kitchen: Kitchen) -> None:
    metrics = offered(kitchen)
    asked = expressions(collection)
    assert len(asked) > 15
    for expression in asked:
        names = _NAME.findall(expression)
        assert names, expression
        for name in names:
            assert name in metrics, expression
            assert set(_LABEL.findall(expression)) <= metrics[name], expression


def test_the_alerts_that_were_asked_for_say_what_to_do(collection: Path) -> None:
    groups: list[dict[str, Any]] = yaml.safe_load((collection / "extensions/monitoring/alerts.yml").read_text())[
        "groups"
    ]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    assert set(rules) >= {"OtSensorCertificateEndsSoon", "OtCrlStale", "OtSensorUploadWaits", "OtReportNotRenewed"}
    for rule in rules.values():
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
    promtool = shutil.which("promtool")
    if promtool:
        path = collection / "extensions" / "monitoring" / "alerts.yml"
        done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
