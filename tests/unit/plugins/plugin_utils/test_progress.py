# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress for whoever waits at a terminal, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from ansible import constants
from ansible.utils.display import Display
from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.progress import Progress, somebody_waits


class Clock:
    """Seconds that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda _self, text, *_more, **_others: lines.append(text))
    return lines


def test_how_many_how_fast_and_how_long(shown: list[str]) -> None:
    clock = Clock()
    told = Progress(wanted=True, clock=clock)
    for second in range(1, 12):
        clock.now = float(second)
        told("certificates obtained", second * 20, 4000)
    assert shown == [
        "  100 of 4000 certificates obtained, 20 a second, about 3 min 15 s left",
        "  200 of 4000 certificates obtained, 20 a second, about 3 min 10 s left",
    ]
    clock.now = 12.0
    told("bundles validated", 0, 4000)
    clock.now = 17.0
    told("bundles validated", 3, 4000)
    assert shown[2:] == ["  3 of 4000 bundles validated, 0.6 a second, about 111 min 2 s left"]


def test_quiet_where_nobody_waits(shown: list[str]) -> None:
    clock = Clock()
    told = Progress(wanted=False, clock=clock)
    clock.now = 60.0
    told("certificates obtained", 1, 2)
    assert shown == []
    assert told.done == "1 of 2 certificates obtained"


@pytest.mark.parametrize(
    ("output", "callback", "environment", "waits"),
    [
        ("/dev/pts/3", "default", {}, True),
        ("/dev/tty1", "ansible.builtin.default", {}, True),
        ("pipe:[123]", "default", {}, False),
        ("/var/log/run.log", "default", {}, False),
        ("/dev/pts/3", "ansible.posix.json", {}, False),
        ("/dev/pts/3", "ansible.posix.jsonl", {}, False),
        # ansible-runner gives Ansible a terminal of its own.
        ("/dev/pts/3", "awx_display", {}, False),
        ("/dev/pts/3", "default", {"AWX_HOST": "https://awx"}, False),
    ],
)
def test_who_waits(
    monkeypatch: pytest.MonkeyPatch, output: str, callback: str, environment: dict[str, str], waits: bool
) -> None:
    monkeypatch.setattr(os, "readlink", lambda _path: output)
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", callback)
    assert somebody_waits(environment) is waits


INTERRUPTED = """
    import os, signal, sys
    from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.parallel import process_map
    from ansible_collections.ot_pki.defender_iot.plugins.plugin_utils.progress import Progress, interruptible

    def work(item):
        if item == 3:
            print("begun", flush=True)
            signal.pause()
        return item

    if os.fork():  # ansible-playbook, which waits for its worker
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
    told = Progress(wanted=False)
    try:
        with interruptible("cert_issue", told):
            for done, _item in enumerate(process_map(work, range(8), workers=2), start=1):
                told("certificates obtained", done, 8)
    except KeyboardInterrupt:
        os._exit(7)
"""


def test_a_pool_that_is_interrupted() -> None:
    """Processes of the pool write nothing, are not waited for, and leave nobody behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        for _again in range(2):
            os.killpg(process.pid, signal.SIGINT)
        _output, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 7, errors
    assert errors.startswith("Interrupted in cert_issue: ")
    assert errors.endswith("what was completed is kept, and the next run goes on from there\n")
    assert len(errors.splitlines()) == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
