# SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sensor's console that presents what was staged for it."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

PAGE = b"<html><body>the console of the sensor</body></html>"


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that do not trust the certificate hang up; that is what is tested."""


@contextlib.contextmanager
def console(bundle: Path, folder: Path, address: str) -> Iterator[int]:
    """Serve https on an address with the staged files of a sensor; gives the port."""
    (certificate,), (key,), (chain,) = (list(bundle.glob(f"*.{kind}")) for kind in ("crt", "key", "pem"))
    presented = folder / "presented.pem"
    presented.write_bytes(certificate.read_bytes() + chain.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(presented, key)
    with _Server((address, 0), _Page) as server:
        # The handshake belongs to each connection's thread.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
