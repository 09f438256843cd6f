# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules about what came alone: a request or a key without a certificate, a certificate without a key.

What a certificate would inherit is judged by the same functions as the certificate's own.
"""

from __future__ import annotations

from ..crypto import rsa
from ..values.text import name_pairs
from . import weak_keys
from .case import Case, Rules
from .rules_certificate import judge_common_name, judge_key, judge_subject

RULES = Rules()


@RULES.rule(
    "crt.not-given", "crt.key-type", "crt.key-size", "crt.weak-key",
    "subject.cn-missing", "subject.cn-several", "subject.cn-mismatch", "subject.cn-wildcard", "subject.cn-not-a-name",
    "subject.missing-field", "subject.country-code", "subject.non-ascii", "subject.value", "subject.field-order",
)  # fmt: skip
def without_certificate(case: Case) -> None:
    if case.bundle.certificate is not None:
        return
    request, key = case.bundle.csr, case.bundle.private_key
    given = [what for what, source in (("request", request), ("private key", key)) if source is not None]
    if given:
        path = (request or key).path  # type: ignore[union-attr]
        verb = "was" if len(given) == 1 else "were"
        text = f"there is no certificate; only the {' and the '.join(given)} {verb} judged"
        case.report("crt.not-given", text, path)
    if case.csr is not None and request is not None:
        pairs = name_pairs(case.csr.subject)
        judge_common_name(case, [value for short, value in pairs if short == "CN"], request.path)
        judge_subject(case, pairs, request.path)
        _public(case, case.csr.public_key(), request.path)
    elif case.private_key is not None and key is not None:
        # What can be broken by its private numbers is reported where key and certificate are compared.
        judge_key(case, case.private_key.public_key(), key.path)


def _public(case: Case, key: object, path: str) -> None:
    if not judge_key(case, key, path) or not isinstance(key, rsa.RSAPublicKey):
        return
    weakness = weak_keys.public_weakness(key, thorough=case.settings.key_check == "full")
    if weakness is not None:
        case.report("crt.weak-key", f"the public key can be broken: {weakness}", path)


@RULES.rule("key.not-given")
def without_key(case: Case) -> None:
    source = case.bundle.certificate
    if case.bundle.wants_key and source is not None and case.certificate and case.bundle.private_key is None:
        case.report(
            "key.not-given", "no private key lies beside the certificate, and the upload wants one", source.path
        )
