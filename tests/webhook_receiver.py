"""A program that listens: a real HTTPS server in a process of its own, which writes down what it received.

    python -m tests.webhook_receiver PORT CERTIFICATE KEY FILE

It answers as FILE.answer says: a status, « hang » (nothing comes back), or « redirect ADDRESS ».
"""

from __future__ import annotations

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    file: Path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        line = json.dumps({"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body})
        with self.file.open("a", encoding="utf-8") as kept:
            kept.write(line + "\n")
        said = Path(f"{self.file}.answer")
        word, _, rest = (said.read_text() if said.exists() else "204").partition(" ")
        if word == "hang":
            time.sleep(60)
        self.send_response(302 if word == "redirect" else int(word))
        if word == "redirect":
            self.send_header("Location", rest)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    port, certificate, key, file = sys.argv[1:]
    Handler.file = Path(file)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
