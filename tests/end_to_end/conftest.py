# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook as a user would, against the installed collection."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

BIN = Path(sys.executable).parent


@dataclass
class Outcome:
    """What a run of ansible-playbook printed and returned."""

    code: int
    output: str
    recap: dict[str, dict[str, int]] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """The changed tasks of all hosts."""
        return sum(counts["changed"] for counts in self.recap.values())

    @property
    def failed(self) -> set[str]:
        """The hosts that failed."""
        return {host for host, counts in self.recap.items() if counts["failed"]}


class Ansible:
    """The ansible-playbook of this Python environment, with settings of its own."""

    def __init__(self, collections: Path, folder: Path, programs: Path = BIN) -> None:
        self.collections = collections
        self.folder = folder
        self.programs = programs

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a run: nothing of the caller's Ansible settings."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        return {
            **kept,
            "PATH": f"{self.programs}:{kept.get('PATH', '')}",
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_HOME": str(self.folder / "ansible_home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            # What the next versions of ansible-core take away is not used; each run looks.
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "LC_ALL": "C.UTF-8",
            **more,
        }

    def command(self, playbook: str, inventory: str | Path, *options: str) -> list[str]:
        """The command line; a playbook without a slash is one of the collection's."""
        name = playbook if "/" in playbook else f"ot_pki.defender_iot.{playbook}"
        return [str(self.programs / "ansible-playbook"), name, "-i", str(inventory), *options]

    def playbook(
        self,
        playbook: str,
        inventory: str | Path,
        *options: str,
        variables: dict[str, Any] | None = None,
        timeout: float = 300,
        **environment: str,
    ) -> Outcome:
        """Run a playbook; variables go through a file, as secrets should."""
        extra: list[str] = []
        if variables:
            path = self.folder / "variables.json"
            path.write_text(json.dumps(variables))
            extra = ["-e", f"@{path}"]
        done = subprocess.run(
            self.command(playbook, inventory, *options, *extra),
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment(**environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return self.outcome(done.stdout, done.returncode, done.stderr)

    @staticmethod
    def outcome(output: str, code: int, errors: str = "") -> Outcome:
        """What a run printed and returned."""
        return Outcome(code, output + errors, _recap(output))

    def tasks(
        self, tasks: list[dict[str, Any]], *options: str, inventory: str | Path = "localhost,", **arguments: Any
    ) -> Outcome:
        """Run tasks on the inventory's hosts; registered variables named ``saved_*`` come back in ``saved``."""
        registered = [task["register"] for task in tasks if str(task.get("register", "")).startswith("saved_")]
        target = self.folder / "saved"
        target.mkdir(exist_ok=True)
        for old in target.iterdir():
            old.unlink()
        saving = [
            {
                "name": f"Save {name}",
                "ansible.builtin.copy": {
                    "content": "{{ " + name + " | to_json }}",
                    "dest": str(target / f"{name}.json"),
                    "mode": "0600",
                },
                "delegate_to": "localhost",
                "check_mode": False,
                "changed_when": False,
                "diff": False,
                "run_once": True,
            }
            for name in registered
        ]
        local = {"connection": "local"} if str(inventory) == "localhost," else {}
        play = {"hosts": "all", "gather_facts": False, **local, "tasks": [*tasks, *saving]}
        path = self.folder / "tasks.yml"
        path.write_text(yaml.safe_dump([play], sort_keys=False))
        variables = {"ansible_python_interpreter": sys.executable, **arguments.pop("variables", {})}
        variables = {name: value for name, value in variables.items() if value is not None}
        outcome = self.playbook(str(path), inventory, *options, variables=variables, **arguments)
        outcome.saved = {file.stem: json.loads(file.read_text()) for file in target.iterdir()}
        return outcome

    def module(self, name: str, options: dict[str, Any], *flags: str, **arguments: Any) -> dict[str, Any]:
        """Run one module of the collection and return its result, failed or not."""
        task = {
            "name": name,
            f"ot_pki.defender_iot.{name}": options,
            "register": "saved_result",
            "ignore_errors": True,
        }
        outcome = self.tasks([task], *flags, **arguments)
        assert "saved_result" in outcome.saved, outcome.output
        return dict(outcome.saved["saved_result"])


def _recap(output: str) -> dict[str, dict[str, int]]:
    recap = {}
    _before, _mark, lines = output.partition("PLAY RECAP")
    for line in lines.splitlines():
        match = re.match(r"(\S+)\s+: (ok=.*)", line)
        if match:
            recap[match[1]] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])}
    return recap


@pytest.fixture
def ansible(collection: Path, tmp_path: Path) -> Ansible:
    """An Ansible whose home and scratch files are the test's own."""
    folder = tmp_path / "ansible"
    folder.mkdir()
    return Ansible(collection.parents[2], folder)


def write_inventory(folder: Path, content: dict[str, Any]) -> Path:
    """An inventory file in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
