# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Made once and then kept: use the CA that is there, or make it if there never was one."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from ...._plain.errors import FileError
from ...planning.request import LOCAL_CA
from ...state.fleet import FleetState
from ...state.ledger import Ledger
from ...state.stage_folder import StageFolder
from ...values.lists import counted
from ...values.text import name_pairs
from .make import write_authority
from .opened import Authority, AuthorityError, drift_warnings, folder_state, open_authority
from .settings import AuthoritySettings

# How an embedded CA names itself (:mod:`.make`); its last part is made from its key.
_OWN_NAME = re.compile(r".* (Issuing|Root) CA [0-9A-F]{8}\Z")


@dataclass(frozen=True)
class Ensured:
    """The CA and whether it had to be made. ``authority`` is ``None`` in check mode if it is yet to be made."""

    authority: Authority | None
    made: bool
    warnings: tuple[str, ...] = ()


def check_may_be_made(folder: str, ledger: Ledger, store: StageFolder | None) -> None:
    """A CA that was there once is not made anew by accident.

    :raises AuthorityError: a ledger or staged bundles show that there was a CA.
    """
    evidence = []
    # A record that cannot be read is evidence as well; records of other issuers are none.
    if _issued_here(ledger):
        evidence.append(f"the ledger {ledger.folder} has records of certificates that a CA issued")
    staged = _staged_by_embedded_ca(store, ledger) if store is not None else []
    if store is not None and staged:
        evidence.append(f"bundles are staged in {store.stage_dir} ({counted(len(staged), 'sensor')})")
    if evidence:
        raise AuthorityError(
            f"there is no CA in {folder}, but {' and '.join(evidence)}. Restore the CA's folder from the backup, "
            "or name the right one in local_ca_dir. Only if you want a new CA, which no workstation trusts yet and "
            "which makes every sensor's certificate be issued anew, set local_ca_create: true"
        )


def _issued_here(ledger: Ledger) -> bool:
    for names in ledger.index().records.values():
        for name in names:
            try:
                if ledger.read(f"{ledger.folder}/{name}").issuer == LOCAL_CA:
                    return True
            except FileError:
                return True
    return False


def _staged_by_embedded_ca(store: StageFolder, ledger: Ledger) -> list[str]:
    """The sensors whose staged certificate an embedded CA issued, and those whose cannot be read."""
    names = store.sensors()
    state = FleetState(store, ledger)
    staged = state.staged(names)
    found = [name for name in names if name not in staged]
    for name, entry in staged.items():
        record = state.record_of(entry.view.certificate)
        if record is None:
            issuers = [value for key, value in name_pairs(entry.view.issuer) if key == "CN"]
            mine = any(_OWN_NAME.match(issuer) for issuer in issuers)
        else:
            mine = record.issuer == LOCAL_CA
        if mine:
            found.append(name)
    return sorted(found)


def ensure_authority(
    folder: str,
    settings: AuthoritySettings,
    ledger: Ledger,
    store: StageFolder | None,
    moment: datetime.datetime,
    warn_before: datetime.timedelta,
    create: bool = False,
    check_mode: bool = False,
) -> Ensured:
    """The CA in ``folder``, made now if there never was one.

    :param store: staged bundles that would show that a CA was there before.
    :param create: make it even if there is such evidence; an existing CA is never replaced.
    :raises PkiError: see :func:`check_may_be_made`, :func:`.make.write_authority`, :func:`.opened.open_authority`.
    """
    made = False
    if folder_state(folder) == "absent":
        if not create:
            check_may_be_made(folder, ledger, store)
        if check_mode:
            return Ensured(None, True)
        try:
            write_authority(folder, settings, moment)
            made = True
        except FileError:
            # A parallel run may have been faster; then its CA is the one.
            if folder_state(folder) == "absent":
                raise
    authority = open_authority(folder, settings.passphrase, moment, warn_before)
    return Ensured(authority, made, authority.warnings + tuple(drift_warnings(authority, settings)))
