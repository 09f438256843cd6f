# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret is seen anywhere, however it was given and whatever is recorded: everything runs at -vvvv with markers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
import corporate_pki as pki  # noqa: E402
import marker_watch  # noqa: E402
from fleet import SUBJECT  # noqa: E402
from marker_watch import Seen  # noqa: E402

MARKER = "Zq7marker"
BIN = Path(sys.executable).parent
RECEIVED = "sensor-1.plant.example"
NAMED_CRL = "http://crl.plant.example:9/sensors.crl"
SECRETS: dict[str, Any] = {
    "local_ca_passphrase": f"{MARKER}-ca-passphrase",
    "sensor_certificates_key_passphrase": f"{MARKER}-key",
    "import_certificates_passphrases": [f"{MARKER}-none", f"{MARKER}-pfx"],
    "import_certificates_passphrase": f"{MARKER}-own",
    # A bare slash is no part of a URL's password, and people write it.
    "crl_access_proxy": f"http://ot:{MARKER}-pro/{MARKER}-xy@127.0.0.1:9",
    "validate_certs_key_passphrase": f"{MARKER}-key",
    "sensor_certificates_issuers": {
        "corporate": {
            "kind": "vault", "url": "http://127.0.0.1:9", "mount": "pki", "role": "ot", "token": f"{MARKER}-token",
        },
        "other": {"kind": "cfssl", "url": "http://127.0.0.1:9", "auth_key": f"{MARKER}-auth"},
        "plain": f"{MARKER}-text",
    },
    "output_secret": f"{MARKER}-output",
    "input_secret": f"{MARKER}-pfx",
}  # fmt: skip
CONVERT = [
    {
        "hosts": "sensor-2.plant.example",
        "gather_facts": False,
        "connection": "local",
        "tasks": [
            {
                "name": "Convert",
                "ot_pki.defender_iot.cert_convert": {
                    "src": ["{{ playbook_dir }}/received.pfx"],
                    "passphrase_variable": "input_secret",
                    "output_passphrase_variable": "output_secret",
                    "outputs": {"key": "{{ playbook_dir }}/out/made.key", "crt": "{{ playbook_dir }}/out/made.crt"},
                },
            },
        ],
    }
]


class Site:
    """An inventory whose secrets are given in one of the ways in which people give them."""

    def __init__(self, folder: Path, given: str) -> None:
        self.folder = folder / "site"
        self.given = given
        self.options: list[str] = []
        variables = self.folder / "group_vars" / "all"
        variables.mkdir(parents=True)
        (self.folder / "out").mkdir()
        (self.folder / "received.pfx").write_bytes(pki.pfx(folder, pki.sensor(RECEIVED), f"{MARKER}-pfx"))
        inbox = self.folder / "defender_iot_pki" / "inbox"
        inbox.mkdir(parents=True)
        (inbox / "one.pfx").write_bytes((self.folder / "received.pfx").read_bytes())
        (self.folder / "root.crt").write_bytes(pki.root().crt)
        self.holding: list[Path] = []
        if given == "extra file":
            path = self.folder / "secrets.json"
            path.write_text(json.dumps(SECRETS))
            self.options = ["-e", f"@{path}"]
            self.holding = [path]
        else:
            path = variables / "secrets.yml"
            path.write_text(yaml.safe_dump(SECRETS))
            self.holding = [path]
        if given == "vault":
            password = folder / "vault-password"
            password.write_text("open sesame\n")
            _command("ansible-vault", "encrypt", "--vault-password-file", str(password), str(path))
            self.options = ["--vault-password-file", str(password)]
            self.holding = []
        plain = {
            "local_ca_key_size": 2048,
            "local_ca_crl_url": NAMED_CRL,
            "crl_access_retries": 0,
            "crl_access_timeout": 2,
            "sensor_certificates_subject": SUBJECT,
            "import_certificates_trusted_roots": [str(self.folder / "root.crt")],
            "ansible_python_interpreter": sys.executable,
        }
        (variables / "plain.yml").write_text(yaml.safe_dump(plain))
        self.hosts = {"sensors": {"hosts": {"sensor-2.plant.example": {}, "sensor-3.plant.example": {}}}}
        self.write(self.hosts)

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yml"

    def write(self, hosts: dict[str, Any]) -> None:
        self.inventory.write_text(yaml.safe_dump(hosts))


def _command(*command: str) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Watched:
    """ansible-playbook as talkative as it can be, with everything that it writes in folders of its own."""

    def __init__(self, ansible: Any, site: Site, folder: Path, callback: str) -> None:
        self.site = site
        self.ansible = ansible
        self.folders = {name: folder / name for name in ("tmp", "local", "cache", "artifacts", "logs")}
        for path in self.folders.values():
            path.mkdir()
        self.callback = callback
        self.environment = ansible.environment(
            ANSIBLE_DISPLAY_ARGS_TO_STDOUT="1",
            ANSIBLE_STDOUT_CALLBACK=callback,
            ANSIBLE_LOG_PATH=str(self.folders["logs"] / "ansible.log"),
            ANSIBLE_CACHE_PLUGIN="jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.folders["cache"]),
            ANSIBLE_LOCAL_TEMP=str(self.folders["local"]),
            ANSIBLE_REMOTE_TEMP=str(self.folders["local"]),
            ANSIBLE_CALLBACK_RESULT_FORMAT="yaml",
            ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.tree,ansible.builtin.junit",
            ANSIBLE_CALLBACK_TREE_DIR=str(self.folders["cache"] / "tree"),
            JUNIT_OUTPUT_DIR=str(self.folders["cache"] / "junit"),
            TMPDIR=str(self.folders["tmp"]),
        )

    def _watch(self, command: list[str]) -> Seen:
        return marker_watch.run(
            command,
            MARKER.encode(),
            cwd=self.site.folder,
            env=self.environment,
            passing=[self.folders["tmp"], self.folders["local"]],
            lasting=[self.site.folder, *self.folders.values()],
            without=self.site.holding,
        )

    def playbook(self, name: str, *options: str) -> Seen:
        return self._watch(self.ansible.command(name, self.site.inventory, "-vvvv", *self.site.options, *options))

    def runner(self, name: str, *options: str) -> Seen:
        """By ansible-runner, whose artifacts keep each event with its task's options."""
        asked = {
            "playbook": name if "/" in name else f"ot_pki.defender_iot.{name}",
            "inventory": str(self.site.inventory),
            "verbosity": 4,
        }
        asked.update(
            private_data_dir=str(self.folders["artifacts"]), cmdline=" ".join([*self.site.options, *options]),
            project_dir=str(self.site.folder),
        )  # fmt: skip
        code = f"import ansible_runner, sys; sys.exit(ansible_runner.run(**{asked!r}).rc)"
        return self._watch([sys.executable, "-c", code])


def _nothing(seen: Seen, what: str, *codes: int) -> None:
    assert seen.places == {}, f"{what}: {json.dumps(seen.places, indent=1)}"
    assert seen.processes > 0
    if codes:
        assert seen.code in codes, seen.output[-4000:]


@pytest.mark.parametrize(
    ("given", "callback"), [("vault", "default"), ("extra file", "json"), ("group_vars", "default")]
)
def test_no_secret_is_seen(ansible: Any, tmp_path: Path, given: str, callback: str) -> None:
    site = Site(tmp_path, given)
    if callback == "json":
        callback = "ansible.builtin.minimal" if not _has_json_callback() else "ansible.posix.json"
    watched = Watched(ansible, site, tmp_path, callback)
    play = watched.runner if given == "group_vars" else watched.playbook
    no_issuers = ("-e", "sensor_certificates_issuers=")
    _nothing(play("deploy_certs", *no_issuers), "first run", 0)
    _nothing(play("deploy_certs", *no_issuers, "-e", "sensor_certificates_validity_days=400", "--diff"), "renewal", 0)
    _nothing(play("revoke_cert", "-e", "revoke_cert_sensor=sensor-3.plant.example"), "revoke_cert", 0)
    _nothing(play("publish_crl"), "publish_crl", 0)
    _nothing(play("check_live", "-e", "live_check_host=127.0.0.1", "-e", "live_check_port=9"), "check_live")
    _nothing(
        play("validate_certs", "-e", f"validate_certs_folder={site.folder}/defender_iot_pki/staged"),
        "validate_certs",
        0,
    )
    # Issuers that ask others, and one that is no description; whatever the run makes of them.
    _nothing(play("deploy_certs", "-e", "sensor_certificates_issuer=corporate"), "issuers")
    (site.folder / "convert.yml").write_text(yaml.safe_dump(CONVERT))
    _nothing(play(str(site.folder / "convert.yml")), "cert_convert", 0)
    assert (site.folder / "out" / "made.key").read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    site.write({"sensors": {"hosts": {RECEIVED: {}}}})
    _nothing(play("import_certs", *no_issuers), "import_certs", 0)
    assert os.listdir(watched.folders["logs"])


def _has_json_callback() -> bool:
    done = subprocess.run(
        [str(BIN / "ansible-doc"), "-t", "callback", "ansible.posix.json"], capture_output=True, text=True, check=False
    )
    return done.returncode == 0 and "ansible.posix" in done.stdout


WRONG: list[tuple[str, dict[str, Any]]] = [
    (
        "cert_stage",
        {
            "sensors": [{"name": "a", "key_passphrase": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    ("cert_stage", {"sensors": MARKER, "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    ("cert_stage", {"sensors": [MARKER], "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    ("cert_stage", {"sensors": [], "stage_dir": "{{ folder }}/staged", "pasphrase": MARKER}),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "key_pasphrase": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "subject": MARKER}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "subject": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "sans": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "sans": [{"pass": MARKER}]}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [{"name": "a", "issuer": "self_signed", "environment": "test", "common_name": {"pass": MARKER}}],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [
                {"name": "a", "issuer": "self_signed", "environment": "test", "key_passphrase": {"pass": MARKER}}
            ],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
        },
    ),
    ("cert_issue", {"sensors": [MARKER], "stage_dir": "{{ folder }}/staged", "ledger_dir": "{{ folder }}/ledger"}),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "ca_pasphrase": MARKER,
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "issuers": {"x": MARKER},
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "issuers": {"x": {"kind": {"token": MARKER}}},
        },
    ),
    (
        "cert_issue",
        {
            "sensors": [],
            "stage_dir": "{{ folder }}/staged",
            "ledger_dir": "{{ folder }}/ledger",
            "received": {"pasphrases": [MARKER]},
        },
    ),
    ("local_ca", {"dir": "{{ folder }}/ca", "pasphrase": MARKER}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "subject": MARKER}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "subject": {"pass": MARKER}}),
    ("local_ca", {"dir": "{{ folder }}/ca", "passphrase": "long enough for this", "permitted_names": MARKER}),
    ("cert_convert", {"src": ["{{ pem }}"], "outputs": {"key": "{{ folder }}/x.key"}}),
    ("cert_convert", {"src": "{{ pem }}", "outputs": {"key": "{{ folder }}/x.key"}}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": {"key": "{{ folder }}/x.key"}, "pasphrase": MARKER}),
    ("cert_convert", {"conversions": [{"src": ["/nowhere"], "outputs": {"key": "x"}, "pass": MARKER}]}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": {"key": {"passphrase": MARKER}}}),
    ("cert_convert", {"src": ["/nowhere"], "outputs": MARKER}),
    ("cert_validate", {"certificate": "/nowhere", "key_passphrase": MARKER}),
    ("cert_validate", {"certificates": [{"certificate": "/nowhere", "key_passphrase": MARKER}]}),
    ("cert_validate", {"certificates": [MARKER]}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "passphrase": MARKER}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "revocations": [{"passphrase": MARKER}]}),
    ("cert_revoke", {"ca_dir": "{{ folder }}/ca", "revocations": MARKER}),
    ("crl_publish", {"ca_dir": "{{ folder }}/ca", "publish_dir": "{{ folder }}/crl", "pasphrase": MARKER}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:{MARKER}/{MARKER}@127.0.0.1:9"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:{MARKER}"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy": f"http://ot:/{MARKER}/@[::1"}),
    ("crl_reachable", {"urls": ["http://127.0.0.1:9/a.crl"], "proxy_password": MARKER}),
    ("live_check", {"targets": [MARKER]}),
    ("live_check", {"targets": [{"host": "127.0.0.1", "port": 9, "passphrase": MARKER}], "timeout": 1}),
    ("live_check", {"targets": [{"host": {"passphrase": MARKER}}], "timeout": 1}),
    ("hosts_entry", {"ip": "192.0.2.1", "names": ["a"], "path": "{{ folder }}/hosts", "pass": MARKER}),
    ("ca_trust", {"certificates": [], "stores": [], "store_password": MARKER}),
    ("fleet_summary", {"issued": MARKER}),
    ("fleet_inputs", {"pass": MARKER}),
    ("workstation_folder", {"dir": "{{ folder }}/w", "pass": MARKER}),
]


# Lines that stand between a task's options and the next task, of which Ansible prints the beginning with what is above.
AFTERWARDS: dict[str, Any] = {"ignore_errors": True, "check_mode": False, "diff": False, "throttle": 0}


def test_what_is_misspelt_or_of_another_kind_is_told_without_its_value(ansible: Any, tmp_path: Path) -> None:
    # A key whose text can be told from any other: the first line of its Base64.
    pem = pki.sensor("sensor-1.plant.example").private().decode()
    values = {"pem": pem, "folder": str(tmp_path / "work"), "ansible_python_interpreter": sys.executable}
    marker = pem.splitlines()[3]
    (tmp_path / "work").mkdir()

    def hidden(value: Any) -> Any:
        """The marker by way of a variable, so that what Ansible prints of the playbook itself does not hold it."""
        if isinstance(value, dict):
            return {key: hidden(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [hidden(inner) for inner in value]
        return value.replace(MARKER, "{{ secret }}") if isinstance(value, str) else value

    tasks = [
        {"name": f"Case {number}", f"ot_pki.defender_iot.{module}": hidden(options), **AFTERWARDS}
        for number, (module, options) in enumerate(WRONG)
    ]
    outcome = ansible.tasks(tasks, "-vvvv", variables={**values, "secret": MARKER})
    told = outcome.output.split("TASK [Case ")[1:]
    assert len(told) == len(WRONG), outcome.output[-3000:]
    for (module, options), text in zip(WRONG, told, strict=True):
        assert re.search("wanted:|Unsupported|unable to convert|is not usable|0 of 1|dictionary requested", text), (
            module,
            options,
            text,
        )
        assert MARKER not in text, (module, options, text)
        assert marker not in text, (module, options, text)
        assert "Traceback" not in text, (module, options, text)


def test_the_same_where_the_playbook_itself_holds_the_value(ansible: Any, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    tasks = [
        {"name": f"Case {number}", f"ot_pki.defender_iot.{module}": options, **AFTERWARDS}
        for number, (module, options) in enumerate(WRONG)
        if "pem" not in str(options)
    ]
    values = {"folder": str(tmp_path / "work"), "ansible_python_interpreter": sys.executable}
    outcome = ansible.tasks(tasks, variables=values)
    for text in outcome.output.split("TASK [Case ")[1:]:
        assert MARKER not in text, text
