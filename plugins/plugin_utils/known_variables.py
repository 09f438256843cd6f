# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that look like ours and are none: misspelt, or of another version."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._pki.values.lists import some
from .host_variables import ROLES

PREFIXES = (
    "sensor_certificates_",
    "local_ca_",
    "import_certificates_",
    "crl_access_",
    "crl_publication_",
    "trust_store_",
    "hosts_entries_",
    "live_check_",
    "fleet_report_",
    "ot_pki_",
    "validate_certs_",
    "revoke_cert_",
    "change_ca_",
    "retire_sensors_",
    "sensor_upload_",
)
_PLAYBOOKS = os.path.normpath(os.path.join(ROLES, "..", "playbooks"))
_NAME = re.compile(r"\b(?:" + "|".join(PREFIXES) + r")\w+")


def known_variables(defaults: Iterable[str]) -> set[str]:
    """Every variable that users may set.

    :param defaults: the variables in the roles' defaults; what their specifications and the playbooks name is added.
    """
    known = {str(name) for name in defaults}
    for folder, names in ((ROLES, ("argument_specs.yml",)), (_PLAYBOOKS, ())):
        for path, _folders, files in os.walk(folder):
            for file in files:
                if file.endswith(".yml") and (not names or file in names):
                    with open(os.path.join(path, file), encoding="utf-8") as stream:
                        known.update(_NAME.findall(stream.read()))
    return known


class Unknown:
    """Collects what the hosts have that nothing of this collection reads."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._hosts: dict[str, list[str]] = {}

    def look(self, host: str, variables: Mapping[str, Any]) -> None:
        """Look at a host's variables."""
        for name in variables:
            if name.startswith(PREFIXES) and name not in self._known:
                self._hosts.setdefault(str(name), []).append(host)

    def warnings(self) -> list[str]:
        """One sentence for each variable, with the nearest right name."""
        told = []
        for name, hosts in self._hosts.items():
            near = difflib.get_close_matches(name, sorted(self._known), 1, 0.75)
            hint = f"; did you mean {near[0]}?" if near else "; see the roles' README for the names that there are"
            told.append(f"{name}, set for {some(hosts)}, is no variable of this collection, so it has no effect{hint}")
        return told
