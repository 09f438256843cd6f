# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate policies along a path (RFC 5280, sections 6.1.2 to 6.1.5).

Nobody here asks for a policy, so only a CA can: by policyConstraints with requireExplicitPolicy. Since
nobody asks which policy it was either, a set of the policies still valid takes the place of RFC 5280's tree.
Policy mappings are not followed (``cryptography`` does not read them): with one in the path nothing is said,
as OpenSSL says nothing of policies unless it is asked to.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..values.certificates import CertificateView

ANY_POLICY = "2.5.29.32.0"
_POLICIES, _MAPPINGS, _CONSTRAINTS, _INHIBIT_ANY = "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"


def problem(downwards: Sequence[CertificateView]) -> str | None:
    """Why no policy is valid along a path that needs one, or None.

    :param downwards: the path without its anchor, from the anchor's side to the leaf.
    """
    if all(view.value(_CONSTRAINTS) is None for view in downwards):
        return None  # nobody asks
    if any(view.value(_MAPPINGS) is not None for view in downwards):
        return None  # cannot be told
    explicit = inhibit_any = len(downwards) + 1
    valid = {ANY_POLICY}  # empty: no policy is valid any more
    for view in downwards:
        is_last = view is downwards[-1]
        valid = _next(valid, _stated(view), any_counts=inhibit_any > 0 or (not is_last and view.self_issued))
        if not valid and explicit <= 0:
            return _text(view)
        if is_last or not view.self_issued:
            explicit, inhibit_any = max(0, explicit - 1), max(0, inhibit_any - 1)
        constraints = view.value(_CONSTRAINTS)
        if constraints is not None and constraints.require_explicit_policy is not None:
            required = constraints.require_explicit_policy
            # In the last certificate only "from here on" still means something.
            explicit = min(explicit, required) if not is_last or required == 0 else explicit
        inhibit = view.value(_INHIBIT_ANY)
        if inhibit is not None:
            inhibit_any = min(inhibit_any, inhibit.skip_certs)
    return _text(downwards[-1]) if not valid and explicit <= 0 else None


def _text(view: CertificateView) -> str:
    return f"{view.title} has no certificate policy that the CAs above it allow, and one is required"


def _stated(view: CertificateView) -> set[str]:
    value = view.value(_POLICIES)
    return set() if value is None else {policy.policy_identifier.dotted_string for policy in value}


def _next(valid: set[str], stated: set[str], any_counts: bool) -> set[str]:
    named = stated - {ANY_POLICY}
    if ANY_POLICY in stated and any_counts:
        return valid | named if ANY_POLICY in valid else set(valid)
    return named if ANY_POLICY in valid else named & valid
