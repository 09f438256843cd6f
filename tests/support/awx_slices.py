# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slices of a sliced job, as AWX 24 makes them: every n-th host of the whole inventory, by name, in a job of its own."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any


def hosts_of(inventory: dict[str, Any]) -> list[str]:
    """Every host of an inventory of groups, in AWX's order."""
    return sorted({host for group in inventory.values() for host in group.get("hosts", {})})


def slice_inventory(inventory: dict[str, Any], number: int, count: int) -> dict[str, Any]:
    """The inventory of one slice: its hosts alone; all groups, with their variables."""
    kept = set(hosts_of(inventory)[number - 1 :: count])
    part = copy.deepcopy(inventory)
    for group in part.values():
        group["hosts"] = {host: values for host, values in group.get("hosts", {}).items() if host in kept}
    return part


def write_slice(folder: Path, inventory: dict[str, Any], number: int, count: int) -> Path:
    """Write a slice's inventory where AWX would have it: in a folder of the job's own."""
    path = folder / f"job-{number}" / "inventory" / "hosts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(slice_inventory(inventory, number, count)))
    return path


def job_variables(number: int, count: int, told: bool = True) -> dict[str, Any]:
    """The extra variables of a slice's job.

    :param told: the job says which slice it is, as newer controllers do; AWX 24 tells it by the workflow's name alone.
    """
    found: dict[str, Any] = {}
    for prefix in ("awx", "tower"):
        found[f"{prefix}_job_id"] = 100 + number
        found[f"{prefix}_job_launch_type"] = "workflow"
        found[f"{prefix}_job_template_name"] = found[f"{prefix}_workflow_job_name"] = "Certificates"
        if told:
            found[f"{prefix}_job_slice_number"] = number
            found[f"{prefix}_job_slice_count"] = count
    return found
