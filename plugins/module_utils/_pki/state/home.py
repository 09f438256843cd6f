# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the store holds for one sensor, as one look at its folder found it."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class SensorHome:
    """A sensor's folder of the store.

    :ivar folder: its path.
    :ivar current: the real folder of the bundle that people see, wherever it is; None: there is none.
    :ivar shown: that bundle's name in the store, None if it is elsewhere (put there by hand) or there is none.
    :ivar names: the complete bundles, oldest first.
    :ivar remains: what killed runs left; it may hold keys.
    """

    folder: str
    current: str | None = None
    shown: str | None = None
    names: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()

    @property
    def bundles(self) -> list[str]:
        """The folders of all complete bundles, oldest first."""
        return self._paths(self.names)

    @property
    def pending(self) -> list[str]:
        """Complete bundles that were made after the visible one and are not visible yet, newest first."""
        return self._paths(self.pending_names[::-1])

    def surplus(self, keep: int, one_more: bool = False) -> list[str]:
        """Folders that can go: all but the visible bundle, the ``keep`` before it, and what is pending.

        Remains of runs that were killed are among them; they may hold keys.

        :param one_more: predict for the moment when the visible bundle has been replaced.
        """
        waiting = set(self.pending_names)
        previous = [name for name in self.names if name not in waiting and (one_more or name != self.shown)]
        return self._paths((*self.remains, *previous[: max(0, len(previous) - keep)]))

    @property
    def pending_names(self) -> tuple[str, ...]:
        """The names of the pending bundles, oldest first."""
        if self.current is None:
            return self.names
        if self.shown in self.names:
            return self.names[self.names.index(self.shown) + 1 :]
        return ()

    def _paths(self, names: tuple[str, ...]) -> list[str]:
        return [os.path.join(self.folder, name) for name in names]
