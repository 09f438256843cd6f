# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/clients.md: run the test that serves bundles to real clients, and keep what they said.

Wanted: the collection installed (``make install``), and the packages of tools/install-test-tools.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def main() -> int:
    """Entry point."""
    environment = {**os.environ, "OT_PKI_WRITE_CLIENTS_PAGE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/end_to_end/test_real_clients.py"]
    return subprocess.run(command, cwd=TOP, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
