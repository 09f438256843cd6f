# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The organization's own rules, as its profile has them."""

from __future__ import annotations

from ..profiles.own_rules import RuleError
from .case import Case, Rules
from .facts import rule_facts

RULES = Rules()


@RULES.rule("engine.failure")
def own_rules(case: Case) -> None:
    view, rules = case.certificate, case.settings.profile.rules
    if view is None or not rules:
        return
    facts = rule_facts(case, view)
    path = None if case.bundle.certificate is None else case.bundle.certificate.path
    for rule in rules:
        try:
            found = rule.matches(facts)
        except RuleError as error:
            case.report(
                "engine.failure",
                f"the rule {rule.id} cannot be applied to this certificate ({error})",
                path,
                "Let the rule say what is to hold where a fact is missing, for example with 'common_name && …'.",
            )
        else:
            if found:
                case.report(rule.id, rule.message, path)
