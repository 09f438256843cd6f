# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reaches into ansible-core, on whichever core runs the tests, and what stands on it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils import ansible_internals, pki_folder
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.controller_action import GroupedAction
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.fleet_run import Shared, described
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.host_variables import ROLES, HostVariables, Unusable
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.known_variables import Unknown, known_variables

INVENTORY = """
[sensors]
one ansible_host=192.0.2.1
two sensor_certificates_common_name="{{ inventory_hostname }}.plant.example"
[site:children]
sensors
[site:vars]
site_name=Tulsa
label="{{ site_name }} {{ inventory_hostname }}"
broken="{{ nowhere }}"
[desks]
desk
"""


class Plugin(GroupedAction):
    """The least that an action is."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Nothing."""
        return {}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Plugin, dict[str, Any], InventoryManager]:
    context.CLIARGS = context.CLIARGS if context.CLIARGS else {}
    (tmp_path / "hosts.ini").write_text(INVENTORY)
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(tmp_path / "hosts.ini")])
    manager = VariableManager(loader=loader, inventory=inventory)
    hostvars = HostVars(inventory=inventory, variable_manager=manager, loader=loader)
    play = Play.load(
        {
            "hosts": "all",
            "gather_facts": False,
            # A word of the playbook language: modules would be looked for in collections, which need more of Ansible.
            "tasks": [{"ansible.builtin.meta": "noop", "environment": {"http_proxy": "p q"}}],
        },
        variable_manager=manager,
        loader=loader,
    )
    task = play.get_tasks()[0][0]
    # As Ansible has resolved them by the time that a task runs.
    task.module_defaults = [{"group/ot_pki.defender_iot.defender_iot": {"stage_dir": "/staged", "folder": "/f"}}]
    connection = SimpleNamespace(_shell=_Shell(), transport="local", become=None)
    templar = ansible_internals.Templar(loader=loader, variables={})
    action = Plugin(task, connection, None, loader, templar, None)
    return action, {"hostvars": hostvars}, inventory


class _Shell:
    """What a connection's shell does with an environment."""

    @staticmethod
    def env_prefix(**values: str) -> str:
        return " ".join(f"{name}='{value}'" for name, value in values.items())


def test_hosts_of_the_run(made: tuple[Plugin, dict[str, Any], InventoryManager]) -> None:
    action, task_vars, inventory = made
    fleet = ansible_internals.Fleet(action, task_vars)
    assert (fleet.knows("one"), fleet.knows("nobody")) == (True, False)
    assert fleet.selected("sensors") == ["one", "two"]
    assert fleet.selected("nowhere") == []
    inventory.subset("two:desk")
    inventory.restrict_to_hosts([inventory.get_host("desk")])
    assert fleet.selected("sensors") == ["two"], "the limit counts, the play's own hosts do not"
    assert fleet.groups_of("one") == ["site", "sensors"]


def test_variables_of_any_host(made: tuple[Plugin, dict[str, Any], InventoryManager]) -> None:
    action, task_vars, _inventory = made
    variables = HostVariables(action, task_vars, roles=("sensor_certificates",))
    values, errors = variables.read("two", ["label", "site_name", "sensor_certificates_key_size", "broken"])
    assert values == {"label": "Tulsa two", "site_name": "Tulsa", "sensor_certificates_key_size": 2048}
    assert list(errors) == ["broken"]
    assert all(type(value) in (str, int) for value in values.values()), "no wrappers of Ansible's"
    assert variables.view("two").value("sensor_certificates_common_name") == "two.plant.example"
    assert variables.view("one").value("sensor_certificates_common_name") == "one"
    with pytest.raises(Unusable, match="nowhere"):
        variables.view("one").value("broken")


def test_the_tasks_own_environment(made: tuple[Plugin, dict[str, Any], InventoryManager]) -> None:
    values, text = ansible_internals.task_environment(made[0])
    assert values == {"http_proxy": "p q"}
    assert "http_proxy" in text


def test_defaults_of_the_action_group(made: tuple[Plugin, dict[str, Any], InventoryManager]) -> None:
    action = made[0]
    assert ansible_internals.group_defaults(action) == {"stage_dir": "/staged", "folder": "/f"}
    action._task.args = {"msg": "x", "stage_dir": "/staged", "folder": "/elsewhere"}
    action.forget_foreign_defaults({"msg"})
    assert action._task.args == {"msg": "x", "folder": "/elsewhere"}, "what the task itself says is left to be judged"


def test_what_is_one_for_a_run(made: tuple[Plugin, dict[str, Any], InventoryManager], tmp_path: Path) -> None:
    action, task_vars, inventory = made
    for host, folder in (("one", "/srv/a"), ("two", "{{ '/srv' }}/a"), ("desk", "/srv/b")):
        inventory.get_host(host).vars["local_ca_dir"] = ansible_internals.load_trusted(
            DataLoader(), _file(tmp_path, folder)
        )
    inventory.get_host("desk").vars["local_ca_passphrase"] = "never to be told"
    variables = HostVariables(action, task_vars)
    shared = Shared()
    shared.add(variables.view("one"))
    shared.add(variables.view("two"))
    assert shared.problems == []
    shared.add(variables.view("desk"))
    assert shared.problems == [
        "local_ca_dir differs between one and desk ('/srv/a' and '/srv/b'), but it is one for a run; set it for all, "
        "or use one inventory for each",
        "local_ca_passphrase differs between one and desk (two values), but it is one for a run; set it for all, or use "
        "one inventory for each",
    ]


def _file(folder: Path, text: str) -> str:
    path = folder / "value.yml"
    path.write_text(f'"{text}"\n')
    return str(path)


def test_secrets_of_a_run_are_names() -> None:
    issuers = {"corp": {"kind": "vault", "token": "s1", "url": "https://v"}, "other": {"kind": "request_folder"}}
    run = described(
        {
            "ot_pki_dir": "/srv/pki",
            "local_ca_dir": "/srv/pki/local_ca",
            "local_ca_passphrase": "s2",
            "sensor_certificates_issuers": issuers,
            "crl_access_proxy": "http://u:s3@p:1",
        },
        "one",
        "",
    )
    assert not {"s1", "s2", "u:s3"} & set(str(run).replace("'", " ").split())
    assert run["local_ca"]["passphrase_variable"] == "local_ca_passphrase"
    assert run["sensor_certificates"]["issuers"]["corp"] == {"kind": "vault", "url": "https://v", "secrets": ["token"]}
    assert run["ledger_dir"] == "/srv/pki/local_ca_ledger"
    assert run["inbox_dir"] == "/srv/pki/inbox"
    assert run["workstations_dir"] == "/srv/pki/workstations"


@pytest.mark.parametrize(
    ("path", "environment", "refused"),
    [
        ("/runner/inventory/defender_iot_pki", {"AWX_ISOLATED_DATA_DIR": "/runner/artifacts/1"}, True),
        ("/runner/project/defender_iot_pki", {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_1"}, True),
        ("/tmp/awx_1/inventory/defender_iot_pki", {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_1"}, True),
        ("/tmp/awx_11/inventory/defender_iot_pki", {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_1"}, False),
        ("/runner/inventory/defender_iot_pki", {}, False),
        ("/runners/defender_iot_pki", {"JOB_ID": "1"}, False),
        ("/srv/pki", {"AWX_PRIVATE_DATA_DIR": "/tmp/awx_1", "JOB_ID": "1"}, False),
    ],
)
def test_places_that_do_not_outlive_the_job(path: str, environment: dict[str, str], refused: bool) -> None:
    assert (pki_folder.short_lived(path, environment) is not None) == refused


def test_misspelt_variables() -> None:
    unknown = Unknown(known_variables(["local_ca_name"]))
    unknown.look("one", {"local_ca_nmae": 1, "local_ca_name": 1, "hosts_entries_ip": 1, "trust_store_serial": 1})
    unknown.look("two", {"local_ca_nmae": 1, "elsewhere": 1, "ot_pki_dir": 1, "live_check_xyzzy": 1})
    assert unknown.warnings() == [
        "local_ca_nmae, set for one, two, is no variable of this collection, so it has no effect; did you mean "
        "local_ca_name?",
        "live_check_xyzzy, set for two, is no variable of this collection, so it has no effect; docs/variables.md lists "
        "the names that there are",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("live_chek_port", "live_check_port"),
        ("live_checks_port", "live_check_port"),
        ("life_check_port", "live_check_port"),
        ("livecheck_timeout", "live_check_timeout"),
        ("hosts_entry_ip", "hosts_entries_ip"),
        ("host_entries_ip", "hosts_entries_ip"),
        ("sensor_certificate_cn", "sensor_certificates_common_name"),
        ("sensor_certificates_cn", "sensor_certificates_common_name"),
        ("sensor_certificates_days", "sensor_certificates_validity_days"),
        ("sensor_certificates_name_common", "sensor_certificates_common_name"),
        ("sensor_certificates_san", "sensor_certificates_sans"),
        ("sensor_certificates_crl_url", "local_ca_crl_url"),
        ("sensors_certificates_subject", "sensor_certificates_subject"),
        ("sensor_certs_issuer", "sensor_certificates_issuer"),
        ("sensor_certifcates_key_size", "sensor_certificates_key_size"),
        ("sensor_uplod_dir", "sensor_upload_dir"),
        ("crl_acces_proxy", "crl_access_proxy"),
        ("clr_access_vantage", "crl_access_vantage"),
        ("crl_publications_dir", "crl_publication_dir"),
        ("loacl_ca_dir", "local_ca_dir"),
        ("localca_crl_url", "local_ca_crl_url"),
        ("import_certificate_src", "import_certificates_src"),
        ("trust_stores_contact", "trust_store_contact"),
        ("fleet_reports_formats", "fleet_report_formats"),
        ("validate_cert_folder", "validate_certs_folder"),
        ("revoke_certs_sensor", "revoke_cert_sensor"),
        ("retire_sensor_names", "retire_sensors_names"),
        ("chnage_ca_action", "change_ca_action"),
        ("ot_pki_folder", ""),
        ("otpki_dir", "ot_pki_dir"),
    ],
)
def test_misspelt_variables_are_told_with_the_nearest_name(written: str, meant: str) -> None:
    unknown = Unknown(known_variables(_defaults()))
    unknown.look("one", {written: 1})
    (told,) = unknown.warnings()
    assert told.startswith(f"{written}, set for one, is no variable of this collection")
    assert told.endswith(f"; did you mean {meant}?" if meant else "docs/variables.md lists the names that there are")


def test_variables_of_others_are_no_mistakes() -> None:
    foreign = (
        "sensor_location local_network local_ca local_cache_dir local_ip_address local_as_number sensor_name sensor_certificate "
        "sensor_certificate_path sensor_certificate_expiry sensor_model sensors_port trust_anchor trust_score crl_url crl_server_name "
        "hosts host_ip live_url live_check report_dir fleet_id ot_zone ot_network host_entry import_path truststore_path "
        "ansible_host inventory_dir __sensor_certificates_own validate_everything retire_date"
    )
    unknown = Unknown(known_variables(_defaults()))
    unknown.look("one", dict.fromkeys(foreign.split(), 1))
    assert unknown.warnings() == []


def _defaults() -> list[str]:
    found: list[str] = []
    for path in Path(ROLES).glob("*/defaults/main.yml"):
        found += yaml.safe_load(path.read_text()) or {}
    return found
