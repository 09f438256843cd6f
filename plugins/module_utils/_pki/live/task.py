# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task behind ``live_check``: options in, result out, wherever the probe runs."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..._plain.errors import InputError
from ..._plain.tls_probe import Endpoint, Handshake, Probe
from ..values.lists import counted, some
from . import judge as states
from .judge import Judge, LiveResult
from .known import Known
from .targets import Target, parse_targets

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "targets": {"type": "list", "elements": "raw", "required": True},
    "timeout": {"type": "float", "default": 10.0},
    "parallel": {"type": "int", "default": 256},
    "min_days_left": {"type": "int", "default": 30},
    "wait": {"type": "float", "default": 0.0},
    "stage_dir": {"type": "path"},
    "ledger_dir": {"type": "path"},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
}

# Seconds between two looks at consoles that are waited for.
_PAUSE = 1.0

if TYPE_CHECKING:
    Fetch = Callable[[Sequence[Endpoint], float, int], Sequence[Probe]]

# In the order in which people read them: the state, then its reasons.
_TITLES = {
    states.INSTALLATION: "still have the self-signed certificate of their installation",
    states.EARLIER: "still present an earlier certificate",
    states.LATER: "present a later certificate than the one that was given",
    states.OTHER_SENSOR: "present another sensor's certificate",
    states.SAME_KEY: "present another certificate for the same key",
    states.INTERCEPTED: "present their name from another CA (a proxy on the way?)",
    states.FOREIGN: "present something else's certificate",
    states.UNREADABLE: "present a certificate that cannot be read",
    states.NOT_COMPARED: "were not compared, as no certificate was given",
    "plain": "do not speak TLS",
    "handshake": "agree on no TLS connection",
    "dns": "have a name that is not resolved",
    "refused": "refuse the connection",
    "timeout": "do not answer in time",
    "network": "cannot be reached",
    "reset": "reset the connection",
    "closed": "close the connection",
    states.INPUT: "are not described well",
}


def run(
    params: Mapping[str, Any], known: Callable[[Sequence[Target]], Known], fetch: Fetch, moment: datetime.datetime
) -> dict[str, Any]:
    """Look at all targets and judge them.

    :param known: gives what is known of certificates that no target explains.
    :param fetch: looks at endpoints: it gets them, the timeout in seconds, and how many at once.
    :raises InputError: an option cannot be used.
    """
    if not 0 < params["timeout"] <= 3600:
        raise InputError(f"timeout is {params['timeout']:g}; wanted: seconds, more than 0")
    if params["parallel"] < 1:
        raise InputError(f"parallel is {params['parallel']}; wanted: how many targets at once, 1 or more")
    if params["min_days_left"] < 0:
        raise InputError(f"min_days_left is {params['min_days_left']}; wanted: 0 or more days")
    if not 0 <= params["wait"] <= 86400:
        raise InputError(f"wait is {params['wait']:g}; wanted: seconds, 0 or more")
    targets = parse_targets(params["targets"])
    judge = Judge(known(targets), moment, params["min_days_left"])
    until = time.monotonic() + params["wait"]
    results = _look(targets, judge, fetch, params)
    while time.monotonic() < until:
        late = [place for place, result in enumerate(results) if _may_change(targets[place], result)]
        if not late:
            break
        time.sleep(min(_PAUSE, max(until - time.monotonic(), 0)))
        for place, result in zip(late, _look([targets[place] for place in late], judge, fetch, params), strict=True):
            results[place] = result
    return _result(results, params["fail_on"])


def _look(targets: Sequence[Target], judge: Judge, fetch: Fetch, params: Mapping[str, Any]) -> list[LiveResult]:
    fit = [target for target in targets if target.problem is None]
    seen = iter(fetch([target.endpoint for target in fit], params["timeout"], params["parallel"]))
    return [
        judge.judge(target, next(seen) if target.problem is None else Probe(Handshake(states.INPUT)))
        for target in targets
    ]


def _may_change(target: Target, result: LiveResult) -> bool:
    """Whether a later look may show the certificate that was given: there is one, and it is not seen yet."""
    return target.problem is None and target.expected.view is not None and result.state != states.MATCHES


def _result(results: Sequence[LiveResult], fail_on: str) -> dict[str, Any]:
    lines = summary_lines(results)
    bad = [result for result in results if result.errors or (fail_on == "warning" and result.warnings)]
    outcome: dict[str, Any] = {
        "changed": False,
        "msg": lines[0],
        "results": [result.to_dict() for result in results],
        "lines": lines,
        "counts": _counts(results),
        "failures": {result.sensor: result.to_dict()["message"] for result in results if result.errors},
    }
    if bad and fail_on != "never":
        outcome["failed"] = True
        outcome["msg"] = "\n".join(_verdicts(bad, lines[0]))
    return outcome


def _verdicts(bad: Sequence[LiveResult], headline: str, most: int = 20) -> list[str]:
    texts = [f"{result.sensor}: {result.to_dict()['message']}" for result in bad[:most]]
    rest = len(bad) - most
    return [headline, *texts, *([f"and {rest} more"] if rest > 0 else [])]


def _counts(results: Sequence[LiveResult]) -> dict[str, int]:
    counts = dict.fromkeys((states.MATCHES, states.SELF_SIGNED, states.OTHER, states.UNREACHABLE, states.NOT_TLS), 0)
    for result in results:
        counts[result.state] += 1
    return counts


def summary_lines(results: Sequence[LiveResult], most: int = 10) -> list[str]:
    """What people want to read: how many are right, and who is not and why.

    :param most: how many are named for each thing; the others are counted.
    """
    right = sum(result.state == states.MATCHES for result in results)
    lines = [
        f"{right} of {counted(len(results), 'target')} {_verb('present', len(results))} the certificate that was given"
    ]
    for reason, title in _TITLES.items():
        lines += _named(title, [result.sensor for result in results if result.reason == reason], most)
    wrong_name = [result.sensor for result in results if result.name_matches is False]
    lines += _named("present a certificate that is not made out for their name", wrong_name, most)
    late = [result.sensor for result in results if result.days_left is not None and result.days_left < 0]
    lines += _named("present an expired certificate", late, most)
    no_chain = [result.sensor for result in results if result.chain_sent in ("none", "incomplete")]
    lines += _named("do not send the CA certificates that clients need", no_chain, most)
    return lines


def _named(title: str, sensors: list[str], most: int) -> list[str]:
    if not sensors:
        return []
    words = title.replace("their", "its") if len(sensors) == 1 else title
    first, rest = words.split(" ", 1)
    if first == "still":
        verb, rest = rest.split(" ", 1)
        told = f"still {_verb(verb, len(sensors))} {rest}"
    else:
        told = f"{_verb(first, len(sensors))} {rest}"
    return [f"  {len(sensors)} {told}: {some(sensors, most)}"]


def _verb(many: str, number: int) -> str:
    """A verb for one or many."""
    if number != 1 or many == "cannot":
        return many
    return {"have": "has", "were": "was", "are": "is", "do": "does"}.get(many, many + "s")
