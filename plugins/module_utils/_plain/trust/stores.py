# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which stores a run is about: those that are named, or those that the machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ..errors import InputError, PkiError
from . import java, nss
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
    named = list(selection.nss_databases)
    made = {nss.of_user(name): name for name in selection.nss_users}
    found = [] if named else [path for path in nss.discover() if path not in made]
    optional = selection.kinds is None
    return [
        *((nss.NssStore(path, runner), False) for path in named),
        *((nss.NssStore(path, runner, name), False) for path, name in made.items()),
        *((nss.NssStore(path, runner), optional) for path in found),
    ]
