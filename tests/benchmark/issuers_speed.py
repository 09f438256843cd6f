# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long issuers outside take, beside the keys alone.

tests/benchmark/issuers_speed.py [SENSORS]     with OT_PKI_COLLECTIONS as for the tests; default 1000
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    os.environ.get("OT_PKI_COLLECTIONS", str(CHECKOUT / "build" / "collections")),
    str(CHECKOUT / "tests" / "support"),
]
import ca_servers  # noqa: E402
import corporate_pki as pki  # noqa: E402
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.parallel import (  # noqa: E402
    process_map,
    usable_processors,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import x509_parts as parts  # noqa: E402
from issuing_site import Site, answer_all, wanted  # noqa: E402


def spent() -> float:
    """Seconds of processor time, of this process and those that it started and that have ended."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def measured(title: str, work: Callable[[], Any], keys: float | None = None) -> float:
    """Seconds of wall time; the processor time beside it says more on a busy machine."""
    start, before = time.monotonic(), spent()
    work()
    took, cost = time.monotonic() - start, spent() - before
    ratio = f"  {took / keys:5.2f} times the keys alone" if keys else ""
    print(f"{title:<28}{took:8.1f} s  {cost:8.1f} s of processor{ratio}", flush=True)
    return took


def expect(outcomes: Any, action: str) -> None:
    """Everybody came to this."""
    others = [outcome for outcome in outcomes if outcome.action != action]
    assert not others, (others[0].action, others[0].errors, others[0].reasons)


def one_key(_number: int) -> bytes:
    """A key, as every issuer needs it."""
    return parts.key_pem(parts.new_key(2048), None)


def main(count: int) -> None:
    """Measure and print."""
    workers = usable_processors()
    print(f"{count} sensors, {workers} processors")
    keys = measured("keys alone", lambda: list(process_map(one_key, range(count), workers)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder / "corp")
        (folder / "corp").mkdir()
        (folder / "root.pem").write_bytes(pki.root().crt)
        site.described["corp"] = {"kind": "request_folder", "trusted_roots": [str(folder / "root.pem")]}
        sensors = [wanted(number, "corp") for number in range(count)]
        measured("requests written", lambda: expect(site.run(*sensors, workers=workers), "pending"), keys)
        measured("nothing answered", lambda: expect(site.run(*sensors, workers=workers), "pending"))
        answer_all(site)
        measured("answers taken", lambda: expect(site.run(*sensors, workers=workers, show=False), "issued"))
        site.run(*sensors, workers=workers)
        measured("unchanged", lambda: expect(site.run(*sensors, workers=workers, show=False), "kept"))
        for kind in ("vault", "cfssl"):
            site = Site(folder / kind)
            (folder / kind).mkdir()
            sensors = [wanted(number, "outside") for number in range(count)]
            if kind == "vault":
                with ca_servers.bao(folder / kind) as server:
                    site.described["outside"] = {
                        "kind": "vault", "url": server.url, "mount": server.engine(), "role": "sensors",
                        "token": ca_servers.TOKEN,
                    }  # fmt: skip
                    measured(
                        "OpenBao",
                        lambda s=site, n=sensors: expect(s.run(*n, workers=workers, show=False), "issued"),
                        keys,
                    )
            else:
                with ca_servers.cfssl(folder / kind, pki.issuing().crt, pki.issuing().private()) as url:
                    site.described["outside"] = {
                        "kind": "cfssl", "url": url, "profile": "sensor", "auth_key": ca_servers.AUTH_KEY,
                        "trusted_roots": [str(folder / "root.pem")],
                    }  # fmt: skip
                    measured(
                        "cfssl",
                        lambda s=site, n=sensors: expect(s.run(*n, workers=workers, show=False), "issued"),
                        keys,
                    )
        site = Site(folder / "local")
        (folder / "local").mkdir()
        site.local_ca()
        sensors = [wanted(number, "local_ca") for number in range(count)]
        measured("embedded CA", lambda: expect(site.run(*sensors, workers=workers), "issued"), keys)
        measured("embedded CA, unchanged", lambda: expect(site.run(*sensors, workers=workers, show=False), "kept"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
