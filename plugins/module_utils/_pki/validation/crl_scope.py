# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""For which certificates a revocation list is meant (RFC 5280, sections 5.2.5 and 6.3.3)."""

from __future__ import annotations

from typing import Any

from ..crypto import x509
from ..values.certificates import CertificateView
from ..values.text import normal_name
from .crl_view import SCOPE, CrlView

_POINTS = "2.5.29.31"


def _points(view: CertificateView) -> list[Any]:
    value = view.value(_POINTS)
    return [] if value is None else list(value)


def speaks_of(crl: CrlView, view: CertificateView) -> bool:
    """Whether a CRL is by the certificate's issuer, or by one to whom the certificate delegates."""
    if crl.issuer_name == view.issuer_name:
        return True
    scope = crl.value(SCOPE)
    if scope is None or not scope.indirect_crl:
        return False
    return any(
        isinstance(name, x509.DirectoryName) and normal_name(name.value) == crl.issuer_name
        for point in _points(view)
        for name in point.crl_issuer or []
    )


def _full_names(point: Any, issuer: x509.Name) -> list[Any]:
    """The names of a distribution point; a relative one is completed with the CRL issuer's."""
    if point.full_name:
        return [
            ("directory", normal_name(name.value)) if isinstance(name, x509.DirectoryName) else (type(name), name.value)
            for name in point.full_name
        ]
    if point.relative_name is not None:
        return [("directory", normal_name(x509.Name([*issuer.rdns, point.relative_name])))]
    return []


def scope_problem(crl: CrlView, view: CertificateView, is_ca: bool) -> tuple[str | None, frozenset[Any] | None]:
    """Why a CRL's scope excludes a certificate (or None), and the reasons it covers (None: all)."""
    scope = crl.value(SCOPE)
    if scope is None:
        return None, None
    if scope.only_contains_attribute_certs:
        return "it only holds attribute certificates", None
    if scope.only_contains_user_certs and is_ca:
        return "it only holds end entities' certificates", None
    if scope.only_contains_ca_certs and not is_ca:
        return "it only holds CA certificates", None
    reasons: frozenset[Any] | None = scope.only_some_reasons
    names = _full_names(scope, crl.issuer)
    if names:
        for point in _points(view):
            if not _serves(crl, point, view):
                continue
            issuer = _point_issuer(point) or view.issuer
            wanted = _full_names(point, issuer)
            if not wanted and point.crl_issuer:
                wanted = [
                    ("directory", normal_name(name.value))
                    for name in point.crl_issuer
                    if isinstance(name, x509.DirectoryName)
                ]
            if any(name in names for name in wanted):
                if point.reasons is not None:
                    reasons = point.reasons if reasons is None else reasons & point.reasons
                return None, reasons
        return "it belongs to another distribution point than the certificate names", None
    return None, reasons


def _serves(crl: CrlView, point: Any, view: CertificateView) -> bool:
    """Whether a CRL is by whom a distribution point says (RFC 5280, section 6.3.3, step b.1)."""
    if not point.crl_issuer:
        return crl.issuer_name == view.issuer_name
    scope = crl.value(SCOPE)
    delegates = [normal_name(name.value) for name in point.crl_issuer if isinstance(name, x509.DirectoryName)]
    return bool(crl.issuer_name in delegates and scope is not None and scope.indirect_crl)


def _point_issuer(point: Any) -> x509.Name | None:
    for name in point.crl_issuer or []:
        if isinstance(name, x509.DirectoryName):
            return name.value
    return None
