# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site with an embedded CA, as the tests of this folder use it: obtain, stage, look."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.obtain import (
    Batch,
    Obtaining,
    SensorOutcome,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.batches.stage import (
    StageOptions,
    StageOutcome,
    stage_batch,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.base import Run, Tools
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.kinds import make_issuers
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.make import write_authority
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.issuers.local_ca.settings import (
    AuthoritySettings,
)
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.base import Profile
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.profiles.defender_iot.profile import DEFENDER_IOT
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.fleet import FleetState
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.ledger import Ledger
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.state.stage_folder import StageFolder
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.validation.model import Policy
from ansible_collections.ot_pki.defender_iot.plugins.module_utils._pki.values import moments

PASSPHRASE = "correct horse battery"
SUBJECT = {"country": "US", "organization": "Contoso", "organizational_unit": "OT"}
ISSUERS = ("local_ca", "received", "self_signed")


def sensor(name: str, **more: Any) -> dict[str, Any]:
    """A sensor as options, with a common name of its own."""
    return {"name": name, "common_name": f"{name}.plant.example", "subject": dict(SUBJECT), **more}


def make_ca(folder: Path, days: int = 3650) -> None:
    """A CA of one tier, quickly made."""
    settings = AuthoritySettings(PASSPHRASE, tiers=1, key_size=2048, root_validity_days=days)
    write_authority(str(folder), settings, moments.now())


class Site:
    """A stage directory, a ledger and a CA."""

    def __init__(self, folder: Path, ca: Path, profile: Profile = DEFENDER_IOT) -> None:
        self.folder = folder
        self.ca = ca
        self.profile = profile
        self.stage_folder = StageFolder(str(folder / "staged"), profile.extensions)
        self.ledger = Ledger(str(folder / "ledger"))

    @property
    def state(self) -> FleetState:
        """What there is now."""
        return FleetState(self.stage_folder, self.ledger)

    def obtain(
        self,
        *sensors: dict[str, Any],
        others: Sequence[dict[str, Any]] = (),
        check_mode: bool = False,
        moment: datetime.datetime | None = None,
        **batch: Any,
    ) -> dict[str, SensorOutcome]:
        """One run of the obtaining batch."""
        local_ca = {"dir": str(self.ca), "passphrase": PASSPHRASE, "crl_url": None}
        run = Run(moment or moments.now(), check_mode, self.profile, ledger=self.ledger, local_ca=local_ca)
        names = {str(entry.get("issuer") or "local_ca") for entry in sensors}
        issuers = make_issuers([name for name in ISSUERS if name in names], {}, run)
        tools = Tools(run.moment, self.state, batch.get("workers", 1), check_mode=check_mode)
        options = Batch(
            issuer_names=ISSUERS, prefix="sensor_certificates_", profile=self.profile, **{"lock_timeout": 0.0, **batch}
        )
        obtaining = Obtaining(self.stage_folder, self.ledger, issuers, tools, options)
        return {outcome.name: outcome for outcome in obtaining.run(sensors, others)}

    def stage(
        self,
        outcomes: dict[str, SensorOutcome],
        passphrases: Mapping[str, Any] | None = None,
        moment: datetime.datetime | None = None,
        **options: Any,
    ) -> dict[str, StageOutcome]:
        """Stage what was obtained."""
        raws = [
            {
                "name": outcome.name,
                "certificate": outcome.files.crt,
                "private_key": outcome.files.key,
                "chain": outcome.files.pem,
                "private_key_passphrase": (passphrases or {}).get(outcome.name),
                "expected_common_name": outcome.common_name,
                "issuer": outcome.issuer,
                "trusted_roots": list(outcome.trusted_roots),
                "tolerated": list(outcome.tolerated),
            }
            for outcome in outcomes.values()
            if outcome.files is not None
        ]
        # What is valid at a moment of the test's own is judged as of today, and that is not what is tested.
        policy = Policy(self.profile, at=moment) if moment else Policy(self.profile)
        chosen = StageOptions(lock_timeout=0.0, policy=policy, **options)
        results, _report = stage_batch(raws, self.stage_folder, chosen, self.ledger, moment=moment)
        return {result.name: result for result in results}

    def run(self, *sensors: dict[str, Any], **options: Any) -> dict[str, SensorOutcome]:
        """Obtain and stage."""
        outcomes = self.obtain(*sensors, **options)
        staged = self.stage(outcomes, {entry["name"]: entry.get("key_passphrase") for entry in sensors})
        assert all(result.action != "failed" for result in staged.values()), staged
        return outcomes


def actions(outcomes: dict[str, SensorOutcome]) -> dict[str, str]:
    """The action of each sensor."""
    return {name: outcome.action for name, outcome in outcomes.items()}
