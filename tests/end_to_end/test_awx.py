# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shipped for AWX, Automation Controller and Event-Driven Ansible, held against what these take."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import known_variables
from ansible_rulebook.condition_parser import parse_condition
from ansible_rulebook.validators import Validate
from pages import CHECKOUT

AWX = CHECKOUT / "extensions" / "awx"
FIXTURES = CHECKOUT / "tests" / "fixtures" / "awx"
MODULES = json.loads((FIXTURES / "awx.awx.json").read_text())["modules"]
LISTS = json.loads((FIXTURES / "infra.aap_configuration.json").read_text())["lists"]
MODULE_OF = {
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_execution_environments": "execution_environment",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
    "controller_schedules": "schedule",
}


class _Loader(yaml.SafeLoader):
    """With Ansible's tag for what is no template of ours."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
DATA: dict[str, list[dict[str, Any]]] = yaml.load((AWX / "controller.yml").read_text(), _Loader)


def _names(kind: str) -> list[str]:
    return [entry["name"] for entry in DATA[kind]]


@pytest.mark.parametrize("kind", DATA)
def test_entries_are_options_of_both_collections(kind: str) -> None:
    assert set(DATA) == set(MODULE_OF)
    for entry in DATA[kind]:
        assert set(entry) <= set(LISTS[kind]), entry["name"]
        outcome = ArgumentSpecValidator(MODULES[MODULE_OF[kind]]).validate(entry)
        assert outcome.error_messages == [], entry["name"]
    assert len(set(_names(kind))) == len(_names(kind))


def test_the_play_applies_all_of_it() -> None:
    (play,) = yaml.safe_load((AWX / "apply.yml").read_text())
    applied = {
        re.findall(r"\w+", task["loop"])[0]: next(key for key in task if key.startswith("awx.awx."))
        for task in play["tasks"]
    }
    assert applied == {kind: f"awx.awx.{module}" for kind, module in MODULE_OF.items()}
    (secret,) = [task for task in play["tasks"] if "awx.awx.credential" in task]
    assert secret["no_log"] is True


def test_what_is_named_is_there() -> None:
    for template in DATA["controller_templates"]:
        playbook = yaml.safe_load((AWX / "project" / template["playbook"]).read_text())
        imported = playbook[0]["import_playbook"].removeprefix("ot_pki.defender_iot.")
        assert (CHECKOUT / "playbooks" / f"{imported}.yml").exists()
        assert template["project"] in _names("controller_projects")
        assert template["inventory"] in _names("controller_inventories")
        assert template["execution_environment"] in _names("controller_execution_environments")
        assert set(template.get("credentials", [])) <= set(_names("controller_credentials"))
    for credential in DATA["controller_credentials"]:
        # "Machine" is one of the types that every AWX has.
        assert credential["credential_type"] in [*_names("controller_credential_types"), "Machine"]
        # A secret stands in no file of ours, and only secrets and names are given.
        secrets = {key: text for key, text in credential["inputs"].items() if key != "username"}
        assert all(re.fullmatch(r"\{\{ vault_\w+ \}\}", text) for text in secrets.values())
    for schedule in DATA["controller_schedules"]:
        names = [*_names("controller_templates"), *_names("controller_workflows")]
        assert schedule["unified_job_template"] in names
        # What AWX insists on.
        assert re.fullmatch(
            r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=(DAILY|WEEKLY);INTERVAL=\d+(;BYDAY=\w\w)?", schedule["rrule"]
        )


def test_somebody_approves_between_staging_and_upload() -> None:
    (workflow,) = DATA["controller_workflows"]
    nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
    for node in nodes.values():
        for after in node.get("related", {}).values():
            assert {each["identifier"] for each in after} <= set(nodes)
        if node["unified_job_template"]["type"] == "job_template":
            assert node["unified_job_template"]["name"] in _names("controller_templates")
    assert nodes["stage"]["related"] == {"success_nodes": [{"identifier": "approve"}]}
    assert nodes["approve"]["unified_job_template"]["type"] == "workflow_approval"
    assert nodes["approve"]["related"] == {"success_nodes": [{"identifier": "upload"}]}
    # Also where an upload failed somebody wants to know what the consoles present.
    assert nodes["upload"]["related"] == {"always_nodes": [{"identifier": "look"}]}
    playbooks = {template["name"]: template["playbook"] for template in DATA["controller_templates"]}
    order = [nodes[each]["unified_job_template"]["name"] for each in ("stage", "upload", "look", "report")]
    assert [playbooks[name] for name in order] == [
        "deploy_certs.yml",
        "upload_certs.yml",
        "check_live.yml",
        "report.yml",
    ]


def test_variables_and_answers_are_ours() -> None:
    known = known_variables.known_variables([])
    for template in DATA["controller_templates"]:
        assert set(template.get("extra_vars", {})) <= known, template["name"]
        for question in template.get("survey_spec", {}).get("spec", []):
            assert question["variable"] in known
    for inventory in DATA["controller_inventories"]:
        assert set(inventory["variables"]) <= known
    (survey,) = [template["survey_spec"] for template in DATA["controller_templates"] if "survey_spec" in template]
    (reason,) = [question for question in survey["spec"] if question["variable"] == "revoke_cert_reason"]
    text = (CHECKOUT / "plugins" / "modules" / "cert_revoke.py").read_text()
    assert all(choice in text for choice in reason["choices"])
    assert reason["default"] in reason["choices"]


def test_the_passphrase_is_a_secret_and_no_word_of_a_command() -> None:
    (kind,) = DATA["controller_credential_types"]
    fields = {field["id"]: field for field in kind["inputs"]["fields"]}
    assert all(field["secret"] for field in fields.values())
    # AWX writes what is injected as extra_vars into a file; "env" would be in the environment of every process.
    assert set(kind["injectors"]) == {"extra_vars"}
    assert kind["injectors"]["extra_vars"] == {"local_ca_passphrase": "{{ local_ca_passphrase }}"}
    text = (AWX / "controller.yml").read_text()
    assert '!unsafe "{{ local_ca_passphrase }}"' in text
    assert re.search(r'local_ca_passphrase: "\{\{ vault_', text)


def test_the_execution_environment_can_be_built(tmp_path: Path) -> None:
    definition = CHECKOUT / "extensions" / "execution_environment" / "execution-environment.yml"
    done = subprocess.run(
        [sys.executable, "-m", "ansible_builder", "create", "-f", str(definition), "-c", str(tmp_path / "context")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    content = next((tmp_path / "context").glob("*file")).read_text()
    base = yaml.safe_load(definition.read_text())["images"]["base_image"]["name"]
    assert base in content
    minor = int(re.search(r":2\.(\d+)\.", base)[1])  # type: ignore[index]
    wanted = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    assert minor >= int(re.search(r">=2\.(\d+)", wanted)[1])  # type: ignore[index]


def test_a_rulebook_starts_the_renewal() -> None:
    rulebook = yaml.safe_load((CHECKOUT / "extensions" / "eda" / "rulebooks" / "renew.yml").read_text())
    Validate.rulebook(rulebook)
    alerts = yaml.safe_load((CHECKOUT / "extensions" / "monitoring" / "alerts.yml").read_text())
    known = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    for rule in rulebook[0]["rules"]:
        parse_condition(rule["condition"])
        named = set(re.findall(r'alertname == "(\w+)"', rule["condition"]))
        assert named
        assert named <= known
        started = rule["action"]["run_job_template"]
        assert started["name"] in _names("controller_templates")
        assert started["organization"] == "Default"
    (source,) = rulebook[0]["sources"]
    assert "ansible.eda.alertmanager" in source


def test_every_query_is_of_a_module_that_is_there() -> None:
    queries = yaml.safe_load((CHECKOUT / "extensions" / "audit" / "event_query.yml").read_text())
    for name, query in queries.items():
        namespace, collection, module = name.split(".")
        assert (namespace, collection) == ("ot_pki", "defender_iot")
        assert (CHECKOUT / "plugins" / "modules" / f"{module}.py").exists()
        assert set(query) == {"query"}


@pytest.mark.parametrize(
    ("module", "result", "names"),
    [
        ("live_check", {"results": [{"sensor": "a", "name": "a.plant.example", "common_name": None, "state": "not-tls"}]}, ["a"]),
        ("live_check", {"results": [{"sensor": None, "name": "b.plant.example", "state": "matches"}]}, ["b.plant.example"]),
        ("live_check", {"results": [{"host": "192.0.2.1", "name": None, "state": "matches"}]}, []),
        ("cert_issue", {"results": [{"name": "a", "common_name": None, "serial": None}, {"name": "b", "serial": "0A"}]}, ["a", "b"]),
        ("cert_issue", {"msg": "failed before anything was done"}, []),
        ("cert_stage", {"results": []}, []),
        ("cert_stage", {"results": [{"name": "a", "action": "kept"}]}, ["a"]),
    ],
)  # fmt: skip
def test_queries_count_sensors(module: str, result: dict[str, Any], names: list[str]) -> None:
    queries = yaml.safe_load((CHECKOUT / "extensions" / "audit" / "event_query.yml").read_text())
    told = subprocess.run(
        ["jq", "-c", queries[f"ot_pki.defender_iot.{module}"]["query"]],
        input=json.dumps(result), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    nodes = [json.loads(line) for line in told.splitlines()]
    assert [node["name"] for node in nodes] == names
    for node in nodes:
        assert node["canonical_facts"] == {"host_name": node["name"]}
        assert None not in node["facts"].values()
