# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that look like ours and are none: misspelt, or of another version."""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
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
# Ansible's own, and what roles and playbooks keep for themselves.
_NOT_SET_BY_USERS = ("ansible_", "_")
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


class _Nearest:
    """Finds what somebody meant who wrote a name that does not exist."""

    def __init__(self, known: set[str]) -> None:
        self._known = sorted(known)
        # The longest first: one prefix may begin another.
        self._prefixes = sorted(PREFIXES, key=len, reverse=True)
        self._rests = {
            prefix: [name[len(prefix) :] for name in self._known if name.startswith(prefix)] for prefix in PREFIXES
        }

    def look(self, name: str) -> tuple[bool, str]:
        """Whether a name is meant to be one of ours, and which one; empty: that cannot be told.

        A foreign name is ours only if there is one that it resembles: C(sensor_location) is somebody else's.
        """
        for prefix in self._prefixes:
            if name.startswith(prefix):
                rest = name[len(prefix) :]
                return True, self._among(prefix, rest) or self._elsewhere(rest)
        for prefix in self._prefixes:
            rest = _behind(prefix, name)
            meant = self._among(prefix, rest) if rest else ""
            if meant:
                return True, meant
        close = difflib.get_close_matches(name, self._known, 1, 0.9)
        return bool(close), close[0] if close else ""

    def _among(self, prefix: str, rest: str) -> str:
        """The variable of one role that is meant by what stands behind its prefix; empty: none."""
        own = self._rests[prefix]
        words = _words(rest)
        found = [one for one in own if _words(one) == words] or difflib.get_close_matches(rest, own, 1, 0.8)
        if not found:
            partly = [one for one in own if not words - _words(one) or not _words(one) - words]
            found = sorted(partly, key=lambda one: abs(len(one) - len(rest)))
        if not found:
            initials = [one for one in own if len(rest) > 1 and "".join(word[0] for word in one.split("_")) == rest]
            found = initials or difflib.get_close_matches(rest, own, 1, 0.6)
        return prefix + found[0] if found else ""

    def _elsewhere(self, rest: str) -> str:
        """The variable of another role that ends just so; one word alone says nothing."""
        found = [name for name in self._known if name.endswith(f"_{rest}") and name.startswith(PREFIXES)]
        return min(found, key=len) if found and "_" in rest else ""


def _behind(prefix: str, name: str) -> str:
    """What follows in a name whose first words are nearly those of a prefix; empty if they are not."""
    wanted = prefix.rstrip("_").split("_")
    words = name.split("_")
    if len(words) <= len(wanted) or not all(map(_alike, words, wanted)):
        return ""
    return "_".join(words[len(wanted) :])


def _words(text: str) -> Counter[str]:
    return Counter(_singular(word) for word in text.split("_"))


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _alike(word: str, wanted: str) -> bool:
    """The same word but for its number, a slip of the fingers, or an abbreviation."""
    if _singular(word) == _singular(wanted) or sorted(word) == sorted(wanted):
        return True
    if len(word) > 3 and wanted.startswith(_singular(word)):
        return True
    return difflib.SequenceMatcher(None, word, wanted).ratio() >= 0.85


class Unknown:
    """Collects what the hosts have that nothing of this collection reads."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._nearest = _Nearest(known)
        self._seen: dict[str, tuple[bool, str]] = {}
        self._hosts: dict[str, list[str]] = {}

    def look(self, host: str, variables: Mapping[str, Any]) -> None:
        """Look at a host's variables."""
        for name in variables:
            if name in self._known or name.startswith(_NOT_SET_BY_USERS):
                continue
            if name not in self._seen:
                self._seen[name] = self._nearest.look(name)
            if self._seen[name][0]:
                self._hosts.setdefault(name, []).append(host)

    def warnings(self) -> list[str]:
        """One sentence for each variable, with the nearest right name."""
        told = []
        for name, hosts in self._hosts.items():
            near = self._seen[name][1]
            hint = f"; did you mean {near}?" if near else "; docs/variables.md lists the names that there are"
            told.append(f"{name}, set for {some(hosts)}, is no variable of this collection, so it has no effect{hint}")
        return told
