# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which stores a run is about: those that are named, or those that the machine has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Sequence

from ..errors import InputError, PkiError
from . import java, nss
from .accounts import by_name
from .bundle import BundleStore
from .engine import apply
from .model import Report, Request, Store
from .system import SystemStore, detect, no_store
from .tools import Runner

SYSTEM, JAVA, NSS, BUNDLE = "system", "java", "nss", "bundle"
KINDS = (SYSTEM, JAVA, NSS, BUNDLE)


@dataclass(frozen=True)
class Selection:
    """What was asked for.

    :ivar kinds: kinds of stores, or ``None`` for whatever the machine has.
    :ivar java_keystores: keystores or folders of a Java, in place of those that are found.
    :ivar nss_databases: folders of databases, in place of those that are found.
    :ivar nss_users: users whose Chromium database is made if there is none.
    :ivar bundles: bundle files, made if there are none.
    :ivar timeout: seconds for one call of a store's tool.
    """

    kinds: tuple[str, ...] | None = None
    java_keystores: tuple[str, ...] = ()
    java_password: str = "changeit"  # noqa: S105 - Java's own default
    nss_databases: tuple[str, ...] = ()
    nss_users: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    timeout: float = 120.0

    def wants(self, kind: str, named: Sequence[str]) -> bool:
        """Whether stores of this kind are to be done."""
        return bool(named) or self.kinds is None or kind in self.kinds


def run(selection: Selection, request: Request) -> list[Report]:
    """Do all stores, the system's first: on Debian and RHEL it feeds Java's.

    :raises PkiError: there is no store, or what was named does not exist; nothing was done.
    """
    runner = Runner(selection.timeout)
    stores = _stores(selection, runner)
    reports = []
    for store, optional in stores:
        report = apply(store, request)
        report.optional = optional
        reports.append(report)
    return reports


def _stores(selection: Selection, runner: Runner) -> list[tuple[Store, bool]]:
    """The stores, and of each whether an error in it is only a warning because nobody asked for it."""
    if selection.kinds and BUNDLE in selection.kinds and not selection.bundles:
        raise InputError("stores has 'bundle', but bundles names no file")
    stores: list[tuple[Store, bool]] = []
    missing: PkiError | None = None
    if selection.wants(SYSTEM, ()):
        mechanism = detect()
        if mechanism is not None:
            stores.append((SystemStore(mechanism, runner), False))
        else:
            missing = no_store()
            if selection.kinds is not None:
                raise missing
    unasked = selection.kinds is None
    if selection.wants(JAVA, selection.java_keystores):
        paths = [java.named(path) for path in selection.java_keystores] or java.discover()
        optional = unasked and not selection.java_keystores
        stores += [(java.JavaStore(path, selection.java_password, runner), optional) for path in dict.fromkeys(paths)]
    if selection.wants(NSS, (*selection.nss_databases, *selection.nss_users)):
        stores += _nss(selection, runner)
    stores += [(BundleStore(path, runner), False) for path in selection.bundles]
    if not stores:
        raise missing or InputError(
            f"this host has none of the stores asked for ({', '.join(selection.kinds or KINDS)})"
        )
    return stores


def _nss(selection: Selection, runner: Runner) -> list[tuple[Store, bool]]:
    stores: list[tuple[Store, bool]] = [(nss.NssStore(path, runner), False) for path in selection.nss_databases]
    made = {}
    for name in selection.nss_users:
        account = by_name(name)
        made[os.path.join(account.home, nss.CHROMIUM)] = account
    stores += [(nss.NssStore(path, runner, account, create=True), False) for path, account in made.items()]
    if selection.nss_databases:
        return stores
    # What people have in their homes may take no more time than one call of a tool, for each of them.
    runners: dict[str, Runner] = {}
    for path, owner in nss.discover():
        if path not in made:
            limited = Runner(selection.timeout, selection.timeout)
            used = runners.setdefault(owner.name, limited) if owner else runner
            stores.append((nss.NssStore(path, used, owner), selection.kinds is None))
    return stores
