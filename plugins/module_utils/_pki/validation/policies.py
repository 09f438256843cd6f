# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate policies along a path (RFC 5280, sections 6.1.2 to 6.1.5).

Nobody here asks for a policy, so only a CA can: by policyConstraints with requireExplicitPolicy. Sensors have no
setting for an initial set of policies, so there is no option for one either; it is any policy. Since nobody asks which
policy it was, the last level of RFC 5280's tree is enough, and nodes of one policy are one: what is left is linear
where the tree itself can be made to explode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Dict, Set

from ..crypto import UnreadableError, guard, x509
from ..values import der
from ..values.certificates import CertificateView

# Policies are compared by the octets of their identifiers: the library has no way from those to the dotted form.
Policy = bytes
ANY_POLICY: Policy = b"\x55\x1d\x20\x00"  # 2.5.29.32.0
_POLICIES, _MAPPINGS, _CONSTRAINTS, _INHIBIT_ANY = "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"
# Policies in one certificate; more of them are an attack.
_MAX_POLICIES = 2000

# The policies still valid, and which ones each of them stands for in the certificate below.
Level = Dict[Policy, Set[Policy]]  # noqa: UP006 - Python 3.8 evaluates it


def problem(downwards: Sequence[CertificateView]) -> str | None:
    """Why no policy is valid along a path that needs one, or None.

    :param downwards: the path without its anchor, from the anchor's side to the leaf.
    """
    if all(view.value(_CONSTRAINTS) is None and view.value(_MAPPINGS) is None for view in downwards):
        return None  # nobody asks
    explicit = inhibit_any = mapping = len(downwards) + 1
    valid: Level = {ANY_POLICY: {ANY_POLICY}}  # empty: no policy is valid any more
    for view in downwards:
        is_last = view is downwards[-1]
        valid = _next(valid, _stated(view), any_counts=inhibit_any > 0 or (not is_last and view.self_issued))
        if not valid and explicit <= 0:
            return _text(view)
        if not is_last:
            try:
                valid = _mapped(valid, list(_mappings(view)), allowed=mapping > 0)
            except UnreadableError as error:
                return f"the policyMappings of {view.title} cannot be used: {error}"
        if is_last or not view.self_issued:
            explicit, mapping, inhibit_any = max(0, explicit - 1), max(0, mapping - 1), max(0, inhibit_any - 1)
        constraints = view.value(_CONSTRAINTS)
        if constraints is not None and constraints.require_explicit_policy is not None:
            required = constraints.require_explicit_policy
            # In the last certificate only "from here on" still means something.
            explicit = min(explicit, required) if not is_last or required == 0 else explicit
        if constraints is not None and constraints.inhibit_policy_mapping is not None:
            mapping = min(mapping, constraints.inhibit_policy_mapping)
        inhibit = view.value(_INHIBIT_ANY)
        if inhibit is not None:
            inhibit_any = min(inhibit_any, inhibit.skip_certs)
    return _text(downwards[-1]) if not valid and explicit <= 0 else None


def _text(view: CertificateView) -> str:
    return f"{view.title} has no certificate policy that the CAs above it allow, and one is required"


def _stated(view: CertificateView) -> set[Policy]:
    value = view.value(_POLICIES)
    if value is None or len(value) > _MAX_POLICIES:
        return set()
    return {_octets(policy.policy_identifier.dotted_string) for policy in value}


@lru_cache(maxsize=1024)
def _octets(dotted: str) -> Policy:
    """The content octets of an object identifier, as the library writes it."""
    with guard():
        written = x509.ExtendedKeyUsage([x509.ObjectIdentifier(dotted)]).public_bytes()
    return next(der.elements(der.only(written, der.SEQUENCE).content)).content


def _next(valid: Level, stated: set[Policy], any_counts: bool) -> Level:
    """The level below (RFC 5280, section 6.1.3, steps d and e)."""
    expected: set[Policy] = set().union(*valid.values())
    below = {policy for policy in stated - {ANY_POLICY} if policy in expected or ANY_POLICY in valid}
    if ANY_POLICY in stated and any_counts:
        below |= expected
    return {policy: {policy} for policy in below}


def _mapped(valid: Level, mappings: Sequence[tuple[Policy, Policy]], allowed: bool) -> Level:
    """The level with a CA's mappings applied (section 6.1.4, steps a and b)."""
    by_issuer: dict[Policy, set[Policy]] = {}
    for issuers, subjects in mappings:
        if ANY_POLICY in (issuers, subjects):
            raise UnreadableError("they map from or to anyPolicy")
        by_issuer.setdefault(issuers, set()).add(subjects)
    level = dict(valid)
    for policy, targets in by_issuer.items():
        if not allowed:
            level.pop(policy, None)
        elif policy in level or ANY_POLICY in level:
            level[policy] = targets
    return level


def _mappings(view: CertificateView) -> Iterator[tuple[Policy, Policy]]:
    """The pairs of issuer's and subject's policy of a certificate (section 4.2.1.5); the library knows no such type.

    :raises UnreadableError: the extension is damaged, or has more pairs than anybody needs.
    """
    value = view.value(_MAPPINGS)
    if value is None:
        return
    content = der.only(value.value, der.SEQUENCE).content
    for count, pair in enumerate(der.elements(content)):
        parts = list(der.elements(pair.content))
        if pair.tag != der.SEQUENCE or [part.tag for part in parts] != [der.OID, der.OID] or count >= _MAX_POLICIES:
            raise UnreadableError("they are damaged, or more than are followed")
        yield parts[0].content, parts[1].content
