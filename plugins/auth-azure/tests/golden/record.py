"""Records what Azure's own library asks the metadata service and Entra's token endpoint.

    python3 -m venv /tmp/recorder && /tmp/recorder/bin/pip install azure-identity==1.27.0
    /tmp/recorder/bin/python plugins/auth-azure/tests/golden/record.py

Writes recorded.json beside this file.
"""

import json
import os
import pathlib
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ManagedIdentityCredential, WorkloadIdentityCredential

HERE = pathlib.Path(__file__).parent
RESOURCE = "https://management.azure.com/"
TENANT = "0a1b2c3d-0000-4000-8000-000000000001"
CLIENT = "0a1b2c3d-0000-4000-8000-000000000002"
ASSERTION = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
ANSWER = {"access_token": "t", "expires_in": "3599", "expires_on": "99999999999", "resource": RESOURCE, "token_type": "Bearer"}


class Recorder:
    """A server on loopback that takes any request and gives a token."""

    def __init__(self):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                asked.append({"method": self.command, "path": self.path, "metadata": self.headers.get("Metadata"), "body": body})
                answer = json.dumps(ANSWER).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Redirected(RequestsTransport):
    """Sends what is meant for Entra to the recorder: the library takes no endpoint without TLS."""

    def __init__(self, recorder):
        super().__init__()
        self.recorder, self.origins = recorder, []

    def send(self, request, **more):
        parts = urllib.parse.urlsplit(request.url)
        self.origins.append(f"{parts.scheme}://{parts.netloc}")
        request.url = self.recorder.url + urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        return super().send(request, **more)


def managed_identity(client_id):
    recorder = Recorder()
    os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = recorder.url
    more = {"client_id": client_id} if client_id else {}
    ManagedIdentityCredential(**more).get_token(RESOURCE + "/.default")
    (asked,) = recorder.asked
    return {"method": asked["method"], "path": asked["path"], "metadata": asked["metadata"]}


def workload_identity():
    recorder = Recorder()
    transport = Redirected(recorder)
    with tempfile.NamedTemporaryFile("w", suffix=".jwt") as file:
        file.write(ASSERTION)
        file.flush()
        credential = WorkloadIdentityCredential(
            tenant_id=TENANT, client_id=CLIENT, token_file_path=file.name, transport=transport
        )
        credential.get_token("https://management.azure.com/.default")
    asked = [ask for ask in recorder.asked if ask["method"] == "POST"]
    (token,) = asked
    return {
        "origin": transport.origins[-1],
        "path": token["path"],
        "form": dict(urllib.parse.parse_qsl(token["body"], strict_parsing=True)),
    }


def main():
    recorded = {
        "resource": RESOURCE,
        "tenant": TENANT,
        "client": CLIENT,
        "assertion": ASSERTION,
        "system_assigned": managed_identity(None),
        "user_assigned": managed_identity(CLIENT),
        "workload_identity": workload_identity(),
    }
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=2) + "\n")


main()
