# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which kinds of issuers there are: one line for each."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._plain.errors import InputError, PkiError
from ..values.faults import kind_of, shown
from . import cfssl, received, request_folder, self_signed, vault
from .base import Issuer, Maker, Run
from .local_ca import issuer as local_ca

# Those that every inventory can name without describing them.
BUILT_IN: Mapping[str, Maker] = {
    "local_ca": local_ca.make,
    "received": received.make,
    "self_signed": self_signed.make,
}
# Those that are described in sensor_certificates_issuers, by their ``kind``.
DESCRIBED: Mapping[str, Maker] = {
    request_folder.KIND: request_folder.make,
    vault.KIND: vault.make,
    cfssl.KIND: cfssl.make,
    "received": received.make,
    "self_signed": self_signed.make,
}


@dataclass(frozen=True)
class Issuers:
    """The issuers that a run needs.

    :ivar broken: why one of them cannot be used; its sensors fail, the others are done.
    """

    by_name: Mapping[str, Issuer] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


def known_names(described: Mapping[str, Any] | None) -> list[str]:
    """Every name that a sensor's issuer may have."""
    return [*BUILT_IN, *(described or {})]


def check_described(described: Any, variable: str = "sensor_certificates_issuers") -> dict[str, dict[str, Any]]:
    """The described issuers, each with a known kind.

    :raises InputError: not a map from name to settings, a name that is taken, a kind that does not exist.
    """
    if described is None or described == "":
        return {}
    if not isinstance(described, Mapping):
        raise InputError(f"{variable} is {kind_of(described)}; wanted: a map from an issuer's name to its settings")
    found = {}
    for name, settings in described.items():
        where = f"{variable}.{name}"
        if name in BUILT_IN:
            raise InputError(f"{where}: this name is built in; wanted: another name")
        if not isinstance(settings, Mapping):
            raise InputError(f"{where} is {kind_of(settings)}; wanted: a dictionary with kind and its settings")
        kind = settings.get("kind")
        if not isinstance(kind, str) or kind not in DESCRIBED:
            close = difflib.get_close_matches(str(kind), list(DESCRIBED), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise InputError(f"{where}.kind is {shown(kind)}; wanted: one of {', '.join(DESCRIBED)}{hint}")
        found[str(name)] = dict(settings)
    return found


def make_issuers(names: Collection[str], described: Mapping[str, Mapping[str, Any]], run: Run) -> Issuers:
    """The issuers of these names; one that cannot be made keeps none of the others from it."""
    made: dict[str, Issuer] = {}
    broken: dict[str, str] = {}
    for name in names:
        settings = described.get(name, {})
        maker = BUILT_IN.get(name) or DESCRIBED.get(str(settings.get("kind")))
        if maker is None:
            broken[name] = f"there is no issuer {name!r}"
            continue
        try:
            made[name] = maker(name, settings, run)
        except PkiError as error:
            broken[name] = str(error)
    return Issuers(made, broken)
