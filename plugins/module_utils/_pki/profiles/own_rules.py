# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An organization's own rules: JMESPath expressions over what a certificate says.

Whatever can be known of an expression before there is a certificate is looked at when the profile is read: its
grammar, the facts and functions it names, how many arguments they take, and, on a sample of the facts, their types.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..._plain.errors import InputError
from ..values.findings import SEVERITIES
from .base import Check, OwnRule

try:
    import jmespath
    from jmespath.exceptions import JMESPathError
    from jmespath.functions import Functions
except ImportError:
    jmespath = None

MAX_RULES = 500
MAX_EXPRESSION = 4000  # characters
PREFIX = "org."
_KEYS = ("id", "when", "severity", "message", "hint")

# Every fact a rule can name, with what it looks like: the facts of cert_validate's result, and more.
SAMPLE_FACTS: dict[str, Any] = {
    "name": "sensor-1",
    "common_name": "sensor-1.plant.example",
    "subject": "C=US, O=Contoso Ltd, OU=Contoso Labs, CN=sensor-1.plant.example",
    "subject_fields": [{"field": "O", "value": "Contoso Ltd"}],
    "issuer": "CN=Plant Issuing CA",
    "issuer_fields": [{"field": "CN", "value": "Plant Issuing CA"}],
    "serial_number": "01",
    "not_before": "2027-01-01T00:00:00Z",
    "not_after": "2028-12-31T00:00:00Z",
    "days_left": 500,
    "validity_days": 730,
    "expiring": False,
    "fingerprint": "00",
    "public_key_id": "00",
    "key_type": "rsa",
    "key_bits": 2048,
    "signature_algorithm": "1.2.840.113549.1.1.11",
    "self_signed": False,
    "is_ca": False,
    "dns_names": ["sensor-1.plant.example"],
    "ip_addresses": ["192.0.2.1"],
    "key_usages": ["digitalSignature"],
    "extended_key_usages": ["1.3.6.1.5.5.7.3.1"],
    "extensions": ["2.5.29.14"],
    "policies": ["2.23.140.1.2.2"],
    "crl_urls": ["http://crl.plant.example/issuing.crl"],
    "subject_order": {"sample": "C, O", "certificate": "C, O"},
    "extension_order": {"sample": "keyUsage", "certificate": "keyUsage"},
    "chain": ["Plant Issuing CA", "Plant Root CA"],
}


class RuleError(Exception):
    """A rule that could not be applied to a certificate; its text holds nothing of the certificate."""


def parse_rules(given: Any, where: str, known: Mapping[str, Check]) -> tuple[list[Check], list[OwnRule]]:
    """Rules as a profile file has them: what each says (for the table of checks) and what it looks at.

    :param where: the file, for messages. :param known: checks that exist already.
    :raises InputError: a rule that cannot be used, named by its position and id.
    """
    if not isinstance(given, list):
        raise InputError(f"{where}: rules is not usable; wanted a list of rules with {', '.join(_KEYS)}")
    if len(given) > MAX_RULES:
        raise InputError(f"{where}: rules has {len(given)} entries; at most {MAX_RULES} are taken")
    if given and jmespath is None:
        raise InputError(f"{where}: rules need the Python package 'jmespath', which is not installed for this Python")
    checks: list[Check] = []
    rules: list[OwnRule] = []
    ids = set(known)
    for position, entry in enumerate(given):
        check, rule = _parse_rule(entry, f"{where}: rules[{position}]")
        if check.id in ids:
            raise InputError(f"{where}: rules[{position}]: there is a check {check.id} already")
        ids.add(check.id)
        checks.append(check)
        rules.append(rule)
    return checks, rules


def _parse_rule(entry: Any, where: str) -> tuple[Check, OwnRule]:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} is not usable; wanted a dictionary with {', '.join(_KEYS)}")
    for key in entry:
        if key not in _KEYS:
            raise InputError(f"{where}: there is no setting {shown(key)}{suggestion(str(key), _KEYS)}")
    texts = {key: _text(entry, key, where) for key in ("id", "when", "message", "hint")}
    check_id = texts["id"]
    what = check_id[len(PREFIX) :]
    if not check_id.startswith(PREFIX) or not what.replace("-", "").isalnum() or not what.isascii():
        raise InputError(f"{where}: id is {shown(check_id)}; wanted: {PREFIX}<what>, for example {PREFIX}own-domain")
    severity = entry.get("severity", "error")
    if severity not in SEVERITIES:
        raise InputError(f"{where} ({check_id}): severity is {shown(severity)}; wanted: {', '.join(SEVERITIES)}")
    matches = _compile(texts["when"], f"{where} ({check_id}): when")
    check = Check(check_id, severity, texts["message"], texts["when"], "the organization's own rules", texts["hint"])
    return check, OwnRule(check_id, texts["when"], texts["message"], matches)


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        given = "is missing" if value is None else f"is {shown(value)}"
        raise InputError(f"{where}: {key} {given}; wanted: a text")
    return " ".join(value.split()) if key != "when" else value.strip()


def _compile(expression: str, where: str) -> Callable[[Mapping[str, Any]], bool]:
    if len(expression) > MAX_EXPRESSION:
        raise InputError(f"{where} has {len(expression)} characters; at most {MAX_EXPRESSION} are taken")
    problem = None
    try:
        compiled = jmespath.compile(expression)
        problem = next(_objections(compiled.parsed), None)
        sample = None if problem else compiled.search(SAMPLE_FACTS)
    except RecursionError:
        problem = "it is nested too deeply"
    except TypeError:
        problem = "it compares values of different kinds, for example a number with a text"
    except (JMESPathError, ValueError) as error:
        problem = "it is no JMESPath expression: " + " ".join(str(error).split())[:200]
    if problem is not None:
        raise InputError(f"{where} cannot be used: {problem}") from None
    if not isinstance(sample, (bool, list, type(None))):
        raise InputError(
            f"{where} gives a {type(sample).__name__}, which is true of every certificate; "
            "wanted: a comparison, or a list that is empty where all is well"
        )

    def matches(facts: Mapping[str, Any]) -> bool:
        try:
            # True, or a list that is not empty: what JMESPath itself takes for true.
            return bool(compiled.search(facts))
        except (JMESPathError, ValueError, TypeError, RecursionError) as error:
            raise RuleError(type(error).__name__) from None

    return matches


# The nodes of which only the first child looks at the facts themselves; the others look at what it found.
_CHAINED = frozenset(
    {"subexpression", "index_expression", "pipe", "projection", "value_projection", "filter_projection", "flatten"}
)


def _objections(node: Mapping[str, Any], at_facts: bool = True) -> Iterator[str]:
    """What is wrong with the names in an expression.

    :param at_facts: whether this part looks at the facts themselves, so that its names are those of facts.
    """
    kind, children, value = node["type"], node.get("children") or [], node.get("value")
    if kind == "field" and at_facts and value not in SAMPLE_FACTS:
        yield f"there is no fact {shown(value)}{suggestion(str(value), SAMPLE_FACTS)}; facts: {', '.join(SAMPLE_FACTS)}"
    if kind == "function_expression":
        yield from _function_objections(str(value), len(children))
    for position, child in enumerate(children):
        if isinstance(child, Mapping):
            inner = at_facts and kind != "expref" and not (kind in _CHAINED and position > 0)
            yield from _objections(child, inner)


def _function_objections(name: str, given: int) -> Iterator[str]:
    functions = Functions.FUNCTION_TABLE
    if name not in functions:
        yield f"there is no function {shown(name)}{suggestion(name, functions)}"
        return
    signature = functions[name]["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if given < len(signature) or (given > len(signature) and not variadic):
        yield f"the function {name} takes {len(signature)} arguments, and has {given}"


def shown(value: Any) -> str:
    """A value from a file for a message: short, however large or deeply nested it is."""
    return reprlib.repr(value)


def suggestion(text: str, known: Any) -> str:
    """``; did you mean …?`` for a name that nearly exists, or nothing."""
    close = difflib.get_close_matches(text[:100], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
