# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which received certificate, key and chain belong to which sensor, by common name and public key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..values import moments
from ..values.moments import iso
from .delivery import Recipient
from .material import FoundCertificate, FoundKey, Material
from .selection import Selection, end_certificates, order_chain


@dataclass(frozen=True)
class Assignment:
    """What was found for one sensor.

    :ivar selection: certificate, key and chain, if they are complete.
    :ivar errors: why they are not.
    :ivar notes: what was set aside, and why.
    """

    sensor: Recipient
    selection: Selection | None = None
    errors: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def received(self) -> bool:
        """Whether there was anything for this sensor."""
        return bool(self.selection or self.errors)


@dataclass(frozen=True)
class Leftover:
    """A certificate or key that is no sensor's of this run.

    :ivar other: the sensor of the group that it belongs to, if this run leaves that alone.
    """

    what: str
    source: str
    reason: str
    other: str | None = None

    def to_dict(self) -> dict[str, str]:
        """As plain data."""
        return {"what": self.what, "source": self.source, "reason": self.reason}


def assign(
    sensors: Sequence[Recipient],
    others: Sequence[Recipient],
    pool: Material,
    authorities: Sequence[FoundCertificate],
    trusted: Collection[str] | None = None,
) -> tuple[list[Assignment], list[Leftover]]:
    """Sort a delivery out.

    :param others: the fleet's sensors that this run leaves alone.
    :param authorities: certificates from CA files, with which chains are completed.
    :param trusted: SHA-256 of the roots at which a chain must end; None: any will do.
    :returns: one assignment for each sensor in the same order, and what is left over.
    """
    keys = {key.key_id: key for key in pool.keys}
    leaves: dict[str, list[FoundCertificate]] = {}
    for entry in _ends(pool, keys):
        for name in {name.lower() for name in entry.view.common_names}:
            leaves.setdefault(name, []).append(entry)
    prints = {entry.view.fingerprint for entry in pool.certificates}
    above = [*pool.certificates, *(entry for entry in authorities if entry.view.fingerprint not in prints)]
    assignments = [
        _assign(sensor, leaves.get(sensor.common_name.lower(), []), _Pool(keys, above, trusted)) for sensor in sensors
    ]
    known = {sensor.common_name.lower() for sensor in sensors}
    return assignments, _leftovers(pool, keys, known, others)


def _ends(pool: Material, keys: Mapping[str, FoundKey]) -> list[FoundCertificate]:
    """The appliances' certificates: those that sign nothing here, and those that came with their key."""
    ends = end_certificates(pool.certificates)
    prints = {entry.view.fingerprint for entry in ends}
    return ends + [
        entry for entry in pool.certificates if entry.key_id in keys and entry.view.fingerprint not in prints
    ]


@dataclass(frozen=True)
class _Pool:
    keys: Mapping[str, FoundKey]
    above: Sequence[FoundCertificate]
    trusted: Collection[str] | None

    def ends_at_a_trusted_root(self, chain: Sequence[FoundCertificate]) -> bool:
        return self.trusted is None or bool(chain and chain[-1].view.fingerprint in self.trusted)


def _assign(sensor: Recipient, leaves: Sequence[FoundCertificate], pool: _Pool) -> Assignment:
    """Of several certificates for a sensor the newest one that is valid, trusted and has its key."""
    if not leaves:
        return Assignment(sensor)
    now = moments.now()
    notes: list[str] = []
    left = list(leaves)
    if fresh := [entry for entry in left if entry.view.not_after >= now]:
        notes += [
            f"set aside, it expired on {iso(entry.view.not_after)}: {entry.title}"
            for entry in left
            if entry not in fresh
        ]
        left = fresh
    chains = {entry.view.fingerprint: order_chain(entry, pool.above) for entry in left}
    if trusted := [entry for entry in left if pool.ends_at_a_trusted_root(chains[entry.view.fingerprint][0])]:
        # What nobody trusts must not make the genuine file ambiguous.
        notes += [
            f"set aside, its chain ends at no trusted root: {entry.title}" for entry in left if entry not in trusted
        ]
        left = trusted
    if with_key := [entry for entry in left if entry.key_id in pool.keys]:
        notes += [f"set aside, its private key is missing: {entry.title}" for entry in left if entry not in with_key]
        left = with_key
    left.sort(key=lambda entry: (entry.view.not_before, entry.view.not_after, entry.view.fingerprint))
    leaf = left.pop()
    notes += [f"set aside, a newer one is there ({leaf.source}): {entry.title}" for entry in left]
    errors = []
    key = pool.keys.get(leaf.key_id or "")
    if key is None:
        errors.append(f"the private key of {leaf.source} is missing; no key among the files belongs to it")
    chain, gap = chains[leaf.view.fingerprint]
    if gap or not chain:
        reason = gap or f"{leaf.source} is self-signed"
        errors.append(f"the chain of {leaf.source} is incomplete: {reason}; add the CA's certificate to the CA files")
    elif not pool.ends_at_a_trusted_root(chain):
        root = chain[-1].view
        errors.append(
            f"the chain of {leaf.source} ends at {root.title} (SHA-256 {root.fingerprint}), which is none of "
            "import_certificates_trusted_roots; if it is your organization's root, name its file there"
        )
    selection = None if errors else Selection(leaf, key, tuple(chain))
    return Assignment(sensor, selection, tuple(errors), tuple(notes))


def _leftovers(
    pool: Material, keys: Mapping[str, FoundKey], known: set[str], others: Sequence[Recipient]
) -> list[Leftover]:
    by_name = {other.common_name.lower(): other.name for other in others}
    found = []
    for entry in _ends(pool, keys):
        names = [name.lower() for name in entry.view.common_names]
        if known.intersection(names):
            continue
        other = next((by_name[name] for name in names if name in by_name), None)
        if other is not None:
            reason = f"it belongs to {other}, which is not part of this run"
        elif not names:
            reason = "it has no common name"
        else:
            reason = f"no sensor of the inventory has the common name {entry.view.title}"
        found.append(Leftover(f"certificate {entry.view.title}", entry.source, reason, other))
    have = {entry.key_id for entry in pool.certificates}
    found += [
        Leftover(f"private key {key.kind}", key.source, "no certificate among the files belongs to it")
        for key in pool.keys
        if key.key_id not in have
    ]
    return found
