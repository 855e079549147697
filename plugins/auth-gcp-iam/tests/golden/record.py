"""Records what Google's own libraries make of a fixed key, time and machine identity.

    python3 -m venv /tmp/recorder && /tmp/recorder/bin/pip install google-auth==2.62.2 google-cloud-iam==2.27.0 requests==2.34.2
    /tmp/recorder/bin/python plugins/auth-gcp-iam/tests/golden/record.py

Writes recorded.json beside this file: a token as google-auth signs it with the key file, and the requests that the libraries
send where Google signs. The key file beside it was made for this and opens nothing; without it a new one is made, and then
the token is another.
"""

import datetime
import json
import pathlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import google.auth.jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt
from google.cloud import iam_credentials_v1
from google.oauth2.credentials import Credentials

HERE = pathlib.Path(__file__).parent
KEY = HERE / "key.json"
ACCOUNT = "deployer@shop-4711.iam.gserviceaccount.com"
IDENTITY = "11111111-2222-4333-8444-555555555555"
NOW = 1_767_225_600


def key_file():
    if not KEY.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        document = {
            "type": "service_account",
            "project_id": "shop-4711",
            "private_key_id": "9f1c2f6a0b3e4d5c8a7b6c5d4e3f2a1b0c9d8e7f",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "client_id": "100000000000000000001",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        }
        KEY.write_text(json.dumps(document, indent=2) + "\n")
    return json.loads(KEY.read_text())


def token(key):
    now = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)
    with mock.patch("google.auth._helpers.utcnow", return_value=now):
        signer = crypt.RSASigner.from_service_account_info(key)
        credentials = google.auth.jwt.Credentials(signer, ACCOUNT, ACCOUNT, IDENTITY)
        credentials.refresh(None)
        return credentials.token.decode() if isinstance(credentials.token, bytes) else credentials.token


def sign_jwt():
    """The request of signJwt, as the library sends it."""
    sent = {}

    def send(session, method, url, **more):
        headers = {name.lower(): value for name, value in more["headers"].items()}
        sent.update(
            method=method.upper(),
            url=url,
            authorization=headers.get("authorization", ""),
            content_type=headers["content-type"],
            body=json.loads(more["data"]),
        )
        answer = requests.Response()
        answer.status_code = 200
        answer._content = b'{"keyId": "k", "signedJwt": "a.b.c"}'
        answer.headers["content-type"] = "application/json"
        return answer

    payload = json.dumps({"sub": ACCOUNT, "aud": IDENTITY})
    with mock.patch.object(requests.Session, "request", send):
        client = iam_credentials_v1.IAMCredentialsClient(credentials=Credentials("access"), transport="rest")
        client.sign_jwt(name=f"projects/-/serviceAccounts/{ACCOUNT}", payload=payload)
    return sent


def metadata():
    """What is asked of the metadata server: the account, and a token of it."""
    import google.auth.compute_engine._metadata as library
    import google.auth.transport.requests

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append({"method": "GET", "path": self.path, "metadata_flavor": self.headers.get("Metadata-Flavor")})
            if self.path.split("?")[0].endswith("/token"):
                body = b'{"access_token": "access", "expires_in": 3599, "token_type": "Bearer"}'
            else:
                body = json.dumps({"email": ACCOUNT, "scopes": [], "aliases": ["default"]}).encode()
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    root = f"http://{host}/computeMetadata/v1/"
    with mock.patch.object(library, "_get_metadata_root", lambda *_, **__: root):
        library.get_service_account_token(google.auth.transport.requests.Request(), "default")
    server.shutdown()
    return asked


def main():
    key = key_file()
    recorded = {
        "now": NOW,
        "identity": IDENTITY,
        "account": ACCOUNT,
        "token": token(key),
        "sign_jwt": sign_jwt(),
        "metadata": metadata(),
    }
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=2) + "\n")


main()
