# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an endpoint sent what its clients need to get from its certificate to the root they trust."""

from __future__ import annotations

from collections.abc import Sequence

from ..values.certificates import CertificateView, signed_by
from ..values.text import name_pairs, name_text, show

COMPLETE = "complete"
INCOMPLETE = "incomplete"
NONE = "none"
UNKNOWN = "unknown"


def sent_chain(
    leaf: CertificateView, sent: Sequence[CertificateView], known: Sequence[CertificateView]
) -> tuple[str, str | None]:
    """Judge what was sent above the endpoint's own certificate.

    The root need not be sent (RFC 8446, section 4.4.2); whether an issuer is the root is known from the
    CA certificates that were given, or not at all.

    :param sent: the other certificates that were sent.
    :param known: CA certificates that were given with the target.
    :returns: ``complete``, ``incomplete``, ``none`` or ``unknown``, and which CA is missing if one is.
    """
    top = _top(leaf, sent)
    if top.self_issued and signed_by(top, top):
        return COMPLETE, None
    issuer = next((view for view in known if view.subject_name == top.issuer_name and signed_by(top, view)), None)
    if issuer is not None and issuer.self_issued:
        return COMPLETE, None
    if issuer is None and top is not leaf:
        # It leads somewhere; nobody here can say whether that is the root.
        return (COMPLETE, None) if not known else (UNKNOWN, None)
    if issuer is None and not known:
        return (UNKNOWN, None) if not sent else (INCOMPLETE, issuer_title(top))
    return (NONE if not sent else INCOMPLETE), issuer_title(top)


def _top(leaf: CertificateView, sent: Sequence[CertificateView]) -> CertificateView:
    """The last certificate that can be reached from the endpoint's own by following issuers."""
    left = list(sent)
    top = leaf
    while not top.self_issued:
        issuer = next((view for view in left if view.subject_name == top.issuer_name and signed_by(top, view)), None)
        if issuer is None:
            break
        left.remove(issuer)
        top = issuer
    return top


def issuer_title(view: CertificateView) -> str:
    """The issuer's common name, or its whole name."""
    names = [value for short, value in name_pairs(view.issuer) if short == "CN"]
    return show(names[-1]) if names else name_text(view.issuer)
