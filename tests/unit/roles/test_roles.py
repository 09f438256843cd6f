# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles: their defaults, specifications and READMEs say the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).resolve().parents[3] / "roles").iterdir() if path.is_dir())


def load(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) or {} if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_and_specification_agree(role: Path) -> None:
    defaults = load(role / "defaults" / "main.yml")
    specs = load(role / "meta" / "argument_specs.yml")["argument_specs"]
    options: dict[str, Any] = {}
    for spec in specs.values():
        options.update(spec.get("options", {}))
    optional = {name for name, option in options.items() if not option.get("required") and "default" in option}
    assert set(defaults) == optional
    for name in optional:
        assert options[name]["default"] == defaults[name], name
    for name in options:
        assert name.startswith(f"{role.name}_"), name


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_has_metadata_and_a_readme(role: Path) -> None:
    assert load(role / "meta" / "main.yml")["galaxy_info"]["license"] == "GPL-3.0-or-later"
    assert (role / "README.md").exists()


def test_readmes_are_current(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(checkout / "tools" / "generate_role_readmes.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run 'make docs': {done.stdout}"
