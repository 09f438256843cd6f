# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does work in forked processes of its own, each with a fault. Orders and outcomes are lines of JSON.

An order: C(prepare) a work in a folder; C(do) it there, or several at the same time (C(together)), with C(fault) as number, errno (0: kill), and whether all later
calls fail as well. An outcome: C(status) (C(done), C(failed), C(crashed), C(killed)), C(texts), C(calls), C(hits), C(first).
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._plain.errors import PkiError
from works import WORKS, Failed, prepare, provide_keys

try:
    SHIM: Any = ctypes.CDLL(None)
    SHIM.faults_arm.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int)
    SHIM.faults_calls.restype = SHIM.faults_hits.restype = ctypes.c_long
    SHIM.faults_first.restype = ctypes.c_char_p
except AttributeError:
    SHIM = None


def do(order: dict[str, Any]) -> dict[str, Any]:
    """In a child: the work, and what came of it."""
    outcome: dict[str, Any] = {"status": "done", "texts": []}
    number, error, lasting = order["fault"]
    os.umask(0o022)
    if SHIM is not None:
        SHIM.faults_arm(order["folder"].encode(), number, error, lasting)
    try:
        WORKS[order["do"]][0](Path(order["folder"]))
    except Failed as failure:
        outcome = {"status": "failed", "texts": [str(text) for text in failure.args]}
    except PkiError as failure:
        outcome = {"status": "failed", "texts": [str(failure)]}
    except Exception:  # noqa: BLE001 - what nobody expected is what is looked for
        outcome = {"status": "crashed", "texts": [traceback.format_exc()]}
    if SHIM is not None:
        outcome.update(
            calls=SHIM.faults_calls(), hits=SHIM.faults_hits(), first=SHIM.faults_first().decode(errors="replace")
        )
        SHIM.faults_arm(b"", 0, 0, 0)
    return outcome


def begin(order: dict[str, Any], turn: int) -> tuple[int, int]:
    """Fork, so that a kill is a process's own, and every trial starts from the same process.

    :returns: the child, and where its outcome can be read.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        if order.get("user"):
            os.setgroups([])
            os.setgid(order["user"])
            os.setuid(order["user"])
        # Keys that a trial's earlier processes had are not used a second time.
        import works

        del works._KEYS[len(works._KEYS) - 6 * turn :]
        with os.fdopen(writing, "w") as stream:
            json.dump(do(order), stream)
        os._exit(0)
    os.close(writing)
    return child, reading


def end(child: int, reading: int) -> dict[str, Any]:
    """What came of a child's work."""
    with os.fdopen(reading) as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return {"status": "killed", "texts": [], "signal": os.WTERMSIG(status)}
    return json.loads(text)


def main() -> None:
    """Until there are no more orders."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    provide_keys(36)
    made: dict[tuple[Any, ...], Path] = {}
    with tempfile.TemporaryDirectory() as aside:
        for line in sys.stdin:
            order = json.loads(line)
            if "prepare" in order:
                prepare(order["prepare"], Path(order["folder"]), made, Path(aside))
                outcome: dict[str, Any] = {"status": "done"}
            elif "together" in order:
                every = [begin({**order, "do": work}, turn) for turn, work in enumerate(order["together"])]
                outcome = {"status": "done", "outcomes": [end(*one) for one in every]}
            else:
                outcome = end(*begin(order, order["turn"]))
            print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
