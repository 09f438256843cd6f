# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which certificate is meant, which key belongs to it, and the chain in its order. Nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..validation.path import Search, find_path
from ..values import moments
from ..values.certificates import signed_by
from ..values.lists import some
from ..values.moments import iso
from .containers import is_rsa
from .material import FoundCertificate, FoundKey, Material
from .problem import INFO, WARNING, ConversionProblem, Finding, finding


@dataclass(frozen=True)
class Selection:
    """What a conversion writes.

    :ivar chain: the issuing CA first, up to the root if it is there.
    :ivar gap: why the chain does not reach a root, or None.
    """

    leaf: FoundCertificate | None = None
    key: FoundKey | None = None
    chain: tuple[FoundCertificate, ...] = ()
    gap: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def the_leaf(self) -> FoundCertificate:
        """The leaf.

        :raises ConversionProblem: there is none.
        """
        if self.leaf is None:
            raise ConversionProblem("src.no-certificate", "there is no certificate of an appliance in the files")
        return self.leaf

    @property
    def the_key(self) -> FoundKey:
        """The private key.

        :raises ConversionProblem: there is none.
        """
        if self.key is None:
            raise ConversionProblem("src.no-key", "there is no private key in the files")
        return self.key


@dataclass(frozen=True)
class Needs:
    """What the outputs take.

    :ivar certificates: any certificate, the appliance's or CAs'.
    """

    leaf: bool = False
    key: bool = False
    chain: bool = False
    certificates: bool = False


@dataclass
class _Choice:
    leaf: FoundCertificate | None = None
    key: FoundKey | None = None
    findings: list[Finding] = field(default_factory=list)


def select(material: Material, needs: Needs, wanted: str | None = None) -> Selection:
    """The leaf, its key and its chain.

    :param wanted: common name, friendly name or SHA-256 fingerprint of the certificate that is meant.
    :raises ConversionProblem: something is missing, ambiguous, or does not belong together.
    """
    if not material.certificates and not material.keys:
        raise ConversionProblem("src.no-certificate", "there is neither a certificate nor a private key in the files")
    choice = _choose(material, needs, wanted)
    _check(choice, material, needs)
    chain: list[FoundCertificate] = []
    gap = None
    if choice.leaf is not None:
        chain, gap = order_chain(choice.leaf, material.certificates)
    elif needs.chain or (needs.certificates and material.certificates):
        chain, gap = _chain_of_cas(material.certificates)
    if needs.certificates and not chain and choice.leaf is None:
        raise ConversionProblem("src.no-certificate", "there is a private key here, and no certificate")
    if needs.chain and not chain:
        _no_chain(choice.leaf, gap)
    findings = choice.findings
    if gap and (needs.chain or needs.certificates):
        findings.append(finding("chain.incomplete", WARNING, gap))
    used = {entry.view.fingerprint for entry in [*chain, *([choice.leaf] if choice.leaf else [])]}
    findings += [
        finding("chain.unrelated", INFO, f"left out, it is not in the chain: {entry.view.title}", entry.source)
        for entry in material.certificates
        if entry.view.fingerprint not in used
    ]
    findings += [
        finding("src.passed-over", INFO, f"left out, it is another key: {entry.kind}", entry.source)
        for entry in material.keys
        if entry is not choice.key
    ]
    return Selection(choice.leaf, choice.key, tuple(chain), gap, tuple(findings))


def _choose(material: Material, needs: Needs, wanted: str | None) -> _Choice:
    by_key: dict[str | None, list[FoundKey]] = {}
    for key in material.keys:
        by_key.setdefault(key.key_id, []).append(key)
    leaf = _named(material.certificates, wanted) if wanted is not None else _found(material, by_key)
    keys = by_key.get(leaf.key_id) if leaf is not None else None
    choice = _Choice(leaf, keys[0] if keys else None)
    if leaf is None and len(material.keys) == 1:
        choice.key = material.keys[0]
    elif leaf is None and len(material.keys) > 1 and needs.key:
        message = f"there are {len(material.keys)} private keys and no certificate that tells which is meant"
        raise ConversionProblem("src.ambiguous", message, _sources(material.keys), "Give the certificate as well.")
    return choice


def _named(certificates: Sequence[FoundCertificate], wanted: str) -> FoundCertificate:
    text = wanted.strip().lower()
    digits = re.sub(r"[^0-9a-f]", "", text.replace("sha256", "")) if len(text) >= 64 else None
    found = [
        entry
        for entry in certificates
        if text in [name.lower() for name in entry.view.common_names]
        or text == (entry.friendly_name or "").lower()
        or digits == entry.view.fingerprint
    ]
    if len(found) == 1:
        return found[0]
    there = _listed(found or certificates)
    if found:
        raise ConversionProblem("src.ambiguous", f"select is {wanted!r}, and several certificates are that: {there}")
    raise ConversionProblem(
        "src.no-certificate", f"select is {wanted!r}, and no certificate is that; there are: {there}"
    )


def _found(material: Material, by_key: dict[str | None, list[FoundKey]]) -> FoundCertificate | None:
    pairs = [entry for entry in material.certificates if entry.key_id in by_key]
    if len(pairs) == 1:
        return pairs[0]
    if pairs:
        message = f"several certificates have their private key here: {_listed(pairs)}"
        raise ConversionProblem("src.ambiguous", message)
    ends = end_certificates(material.certificates)
    if len(ends) > 1:
        raise ConversionProblem(
            "src.ambiguous", f"several certificates could be the one that is meant: {_listed(ends)}"
        )
    if ends:
        return ends[0]
    return material.certificates[0] if len(material.certificates) == 1 else None


def end_certificates(certificates: Sequence[FoundCertificate]) -> list[FoundCertificate]:
    """Those that sign none of the others and are no CA."""
    issuers = {entry.view.issuer_name for entry in certificates if not entry.view.self_issued}
    return [entry for entry in certificates if not entry.is_ca and entry.view.subject_name not in issuers]


def _check(choice: _Choice, material: Material, needs: Needs) -> None:
    leaf, key = choice.leaf, choice.key
    if needs.leaf and leaf is None:
        if material.certificates:
            message = f"there are only CA certificates here: {_listed(material.certificates)}"
            raise ConversionProblem(
                "src.no-certificate",
                message,
                hint="Give the appliance's certificate as well, or name the one that is meant with 'select'.",
            )
        raise ConversionProblem("src.no-certificate", "there is a private key here, and no certificate")
    if needs.key and key is None:
        if material.keys and leaf is not None:
            which = ", ".join(f"{entry.kind} ({entry.source})" for entry in material.keys[:5])
            message = f"the private key does not belong to the certificate {leaf.title}; given: {which}"
            raise ConversionProblem("key.mismatch", message, material.keys[0].source)
        raise ConversionProblem("src.no-key", "there is no private key in the files", leaf.source if leaf else None)
    if needs.leaf and material.keys and key is None and leaf is not None:
        message = f"the private key does not belong to the certificate {leaf.title}"
        raise ConversionProblem("key.mismatch", message, material.keys[0].source)
    if needs.key and key is not None and leaf is None and material.certificates:
        message = f"the private key belongs to none of the certificates: {_listed(material.certificates)}"
        raise ConversionProblem("key.mismatch", message, key.source)
    if needs.key and key is not None and not is_rsa(key.key):
        _not_rsa(f"the private key is {key.kind}", key.source)
    if needs.leaf and leaf is not None and not is_rsa(leaf.view.public_key):
        kind = type(leaf.view.public_key).__name__.replace("PublicKey", "").replace("EllipticCurve", "EC")
        _not_rsa(f"the certificate {leaf.view.title} has the kind of key {kind}", leaf.source)


def _not_rsa(what: str, source: str) -> None:
    raise ConversionProblem("crt.key-type", f"{what}; a sensor takes RSA only", source)


def order_chain(
    leaf: FoundCertificate, certificates: Sequence[FoundCertificate]
) -> tuple[list[FoundCertificate], str | None]:
    """The CAs above a certificate, the issuing one first, and why they do not reach a root, if so."""
    by_print = {entry.view.fingerprint: entry for entry in certificates}
    views = [entry.view for entry in certificates]
    roots = [view for view in views if view.self_issued and signed_by(view, view)]
    path = find_path(leaf.view, Search(views, roots, trust_given=False, at=moments.now()))
    gap = None
    if not path.complete:
        gap = next((fault.message for fault in path.faults if fault.id != "chain.expired"), "the chain ends early")
    return [by_print[view.fingerprint] for view in path.views[1:]], gap


def _chain_of_cas(certificates: Sequence[FoundCertificate]) -> tuple[list[FoundCertificate], str | None]:
    """A chain from CA certificates alone: the one that signs none of the others comes first."""
    issuers = {entry.view.issuer_name for entry in certificates if not entry.view.self_issued}
    lowest = [entry for entry in certificates if entry.view.subject_name not in issuers]
    if len(lowest) > 1:
        message = f"several certificates could be the first of the chain: {_listed(lowest)}"
        raise ConversionProblem("src.ambiguous", message, hint="Give the appliance's certificate as well.")
    if not lowest:
        return [], None
    above, gap = order_chain(lowest[0], certificates)
    return [lowest[0], *above], gap


def _no_chain(leaf: FoundCertificate | None, gap: str | None) -> None:
    if leaf is not None and leaf.view.self_issued and gap is None:
        message = f"the certificate {leaf.view.title} is self-signed: no CA issued it, so it has no chain"
        raise ConversionProblem("crt.self-signed", message, leaf.source)
    raise ConversionProblem(
        "chain.incomplete", gap or "there is no CA certificate in the files", leaf.source if leaf else None
    )


def _listed(entries: Sequence[FoundCertificate]) -> str:
    """Certificates that people can tell apart."""
    shown = []
    for entry in entries[:6]:
        name = f", friendly name {entry.friendly_name!r}" if entry.friendly_name else ""
        until = iso(entry.view.not_after)[:10]
        shown.append(
            f"{entry.view.title} until {until}, SHA-256 {entry.view.fingerprint[:16]}\N{HORIZONTAL ELLIPSIS}"
            f"{name} ({entry.source})"
        )
    # Only the first ones are described; the others count.
    return some([*shown, *("" for _entry in entries[6:])], 6, "; ")


def _sources(keys: Sequence[FoundKey]) -> str:
    return ", ".join(dict.fromkeys(entry.source for entry in keys))
