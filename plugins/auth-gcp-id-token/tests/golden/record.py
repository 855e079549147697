"""Records what Google's own library asks the metadata server for an id token.

    python3 -m venv /tmp/recorder && /tmp/recorder/bin/pip install google-auth==2.62.2 requests==2.34.2
    /tmp/recorder/bin/python plugins/auth-gcp-id-token/tests/golden/record.py

Writes recorded.json beside this file.
"""

import json
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import google.auth.compute_engine._metadata as library
import google.auth.transport.requests
from google.auth.compute_engine import IDTokenCredentials

HERE = pathlib.Path(__file__).parent
IDENTITY = "11111111-2222-4333-8444-555555555555"
# Header and claims of a token that ends in 2030; the library reads its end.
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE4OTM0NTYwMDB9.c2lnbmF0dXJl"


def main():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append({"method": "GET", "path": self.path, "metadata_flavor": self.headers.get("Metadata-Flavor")})
            identity = "/identity?" in self.path
            body = TOKEN if identity else json.dumps({"email": "a@b.iam.gserviceaccount.com", "scopes": []})
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "application/text" if identity else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}/computeMetadata/v1/"
    with mock.patch.object(library, "_get_metadata_root", lambda *_, **__: root):
        request = google.auth.transport.requests.Request()
        IDTokenCredentials(request, IDENTITY, use_metadata_identity_endpoint=True).refresh(request)
    server.shutdown()
    recorded = {"identity": IDENTITY, "token": TOKEN, "asked": [ask for ask in asked if "/identity?" in ask["path"]]}
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=2) + "\n")


main()
