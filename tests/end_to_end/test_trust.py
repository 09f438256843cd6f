# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""People open the consoles without a warning: real workstations, stores and clients."""

from __future__ import annotations

import concurrent.futures
import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from authorities import make
from console import console
from fleet import Fleet, names
from workstation import MISSING, on, workstation

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

(SENSOR,) = SENSORS = names(1)
ADDRESS = "127.88.0.1"
PAGE = "the console of the sensor"
OPEN_JAVA = """
public class Open {
  public static void main(String[] a) throws Exception {
    System.out.write(new java.net.URL(a[0]).openStream().readAllBytes());
    System.out.flush();
  }
}
"""
BROWSER = (
    "chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--user-data-dir=/root/profile --dump-dom"
)
CLIENTS = {
    "curl": ("curl", "curl -sS {url}"),
    "python": (
        "/usr/bin/python3",
        "/usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"{url}\").read())'",
    ),
    "java": ("javac", "java -XX:TieredStopAtLevel=1 /root/Open.java {url}"),
    "chromium": ("chromium", BROWSER + " {url}"),
}
HERE = {name: command for name, (tool, command) in CLIENTS.items() if shutil.which(tool)}


def opened(host: dict[str, Any], url: str) -> dict[str, bool]:
    """Which of the clients get the console's page."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tried = pool.map(lambda command: on(host, command.format(url=url)), HERE.values())
        results = {}
        for name, done in zip(HERE, tried, strict=True):
            results[name] = PAGE in done.stdout
            # Refused for the certificate, not for anything else.
            told = (done.stdout + done.stderr).upper()
            assert results[name] or "CERT" in told or "UNABLE TO FIND VALID" in told, (name, done)
    return results


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Starts workstations and stops them at the end."""
    with contextlib.ExitStack() as stack:

        def start(name: str, **options: Any) -> dict[str, Any]:
            return stack.enter_context(workstation(tmp_path / name, sys.executable, **options))

        yield start


def test_people_open_the_console_without_a_warning(
    ansible: Any, tmp_path: Path, host: Callable[..., dict[str, Any]]
) -> None:
    made = Fleet(tmp_path / "fleet", SENSORS, ansible_host=ADDRESS)
    desk = host("desk")
    hosts = {"desk": {**desk, "trust_store_nss_users": ["root"]}, "gone": {"ansible_host": ADDRESS, "ansible_port": 9}}
    if shutil.which("sudo"):
        hosts["jump"] = {**host("jump", user="ops"), "trust_store_stores": ["system"]}
    made.groups["trust_hosts"] = {"hosts": hosts}
    made.write()
    assert ansible.playbook("deploy_certs", made.inventory, "--tags", "local_ca,certificates").code == 0
    (tmp_path / "Open.java").write_text(OPEN_JAVA)
    on(desk, f"cp {tmp_path}/Open.java /root/; printf '{ADDRESS}\\t{SENSOR}\\n' >> /etc/hosts")

    with console(made.stage / SENSOR, tmp_path, ADDRESS) as port:
        url = f"https://{SENSOR}:{port}/"
        assert opened(desk, url) == dict.fromkeys(HERE, False)
        on(desk, f"printf '127.0.0.1\\tlocalhost\\n127.88.9.9 old.example {SENSOR.upper()} # note\\n' > /etc/hosts")

        outcome = ansible.playbook("deploy_certs", made.inventory)
        assert outcome.failed == {"gone"}, outcome.output
        assert outcome.code != 0
        assert f"Workstations: {len(hosts) - 1} of {len(hosts)} trust the CA" in outcome.output
        assert "FAILED workstation gone: cannot be reached" in outcome.output
        assert opened(desk, url) == dict.fromkeys(HERE, True)
        assert on(desk, "cat /etc/hosts").stdout == (
            f"127.0.0.1\tlocalhost\n127.88.9.9 old.example # note\n{ADDRESS}\t{SENSOR}\n"
        )
        if "jump" in hosts:
            assert PAGE in on(hosts["jump"], HERE["curl"].format(url=url)).stdout

        again = ansible.playbook("deploy_certs", made.inventory, "--limit", "desk,jump", "--tags", "trust")
        assert (again.code, again.changed) == (0, 0), again.output

        variables = {"trust_store_state": "absent", "hosts_entries_state": "absent"}
        gone = ansible.playbook(
            "deploy_certs", made.inventory, "--limit", "desk", "--tags", "trust", variables=variables
        )
        assert gone.code == 0, gone.output
        assert SENSOR not in on(desk, "cat /etc/hosts").stdout
        on(desk, f"printf '{ADDRESS}\\t{SENSOR}\\n' >> /etc/hosts")
        assert opened(desk, url) == dict.fromkeys(HERE, False)


# What Fedora's update-ca-trust does in the end; there is no package of it for Debian. p11-kit itself is the real one.
UPDATE_CA_TRUST = """#!/bin/sh -e
[ "$1" = extract ]
mkdir -p /etc/pki/ca-trust/extracted/pem /etc/pki/ca-trust/extracted/java
trust extract --format=pem-bundle --filter=ca-anchors --overwrite --comment --purpose server-auth \
  /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
"""


@pytest.mark.skipif(not shutil.which("trust"), reason="needs trust (apt: p11-kit)")
def test_anchors_of_p11_kit(ansible: Any, tmp_path: Path, host: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "update-ca-trust").write_text(UPDATE_CA_TRUST)
    (tmp_path / "update-ca-trust").chmod(0o755)
    (tmp_path / "module").write_text(
        "module: p11-kit-trust.so\npriority: 1\ntrust-policy: yes\nx-init-reserved: paths='/etc/pki/ca-trust/source'\n"
    )
    steps = [
        "mkdir -p /etc/pki/ca-trust/source/anchors /etc/pki/ca-trust/source/blocklist /etc/pkcs11/modules",
        f"cp {tmp_path}/module /etc/pkcs11/modules/p11-kit-trust.module",
        f"cp {tmp_path}/update-ca-trust /usr/local/sbin/",
    ]
    red = host("red", prepare=" && ".join(steps))
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"red": red}}}))
    root = make("OT Root").file(tmp_path, "root.crt")

    def trust(name: str, **options: Any) -> dict[str, Any]:
        given = {"certificates": [root], "stores": ["system"], **options}
        return {"name": name, "ot_pki.defender_iot.ca_trust": given, "register": f"saved_{name}", "ignore_errors": True}

    def shell(command: str) -> dict[str, Any]:
        return {"name": command, "ansible.builtin.raw": command}

    anchors = "/etc/pki/ca-trust/source/anchors"
    outcome = ansible.tasks(
        [
            {**trust("planned"), "check_mode": True},
            trust("first"),
            {**shell("trust list --filter=ca-anchors"), "register": "saved_listed"},
            trust("again"),
            shell(f"mv {anchors}/ot_pki_* {anchors}/renamed.pem"),
            trust("kept", state="absent"),
            trust("told", state="absent", fingerprints="{{ saved_kept.stores[0].left }}"),
            {**shell("trust list --filter=ca-anchors"), "register": "saved_unlisted"},
            # On the blocklist it is installed, but not trusted: only the store's own tool tells.
            shell(f"cp {root} /etc/pki/ca-trust/source/blocklist/"),
            trust("blocked"),
        ],
        inventory=inventory,
    )
    saved = {name[6:]: result for name, result in outcome.saved.items()}
    assert saved["planned"]["changed"]
    (store,) = saved["first"]["stores"]
    assert (saved["first"]["changed"], store["name"], store["trusted"]) == (True, "system (rhel)", True)
    assert store["verified_by"] == "trust extract"
    assert "OT Root" in saved["listed"]["stdout"]
    assert not saved["again"]["changed"]
    assert not saved["kept"]["changed"]
    assert saved["kept"]["stores"][0]["left"] == store["added"]
    assert saved["told"]["changed"]
    assert "OT Root" not in saved["unlisted"]["stdout"]
    assert saved["blocked"]["failed"]
    assert "does not trust what was installed, says trust extract" in saved["blocked"]["msg"]


def test_a_key_is_refused_before_the_host_is_reached(ansible: Any, tmp_path: Path) -> None:
    root = make("OT Root")
    (tmp_path / "both.pem").write_bytes(root.pem + root.key_pem)
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("all: {hosts: {nobody: {ansible_host: 127.0.0.1, ansible_port: 9}}}")
    result = ansible.module("ca_trust", {"certificates": [str(tmp_path / "both.pem")]}, inventory=inventory)
    assert result["failed"]
    assert "holds a private key, which must not leave this machine" in result["msg"]


def test_a_failure_on_every_workstation_hides_no_summary(ansible: Any, tmp_path: Path) -> None:
    made = Fleet(tmp_path / "fleet", SENSORS)
    leaf = make("sensor", ca=False).file(tmp_path, "leaf.crt")
    desks = [f"desk-{number}" for number in range(4)]
    made.groups["trust_hosts"] = {
        "hosts": {desk: {"ansible_connection": "local"} for desk in desks},
        "vars": {"trust_store_certificates": [leaf], "ansible_python_interpreter": sys.executable},
    }
    made.write()
    outcome = ansible.playbook("deploy_certs", made.inventory)
    assert outcome.code != 0
    assert outcome.failed == set(desks), outcome.output
    assert "1 sensors: 1 issued" in outcome.output.replace("1 sensor:", "1 sensors:")
    assert "Workstations: 0 of 4" in outcome.output
    assert outcome.output.count("is not a CA certificate: its basicConstraints say CA:FALSE") >= len(desks)
    assert made.staged() == [SENSOR]


def test_a_windows_host_without_the_collection_is_a_clear_message(ansible: Any, tmp_path: Path) -> None:
    root = make("OT Root").file(tmp_path, "root.crt")
    content = {"ansible_connection": "local", "ansible_shell_type": "powershell", "trust_store_certificates": [root]}
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"desk": content}}}))
    for role, collection in (("trust_store", "ansible.windows"), ("hosts_entries", "win_hosts")):
        task = {"name": "Role", "ansible.builtin.include_role": {"name": f"ot_pki.defender_iot.{role}"}}
        outcome = ansible.tasks([task], inventory=inventory)
        assert outcome.code != 0
        assert "desk is Windows, and the" in outcome.output
        assert collection in outcome.output
