# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the modules' documentation: their options are the module's, and those that can be are run."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import corporate_pki as pki
import pages
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from pages import CHECKOUT

MODULES = sorted((CHECKOUT / "plugins" / "modules").glob("*.py"))
PREFIX = "ot_pki.defender_iot."
# Examples run in this order: what one makes the next one uses. Of the others the reason is said.
STORY = ["local_ca", "cert_issue", "cert_stage", "crl_publish", "cert_convert", "cert_validate", "fleet_report",
         "live_check", "hosts_entry", "workstation_folder", "cert_revoke", "fleet_retire", "local_ca_change"]  # fmt: skip
NOT_RUN = {
    "ca_trust": "it would change this machine's trust stores; test_trust.py runs it on a host of its own",
    "crl_fetch": "it needs a web server; test_crl_reachable.py has one",
    "crl_reachable": "it needs a web server; test_crl_reachable.py has one",
    "fleet_inputs": "it reads an inventory; every playbook's test runs it",
    "fleet_summary": "it needs the results of a whole run; every playbook's test runs it",
    "sensor_upload": "it needs a sensor with the command; test_upload_certs.py runs it against twins",
    "tls_probe": "it needs a console; test_check_live.py has some",
    "upload_record": "it needs the results of an upload; test_upload_certs.py makes some",
}


def _text(module: Path, name: str) -> Any:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{module.name} has no {name}")


def _spec(options: dict[str, Any]) -> dict[str, Any]:
    kept = ("type", "elements", "choices", "required", "aliases", "default")
    return {
        name: {key: option[key] for key in kept if key in option and not (key == "default" and option.get("required"))}
        | ({"options": _spec(option["suboptions"])} if "suboptions" in option else {})
        for name, option in options.items()
    }


def _documented(module: Path) -> dict[str, Any]:
    """A module's options, those of its fragments among them."""
    documentation = yaml.safe_load(_text(module, "DOCUMENTATION"))
    options: dict[str, Any] = {}
    for fragment in documentation["extends_documentation_fragment"]:
        _namespace, _collection, file, *section = fragment.split(".")
        source = CHECKOUT / "plugins" / "doc_fragments" / f"{file}.py"
        options |= yaml.safe_load(_text(source, section[0].upper() if section else "DOCUMENTATION"))["options"]
    return options | documentation.get("options", {})


def _examples(module: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(_text(module, "EXAMPLES")))


def _judge(task: dict[str, Any], where: str) -> None:
    for key, options in task.items():
        if not key.startswith(PREFIX):
            continue
        module = CHECKOUT / "plugins" / "modules" / f"{key.removeprefix(PREFIX)}.py"
        documented = _documented(module)
        given = {
            # What is an expression has no type yet.
            name: value
            for name, value in (options or {}).items()
            if not (isinstance(value, str) and "{{" in value)
        }
        spec = _spec(documented)
        for name in set(options or {}) - set(given):
            assert name in spec, f"{where}: {key} has no option {name}"
            spec.pop(name)
        result = ArgumentSpecValidator(spec).validate(given)
        assert not result.error_messages, f"{where}: {key}: {result.error_messages}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_examples_have_the_modules_options(module: Path) -> None:
    tasks = _examples(module)
    assert any(PREFIX + module.stem in task for task in tasks)
    for task in tasks:
        assert task["name"][0].isupper()
        _judge(task, module.name)


def test_inner_steps_are_marked() -> None:
    """What is no interface says so where people choose a module, and no page recommends it."""
    inner = {"crl_fetch", "fleet_inputs", "fleet_retire", "fleet_summary", "tls_probe", "workstation_folder"}
    for module in MODULES:
        documentation = yaml.safe_load(_text(module, "DOCUMENTATION"))
        marked = documentation["short_description"].endswith("(inner step)")
        assert marked == (module.stem in inner), module.stem
        assert marked == ("ot_pki.defender_iot.attributes.inner" in documentation["extends_documentation_fragment"])
    table = (CHECKOUT / "README.md").read_text()
    assert not [name for name in inner if name in table]


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_tasks_on_pages_have_the_modules_options(path: Path) -> None:
    for block in pages.blocks(path):
        if block.language == "yaml" and PREFIX in block.text:
            for task in _tasks(yaml.safe_load(block.text)):
                _judge(task, block.place)


def _tasks(data: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in data if isinstance(data, list) else []:
        if isinstance(each, dict):
            found += [each, *_tasks(each.get("tasks")), *_tasks(each.get("block"))]
    return found


def test_examples_are_run(ansible: Any, tmp_path: Path) -> None:
    assert {path.stem for path in MODULES} == set(STORY) | set(NOT_RUN)
    site = tmp_path / "srv"
    inbox = site / "inbox"
    inbox.mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    sensor = pki.sensor()
    (inbox / "sensor-1.pfx").write_bytes(pki.pfx(tmp_path, sensor, "of the file"))
    (inbox / "sensor-2.cer").write_bytes(sensor.der)
    (inbox / "sensor-2-private.pem").write_bytes(sensor.private("of the key"))
    (inbox / "chain.p7b").write_bytes(pki.p7b(tmp_path, pki.issuing(), pki.root()))
    (tmp_path / "secrets" / "sensor-2").write_text("of the key\n")
    for letter in "ab":
        each = pki.sensor(f"{letter}.plant.example")
        (inbox / f"{letter}.cer").write_bytes(each.der)
        (inbox / f"{letter}.key").write_bytes(each.private())
    (site / "upload").mkdir()
    bundle = inbox / "sensor-1"
    for folder in (bundle, tmp_path / "ansible" / "sensor-1", tmp_path / "ansible" / "sensor-2"):
        number = folder.name[-1]
        one = pki.sensor(f"sensor-{number}.plant.example")
        folder.mkdir(exist_ok=True)
        for kind, content in (("crt", one.crt), ("key", one.private()), ("pem", pki.chain())):
            (folder / f"{folder.name}.{kind}").write_bytes(content)
            (folder / f"{folder.name}.{kind}").chmod(0o600)
    (tmp_path / "plant-root.crt").write_bytes(pki.root().crt)
    (tmp_path / "ansible" / "our-rules.yml").write_text("extends: defender_iot\nsan_required: true\n")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n192.0.2.9 old-sensor.plant.example\n")
    here = {
        "/srv": str(site),
        "/run/secrets": str(tmp_path / "secrets"),
        "/etc/pki/plant-root.crt": str(tmp_path / "plant-root.crt"),
        "jump-host": "localhost",
        "host: 192.0.2.1": "host: 127.0.0.1",
    }
    tasks = []
    for name in STORY:
        text = _text(CHECKOUT / "plugins" / "modules" / f"{name}.py", "EXAMPLES")
        for there, place in here.items():
            text = text.replace(there, place)
        for task in yaml.safe_load(text):
            options = task.get(PREFIX + name)
            if name == "local_ca":
                options["key_size"] = 2048
            elif name == "hosts_entry":
                options["path"] = str(tmp_path / "hosts")
            elif name == "cert_revoke":
                # The serial of another certificate, which this CA does not have.
                options["revocations"] = options["revocations"][:1]
            elif name == "cert_validate" and options and "crl_validation" in options:
                options["crl_validation"] = False
            tasks.append(task)
    variables = {
        "vault_local_ca_passphrase": "correct horse battery staple",
        "local_ca_passphrase": "correct horse battery staple",
        "local_ca_new_passphrase": "another correct horse battery",
        "pfx_passphrase": "of the file",
        "new_passphrase": "of-the-new-file",
        "sensor_1_passphrase": None,
    }
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"sensors": {"hosts": {"sensor-9": {"ansible_connection": "local"}}}}))
    outcome = ansible.tasks(tasks, inventory=inventory, variables=variables)
    assert outcome.code == 0, outcome.output
    assert re.search(r"TASK \[Encrypt the CA's keys with another passphrase\] \*+\s+changed", outcome.output)
    assert "old-sensor" not in (tmp_path / "hosts").read_text()
    assert (site / "upload" / "sensor-2.p12").stat().st_size > 1000
    # The last but one took away what is not in the inventory.
    assert not (site / "ot-pki" / "staged" / "sensor-1").exists()
