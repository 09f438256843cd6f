# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings one trust store to what is asked; every kind of store goes through here."""

from __future__ import annotations

from typing import Sequence

from ..errors import PkiError
from .model import Held, Report, Request, Store


def apply(store: Store, request: Request) -> Report:
    """Add, remove, and ask the store's own tool afterwards.

    An error of one store is in its report, so that the others are done.
    """
    report = Report(store.type, store.name, store.path)
    try:
        _mend(store, request, report)
        if request.present:
            _present(store, request, report)
        else:
            _absent(store, request, report)
    except PkiError as error:
        report.error = str(error)
    return report


def _mend(store: Store, request: Request, report: Report) -> None:
    """Have a store that is not whole made anew: carried on, what is missing would stay missing."""
    found = store.damage()
    if not found:
        return
    if request.check_mode:
        report.repaired, report.changed = found, True
        return
    store.rebuild()
    report.damage = store.damage()
    if not report.damage:
        report.repaired, report.changed = found, True


def _present(store: Store, request: Request, report: Report) -> None:
    held = store.held()
    trusted = {entry.fingerprint for entry in held if entry.trusted}
    missing = [anchor for anchor in request.anchors if anchor.fingerprint not in trusted]
    former = [entry for entry in held if entry.ours and entry.fingerprint not in request.fingerprints]
    if not request.remove_former:
        former = []
    differs = bool(missing or former)
    report.changed = report.changed or differs
    report.added = [anchor.fingerprint for anchor in missing]
    report.removed = _unique(former)
    report.trusted = not missing
    if request.check_mode:
        return
    if differs:
        store.change(missing, former)
    # The store's own tool is asked even if nothing changed: what is in the file may still be distrusted.
    problems = {anchor.label: store.distrusts(anchor) for anchor in request.anchors}
    report.verified_by = store.verifier
    report.trusted = not any(problems.values())
    if not report.trusted:
        told = "; ".join(f"{label}: {problem}" for label, problem in problems.items() if problem)
        report.error = f"{store.name} ({store.path}) does not trust what was installed, says {store.verifier}: {told}"


def _absent(store: Store, request: Request, report: Report) -> None:
    held = _about(store, request)
    doomed = [entry for entry in held if entry.ours or entry.fingerprint in request.told]
    others = [entry for entry in held if entry not in doomed]
    report.changed = report.changed or bool(doomed)
    report.removed = _unique(doomed)
    report.left = _unique(others)
    report.trusted = any(entry.trusted for entry in held)
    if request.check_mode:
        return
    if doomed:
        store.change((), doomed)
        held = _about(store, request)
    if any(entry.fingerprint in report.removed or entry.fingerprint in request.told for entry in held):
        # Perhaps a former run was cut off between removing the file and telling the store.
        if not doomed and store.refresh():
            before, held = held, _about(store, request)
            report.changed = report.changed or len(held) < len(before)
        stays = [entry for entry in held if entry.fingerprint in request.told or entry.fingerprint in report.removed]
        if stays:
            report.error = (
                f"{store.name} ({store.path}) still holds {stays[0].fingerprint} as {stays[0].place}, "
                "which comes from elsewhere (the distribution's own list, perhaps) and cannot be removed here"
            )
    gone = [anchor for anchor in request.anchors if anchor.fingerprint not in report.left]
    believed = [anchor.label for anchor in gone if not store.distrusts(anchor)]
    if believed and not report.error:
        report.error = f"{store.name} ({store.path}) still trusts {believed[0]}, says {store.verifier}"
    report.trusted = bool(believed) or any(entry.trusted for entry in held)
    report.verified_by = store.verifier


def _about(store: Store, request: Request) -> list[Held]:
    return [entry for entry in store.held() if entry.fingerprint in request.fingerprints]


def _unique(entries: Sequence[Held]) -> list[str]:
    return list(dict.fromkeys(entry.fingerprint for entry in entries))
