# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Browsers as people have them, driven by their makers' own means: Chromium by WebDriver, Firefox ESR by Marionette."""

from __future__ import annotations

import base64
import json
import shutil
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

CHROMIUM, FIREFOX = "chromium", "firefox-esr"


class Browser(ABC):
    """One browser with a fresh profile."""

    @abstractmethod
    def open(self, page: Path) -> None:
        """Load a file, and wait until it is there."""

    @abstractmethod
    def script(self, text: str, *arguments: Any) -> Any:
        """The value that a script in the page returns."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """What the console says of the page: errors, and what its security policy refused."""

    @abstractmethod
    def screenshot(self, path: Path) -> None:
        """What is seen."""

    @abstractmethod
    def pdf(self) -> bytes:
        """The page as it is printed."""

    @abstractmethod
    def narrow(self, width: int) -> None:
        """Show pages as on a screen of so many pixels; a browser may not go as far."""

    @abstractmethod
    def close(self) -> None:
        """End it."""


class Chromium(Browser):
    """Debian's Chromium."""

    def __init__(self, folder: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = str(shutil.which(CHROMIUM))
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
            "--disable-dev-shm-usage", "--window-size=1280,1600", f"--user-data-dir={folder}",
        ):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
        self.driver.set_script_timeout(60)

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def later(self, text: str) -> Any:
        """The value of a promise."""
        return self.driver.execute_async_script(f"const done = arguments[0]; ({text}).then(done)")

    def media(self, **features: str) -> None:
        """Pretend preferences of the user, for example ``prefers_color_scheme="dark"``."""
        given = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": given})

    def complaints(self) -> list[str]:
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def screenshot(self, path: Path) -> None:
        self.driver.save_screenshot(str(path))

    def pdf(self) -> bytes:
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", {})["data"])

    def narrow(self, width: int) -> None:
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def serious(self, axe: str) -> list[Any]:
        """What axe-core finds in the open page, and calls serious or worse.

        :param axe: its script.
        """
        self.script(axe)
        found = self.later("axe.run()")
        return [
            (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]

    def close(self) -> None:
        self.driver.quit()


class Firefox(Browser):
    """Debian's Firefox ESR."""

    def __init__(self, folder: Path) -> None:
        from marionette_driver.marionette import Marionette

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = Marionette(
            bin=shutil.which(FIREFOX),
            headless=True,
            port=port,
            gecko_log=str(folder / "firefox.log"),
            startup_timeout=120,
        )
        self.driver.start_session()
        self.driver.timeout.script = 60

    def open(self, page: Path) -> None:
        self.driver.navigate(page.as_uri())

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, list(arguments), sandbox=None)

    def complaints(self) -> list[str]:
        with self.driver.using_context("chrome"):
            found = self.driver.execute_script(
                "return JSON.stringify(Services.console.getMessageArray().map(String).filter((text) => text.includes('.html')))"
            )
        return list(json.loads(found))

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.driver.screenshot(full=False)))

    def pdf(self) -> bytes:
        found = self.driver._send_message("WebDriver:Print", {}, key="value")
        return base64.b64decode(found)

    def narrow(self, width: int) -> None:
        self.driver.set_window_rect(width=width, height=800)

    def close(self) -> None:
        # With its process and profile, before the interpreter goes.
        self.driver.quit(in_app=False)
        self.driver.cleanup()


MAKERS = {CHROMIUM: Chromium, FIREFOX: Firefox}


def missing(name: str) -> str | None:
    """What is not installed, or None."""
    wanted = {CHROMIUM: (CHROMIUM, "chromedriver"), FIREFOX: (FIREFOX,)}[name]
    return next((program for program in wanted if shutil.which(program) is None), None)
