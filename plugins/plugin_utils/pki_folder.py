# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one folder that holds what the collection keeps, and why it must outlive the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleLookupError

VARIABLE = "ot_pki_dir"
NAME = "defender_iot_pki"
STAGED, LOCAL_CA, LEDGER, CRLS = "staged", "local_ca", "local_ca_ledger", "crl"
INBOX, OUTBOX, REPORT, HANDOVER, WORKSTATIONS = "inbox", "outbox", "report", "handover", "workstations"

_JOB_FOLDER = "AWX_PRIVATE_DATA_DIR"
# Where ansible-runner has its private folder in a container, and what it and AWX set there for Ansible.
_RUNNER = "/runner"
_RUNNER_SIGNS = ("AWX_ISOLATED_DATA_DIR", "AWX_HOST", "JOB_ID", "RUNNER_OMIT_EVENTS", "RUNNER_ONLY_FAILED_EVENTS")


class Refused(AnsibleLookupError):  # type: ignore[misc]
    """There is no folder that would outlive the run."""


def beside(inventory_dir: str, sources: Iterable[str]) -> str:
    """The default: a folder beside the inventory.

    :param inventory_dir: the folder of the inventory file.
    :param sources: what was given as inventory. A source that is a folder is read whole, so the place is beside it.
    """
    absolute = [os.path.abspath(source) for source in sources]
    above = [source for source in absolute if os.path.isdir(source) and _within(inventory_dir, source)]
    base = os.path.dirname(min(above, key=len)) if above else inventory_dir
    return os.path.join(base, NAME)


def short_lived(path: str, environment: Mapping[str, str]) -> str | None:
    """Why nothing may be kept in a folder, or ``None``.

    :param environment: of the process that runs Ansible.
    """
    folder = environment.get(_JOB_FOLDER)
    if folder and _within(path, folder):
        return f"below {folder} ({_JOB_FOLDER})"
    if any(environment.get(sign) for sign in (_JOB_FOLDER, *_RUNNER_SIGNS)) and _within(path, _RUNNER):
        return f"below {_RUNNER}"
    return None


def refusal(path: str, why: str) -> str:
    """The sentence for people."""
    return (
        f"{VARIABLE} is not set, and {path}, beside the inventory, lies {why}, which is deleted after the job, and the "
        f"CA, keys and certificates with it; wanted: {VARIABLE} with the path of a folder that outlives the job, the "
        "same for every job"
    )


def _within(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath([path, folder]) == folder
