# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret is seen anywhere, however it was given and whatever is recorded: everything runs at -vvvv with markers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]
import cores  # noqa: E402
import corporate_pki as pki  # noqa: E402
import marker_watch  # noqa: E402
from fleet import SUBJECT  # noqa: E402
from marker_watch import Seen  # noqa: E402

MARKER = "Zq7marker"
CALLBACKS = Path(__file__).parents[1] / "support" / "callbacks"
BIN = Path(sys.executable).parent
RECEIVED = "sensor-1.plant.example"
NAMED_CRL = "http://crl.plant.example:9/sensors.crl"
SECRETS: dict[str, Any] = {
    "local_ca_passphrase": f"{MARKER}-ca-passphrase",
    "sensor_certificates_key_passphrase": f"{MARKER}-key",
    "import_certificates_passphrases": [f"{MARKER}-none", f"{MARKER}-pfx"],
    "import_certificates_passphrase": f"{MARKER}-own",
    # A bare slash is no part of a URL's password, and people write it.
    "crl_access_proxy": f"http://reader:{MARKER}-pro/{MARKER}-xy@127.0.0.1:9",
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
            path.mkdir(parents=True)
        self.callback = callback
        self.environment = ansible.environment(
            ANSIBLE_DISPLAY_ARGS_TO_STDOUT="1",
            ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default"
            if callback == "runner"
            else f"ansible.builtin.{callback}",
            ANSIBLE_LOG_PATH=str(self.folders["logs"] / "ansible.log"),
            ANSIBLE_CACHE_PLUGIN="jsonfile",
            ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.folders["cache"]),
            ANSIBLE_LOCAL_TEMP=str(self.folders["local"]),
            ANSIBLE_REMOTE_TEMP=str(self.folders["local"]),
            ANSIBLE_CALLBACK_RESULT_FORMAT="json" if callback == "runner" else "yaml",
            ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.tree,ansible.builtin.junit,records_everything",
            ANSIBLE_CALLBACK_PLUGINS=str(CALLBACKS),
            RECORDS_EVERYTHING=str(self.folders["logs"] / "everything.jsonl"),
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

    def play(self, name: str, *options: str) -> Seen:
        """Run a playbook in the way of this round."""
        return (self.runner if self.callback == "runner" else self.playbook)(name, *options)

    def recorded_something(self) -> None:
        """The callbacks did what they are here for."""
        assert (self.folders["logs"] / "ansible.log").stat().st_size
        assert '"options"' in (self.folders["logs"] / "everything.jsonl").read_text()
        assert list((self.folders["cache"] / "junit").iterdir())

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
        return self._watch([str(self.ansible.programs / "python"), "-c", code])


def _nothing(seen: Seen, what: str, *codes: int) -> None:
    assert seen.places == {}, f"{what}: {json.dumps(seen.places, indent=1)}"
    assert seen.processes > 0
    if codes:
        assert seen.code in codes, seen.output[-4000:]


# Each way in which secrets are given, with another callback and, where there are several, another ansible-core.
ROUNDS = [("vault", "default"), ("extra file", "minimal"), ("group_vars", "runner")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a round works."""
    return tmp_path


@pytest.mark.parametrize(("number", "given", "callback"), [(number, *each) for number, each in enumerate(ROUNDS)])
def test_no_secret_is_seen(ansible: Any, folder: Path, number: int, given: str, callback: str) -> None:
    ansible.programs = cores.for_round(number)
    site = Site(folder, given)
    watched = Watched(ansible, site, folder, callback)
    play = watched.play
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
    watched.recorded_something()


# What the library does when it is broken: it fails with a text that holds a secret.
BROKEN = {
    "issuers/local_ca/opened.py": (
        "def open_authority(", "    raise ValueError(passphrase)\n", "error inside the collection",
    ),
    "planning/plan.py": ("def make_plan(", "    raise KeyError(request.key_passphrase)\n", "error inside the collection"),
}  # fmt: skip


def test_no_secret_is_seen_when_runs_fail(ansible: Any, folder: Path) -> None:
    ansible.programs = cores.for_round(1)
    site = Site(folder, "vault")
    watched = Watched(ansible, site, folder, "default")
    no_issuers = ("-e", "sensor_certificates_issuers=")
    _nothing(watched.play("deploy_certs", *no_issuers), "first run", 0)
    for what, variables in {
        "wrong passphrase": {"local_ca_passphrase": f"{MARKER}-wrong-passphrase"},
        "misspelt variables": {"local_ca_pasphrase": f"{MARKER}-1", "sensor_certificates_key_pasphrase": f"{MARKER}-2"},
        "other kinds": {
            "sensor_certificates_key_passphrase": {"secret": f"{MARKER}-3"},
            "local_ca_passphrase": [MARKER],
        },
        "misspelt setting": {"sensor_certificates_issuers": {"x": {"kind": "vault", "tokn": f"{MARKER}-4"}}},
    }.items():
        path = folder / "wrong.json"
        path.write_text(json.dumps(variables))
        site.holding = [path]
        _nothing(watched.play("deploy_certs", *no_issuers[: 2 * ("setting" not in what)], "-e", f"@{path}"), what)
    for part, (function, line, told) in BROKEN.items():
        ansible.collections = _broken(ansible.collections, folder / Path(part).stem, part, function, line)
        watched = Watched(ansible, site, folder / Path(part).stem, "default")
        seen = watched.play("deploy_certs", *no_issuers, "-e", "sensor_certificates_reissue=true")
        _nothing(seen, part, 2)
        assert told in seen.output, seen.output[-3000:]


def _broken(collections: Path, folder: Path, part: str, function: str, line: str) -> Path:
    """A copy of the collection in which a function begins with a line of its own."""
    shutil.copytree(collections, folder / "collections")
    path = folder / "collections/ansible_collections/ot_pki/defender_iot/plugins/module_utils/_pki" / part
    before, mark, after = path.read_text().partition(function)
    assert mark, f"{part} has no {function}"
    body = re.search(r'"""(?:.|\n)*?"""\n', after)
    assert body is not None
    path.write_text(before + mark + after[: body.end()] + line + after[body.end() :])
    return folder / "collections"
