# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every fault of every sensor's description, before anything is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..planning.request import LOCAL_CA, SensorRequest, duplicate_faults, parse_request
from ..planning.terms import Terms
from ..profiles.base import Profile
from ..profiles.defender_iot.profile import DEFENDER_IOT


def check_inputs(
    raws: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
    prefix: str,
    issuers: Collection[str] = (LOCAL_CA,),
    terms: Mapping[str, Terms] | None = None,
    profile: Profile = DEFENDER_IOT,
) -> tuple[list[SensorRequest | None], list[list[str]]]:
    """Every fault of every sensor.

    :param raws: the sensors of this run, as options (:func:`..planning.request.parse_request`).
    :param others: name and CN of the fleet's sensors that this run leaves alone.
    :param prefix: how the caller's variables begin, for messages.
    :param issuers: the names that a sensor's issuer may have.
    :param terms: what issuers set, by name, as far as that is known.
    :param profile: what the appliance asks for.
    :returns: the fit requests (``None`` for the others) and the messages, both in the order given.
    """
    duplicates = duplicate_faults(raws, others)
    requests: list[SensorRequest | None] = []
    messages = []
    for position, raw in enumerate(raws):
        request, faults = parse_request(raw, issuers, profile)
        faults = faults + duplicates.get(position, [])
        if request is not None and terms is not None and request.issuer in terms:
            faults += terms[request.issuer].faults(request)
        requests.append(None if faults else request)
        messages.append([fault.text(prefix) for fault in faults])
    return requests, messages
