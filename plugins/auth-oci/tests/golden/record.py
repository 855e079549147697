"""Records what Oracle's own SDK for Python signs, for the test beside this to compare with byte for byte.

    python3 -m venv /tmp/oci && /tmp/oci/bin/pip install oci==2.189.0
    /tmp/oci/bin/python plugins/auth-oci/tests/golden/record.py

Keys and dates are fixed, and the signature has no random part: a second recording gives the same file.
"""
import json
from pathlib import Path

import oci
from oci._vendor import requests

HERE = Path(__file__).parent
KEYS = HERE.parents[3] / "host/runtime/tests/fixtures/keys"
CASES = [
    ("pkcs8.pem", None, "us-ashburn-1", "Thu, 01 Jan 2026 00:00:00 GMT", 1767225600, "aaaaaaaaexample"),
    ("pkcs1.pem", None, "eu-frankfurt-1", "Sun, 29 Feb 2032 23:59:59 GMT", 1961711999, "aaaaaaaaexample"),
    ("pbkdf2.pem", "open-sesame", "ap-melbourne-1", "Tue, 07 Jul 2026 07:07:07 GMT", 1783408027, "eu-frankfurt-1.aaaa-b_c"),
    ("openssl-aes128.pem", "open-sesame", "uk-london-1", "Wed, 31 Dec 2025 09:08:07 GMT", 1767172087, "aaaaaaaaexample"),
]
TENANCY = "ocid1.tenancy.oc1..aaaaaaaatenancy"
FINGERPRINT = "b5:eb:ee:8e:28:bb:00:a3:bf:4b:73:7f:da:df:68:18"

recorded = []
for key, passphrase, region, date, now, unique in CASES:
    user = f"ocid1.user.oc1..{unique}" if "." not in unique else f"ocid1.user.oc1.{unique}"
    url = f"https://identity.{region}.oraclecloud.com/20160918/users/{user}"
    request = requests.Request("GET", url, headers={"date": date}).prepare()
    signer = oci.signer.Signer(TENANCY, user, FINGERPRINT, None, passphrase, (KEYS / key).read_text())
    headers = {name.lower(): value for name, value in signer.without_content_headers(request).headers.items()}
    recorded.append({
        "key": key,
        "passphrase": passphrase,
        "now": now,
        "inputs": {"user-id": user, "tenancy-id": TENANCY, "fingerprint": FINGERPRINT, "region": region},
        "headers": {name: headers[name] for name in ("authorization", "date", "host")},
    })
(HERE / "recorded.json").write_text(json.dumps(recorded, indent=2) + "\n")
