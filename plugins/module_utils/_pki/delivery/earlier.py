# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bundle to put back if a console does not show the new one."""

from __future__ import annotations

import contextlib

from ..._plain.errors import PkiError
from ..state.bundles import Bundle
from ..state.stage_folder import StageFolder
from ..values.certificates import read_certificates


def fingerprint_of(bundle: Bundle) -> str | None:
    """SHA-256 of a bundle's certificate, or None if it cannot be read."""
    views = read_certificates(bundle.crt, bundle.files.crt).views
    return views[0].fingerprint if views else None


def earlier_bundle(stage: StageFolder, sensor: str, before: str | None) -> Bundle | None:
    """The bundle that a console had: the one that it presented, otherwise the latest before the visible one.

    :param before: the fingerprint of what the console presented before the upload.
    :returns: None if the state kept none.
    """
    home = stage.look(sensor)
    later = {*home.pending_names, home.shown}
    found: list[Bundle] = []
    for name, folder in reversed(list(zip(home.names, home.bundles, strict=True))):
        if name in later:
            continue
        with contextlib.suppress(PkiError):
            found.append(stage.read_stored(sensor, folder))
    same = [bundle for bundle in found if before and fingerprint_of(bundle) == before]
    return next(iter(same or found), None)
