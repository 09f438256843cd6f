# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Made once and then kept: use the CA that is there, or make it if there never was one."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from ...._plain.errors import FileError
from ...state.ledger import Ledger
from ...state.store import Store
from .make import write_authority
from .opened import Authority, AuthorityError, drift_warnings, folder_state, open_authority
from .settings import AuthoritySettings


@dataclass(frozen=True)
class Ensured:
    """The CA and whether it had to be made. ``authority`` is ``None`` in check mode if it is yet to be made."""

    authority: Authority | None
    made: bool
    warnings: tuple[str, ...] = ()


def check_may_be_made(folder: str, ledger: Ledger, store: Store | None) -> None:
    """A CA that was there once is not made anew by accident.

    :raises AuthorityError: a ledger or staged bundles show that there was a CA.
    """
    evidence = []
    if ledger.has_records():
        evidence.append(f"the ledger {ledger.folder} has records of certificates that a CA issued")
    staged = store.sensors() if store is not None else []
    if store is not None and staged:
        evidence.append(f"bundles are staged in {store.stage_dir} ({len(staged)} sensors)")
    if evidence:
        raise AuthorityError(
            f"there is no CA in {folder}, but {' and '.join(evidence)}. Restore the CA's folder from the backup, "
            "or name the right one in local_ca_dir. Only if you want a new CA, which no workstation trusts yet and "
            "which makes every sensor's certificate be issued anew, set local_ca_create: true"
        )


def ensure_authority(
    folder: str,
    settings: AuthoritySettings,
    ledger: Ledger,
    store: Store | None,
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
