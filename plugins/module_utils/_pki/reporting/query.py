# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a report: JMESPath over the data of ``fleet.json``; what is wrong with a question is told with its place."""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..._plain.errors import InputError, PkiError
from ..._plain.texts import harmless

try:
    import jmespath
    from jmespath import exceptions
    from jmespath.functions import Functions
except ImportError:
    jmespath = None

MAX_EXPRESSION = 10_000


def ask(data: Any, expression: Any, where: str) -> Any:
    """The value of a JMESPath expression.

    :param where: what the expression is called, for messages (a variable, an option).
    :raises InputError: it is none, or does not fit the data; the message says where in it.
    :raises PkiError: the package jmespath is missing.
    """
    if jmespath is None:
        raise PkiError(f"{where} needs the Python package 'jmespath', which is not installed for the Python of Ansible")
    if not isinstance(expression, str) or not expression.strip():
        raise InputError(f"{where} is empty; wanted: a JMESPath expression, for example sensors[?upload.needed].name")
    if len(expression) > MAX_EXPRESSION:
        raise InputError(f"{where} has {len(expression)} characters; at most {MAX_EXPRESSION} are taken")
    try:
        compiled = jmespath.compile(expression)
    except RecursionError:
        raise InputError(f"{where} is nested too deeply") from None
    except (exceptions.ParseError, ValueError) as error:
        raise InputError(f"{where} is no JMESPath expression: {_place(error, expression)}") from None
    try:
        return compiled.search(data)
    except RecursionError:
        raise InputError(f"{where} is nested too deeply") from None
    except exceptions.UnknownFunctionError as error:
        raise InputError(f"{where} is no JMESPath expression: {_unknown_function(str(error), expression)}") from None
    except exceptions.JMESPathTypeError as error:
        name, kind = error.function_name, error.actual_type
        text = f"the function {name}{_at(name, expression)} got a value of type {kind}, and takes {_types(error)}"
        raise InputError(f"{where} does not fit the report: {harmless(text, 400)}") from None
    except (exceptions.JMESPathError, ValueError, TypeError) as error:
        raise InputError(f"{where} does not fit the report: {harmless(error, 300)}") from None


def _types(error: Any) -> str:
    found = error.expected_types
    return " or ".join(str(one) for one in found) if isinstance(found, (list, tuple)) else str(found)


def _place(error: Exception, expression: str) -> str:
    """Where an expression cannot be read on, and what stands there."""
    position = getattr(error, "lex_position", None)
    if isinstance(error, exceptions.IncompleteExpressionError) or position is None or position >= len(expression):
        return f"it ends too early, after {_near(expression, len(expression))}"
    return f"it cannot be read at character {position + 1}, {_near(expression, position)}"


def _near(expression: str, position: int) -> str:
    start = max(position - 20, 0)
    before, after = expression[start:position], expression[position : position + 20]
    text = f"{'…' if start else ''}{before} >>> {after}{'…' if position + 20 < len(expression) else ''}"
    return repr(harmless(text.strip()))


def _unknown_function(text: str, expression: str) -> str:
    name = (re.findall(r"Unknown function: (\w+)", text) or [""])[0]
    close = difflib.get_close_matches(name, Functions.FUNCTION_TABLE, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"there is no function {name}{_at(name, expression)}{hint}"


def _at(name: str, expression: str) -> str:
    found = re.search(rf"\b{re.escape(name)}\s*\(", expression)
    return f" (at character {found.start() + 1})" if found else ""
