# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands around the playbooks: other programs that read the output, settings of the user's own, workstations that get lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fleet import PASSPHRASE, Fleet, names

ONE, TWO = names(2)
# A callback as ansible.posix.json is one: nothing but its own document belongs on standard output.
CALLBACK = '''
import json
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: only_json
type: stdout
short_description: one JSON document
description: For a test.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "only_json"
    results = []

    def v2_runner_on_ok(self, result, **_more):
        self.results.append([result.task_name, result.result if hasattr(result, "result") else result._result])

    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps(self.results, default=str))
'''


def test_a_json_callback_stays_readable(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(2))
    plugins = tmp_path / "callbacks"
    plugins.mkdir()
    (plugins / "only_json.py").write_text(CALLBACK)
    done = subprocess.run(
        ansible.command("deploy_certs", fleet.inventory),
        env=ansible.environment(ANSIBLE_STDOUT_CALLBACK="only_json", ANSIBLE_CALLBACK_PLUGINS=str(plugins)),
        capture_output=True, text=True, cwd=fleet.folder, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)
    told = [result["msg"] for _name, result in results if isinstance(result.get("msg"), list)]
    assert [lines[0] for lines in told] == ["2 sensors: 2 issued, 0 kept, 0 failed"]


def test_defaults_of_the_action_group_reach_only_those_that_know_them(ansible: Any, tmp_path: Path) -> None:
    """Every module of the group gets options of all the others; what it does not know must not stop it."""
    fleet = Fleet(tmp_path / "fleet", names(1))
    assert ansible.playbook("deploy_certs", fleet.inventory).code == 0
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    certificate = str(fleet.file(ONE, "crt"))
    tasks = {
        "cert_validate": {"certificate": certificate, "fail_on": "never"},
        "cert_convert": {"src": certificate, "outputs": {"crt_der": str(tmp_path / "one.der")}},
        "hosts_entry": {"ip": "192.0.2.1", "names": [ONE], "path": str(hosts)},
        "crl_reachable": {"certificate": certificate, "fail_on": "never"},
        "ca_trust": {"certificates": [str(fleet.root)], "stores": ["bundle"], "bundles": [str(tmp_path / "b.pem")]},
        "fleet_summary": {},
    }
    play = {
        "hosts": "localhost", "connection": "local", "gather_facts": False,
        "module_defaults": {"group/ot_pki.defender_iot.defender_iot": {
            "stage_dir": str(fleet.stage), "ca_dir": "{{ somewhere }}", "lock_timeout": 5, "marker": "of the group",
        }},
        "vars": {"somewhere": "/srv/ca", "ansible_python_interpreter": sys.executable},
        "tasks": [{f"ot_pki.defender_iot.{name}": options} for name, options in tasks.items()],
    }  # fmt: skip
    (tmp_path / "b.pem").write_bytes(fleet.root.read_bytes())
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([play]))
    outcome = ansible.playbook(str(path), "localhost,")
    assert outcome.code == 0, outcome.output
    # What the task itself names is judged as ever.
    play["tasks"] = [{"ot_pki.defender_iot.cert_validate": {"certificate": certificate, "stage_dir": "/elsewhere"}}]
    path.write_text(json.dumps([play]))
    wrong = ansible.playbook(str(path), "localhost,")
    assert wrong.code != 0
    assert "stage_dir" in wrong.output


def test_crls_reach_web_servers_without_a_sensor_in_the_run(ansible: Any, tmp_path: Path) -> None:
    web = tmp_path / "web"
    web.mkdir()
    fleet = Fleet(
        tmp_path / "fleet", names(2), local_ca_crl_url="http://127.0.0.1:9/s.crl", crl_access_fail_on="never",
        crl_access_retries=0,
    )  # fmt: skip
    fleet.groups = {
        "crl_web_servers": {
            "hosts": {"web-1": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
            "vars": {"crl_publication_web_dir": str(web)},
        }
    }
    fleet.write()
    assert ansible.playbook("deploy_certs", fleet.inventory, "--limit", "sensors").code == 0
    assert list(web.iterdir()) == []
    limited = ansible.playbook("publish_crl", fleet.inventory, "--limit", "crl_web_servers")
    assert limited.code == 0, limited.output
    assert {path.name for path in web.iterdir()} >= {"s.crl"}
    assert PASSPHRASE not in limited.output

    fleet.set(sensor_certificates_key_size=1000)
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.failed == set(names(2)), outcome.output
    assert "0 issued, 0 kept, 2 failed" in outcome.output
    assert "Files: " not in outcome.output
    assert "has no attribute" not in outcome.output


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_another_strategy_in_the_users_settings(ansible: Any, tmp_path: Path, strategy: str) -> None:
    sensors: dict[str, Any] = names(3)
    sensors["sensor-3.plant.example"] = {"sensor_certificates_key_size": 1000}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory, ANSIBLE_STRATEGY=strategy)
    assert outcome.failed == {"sensor-3.plant.example"}, outcome.output
    assert "2 issued, 0 kept, 1 failed" in outcome.output
    imported = ansible.playbook(
        "import_certs",
        fleet.inventory,
        variables={"import_certificates_src": [str(fleet.root)], "import_certificates_trust_any": True},
        ANSIBLE_STRATEGY=strategy,
    )
    assert imported.failed == {"sensor-3.plant.example"}, imported.output
    assert "3 sensors: 0 issued, 2 kept, 1 failed" in imported.output


def test_a_workstation_that_gets_lost_fails_alone(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "fleet", names(1), ansible_host="192.0.2.1")
    (tmp_path / "file").write_text("no folder")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    local = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable,
        "trust_store_stores": ["bundle"], "trust_store_bundles": [str(tmp_path / "bundle.pem")],
        "hosts_entries_path": str(hosts), "trust_store_become": False, "hosts_entries_become": False,
    }  # fmt: skip
    (tmp_path / "bundle.pem").write_text("")
    lost = {"ansible_remote_tmp": f"{tmp_path}/file/tmp"}
    # The lost ones are the whole first batch, and more than one of a later batch.
    desks: dict[str, Any] = {
        f"desk-{number}": {**local, **(lost if number in (0, 3, 4) else {})} for number in range(9)
    }
    fleet.groups["trust_hosts"] = {"hosts": desks}
    fleet.write()
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code != 0
    assert outcome.failed == {"desk-0", "desk-3", "desk-4"}, outcome.output
    assert "Workstations: 6 of 9 trust the CA" in outcome.output
    assert "FAILED workstation desk-3: was lost on the way" in outcome.output
    assert ONE in hosts.read_text()


def test_sensors_without_an_address_are_one_line(ansible: Any, tmp_path: Path) -> None:
    sensors: dict[str, Any] = names(2)
    sensors[ONE] = {"ansible_host": "192.0.2.1"}
    fleet = Fleet(tmp_path / "fleet", sensors)
    outcome = ansible.playbook("deploy_certs", fleet.inventory)
    assert outcome.code == 0, outcome.output
    assert (
        f"Not in hosts files, since neither hosts_entries_ip nor ansible_host is an IP address: {TWO}" in outcome.output
    )


def test_without_the_embedded_ca_nothing_of_it_is_needed(ansible: Any, tmp_path: Path) -> None:
    fleet = Fleet(
        tmp_path / "fleet", names(1), sensor_certificates_issuer="received", import_certificates_trust_any=True
    )
    fleet.set(local_ca_passphrase=None, sensor_certificates_subject=None)
    (tmp_path / "nothing").write_text("")
    outcome = ansible.playbook(
        "import_certs", fleet.inventory, variables={"import_certificates_src": [str(tmp_path / "nothing")]}
    )
    assert "local_ca_passphrase" not in outcome.output
    assert not (fleet.pki / "local_ca").exists()
