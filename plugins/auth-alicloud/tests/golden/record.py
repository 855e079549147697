"""Records what Alibaba's own core SDK for Python signs, for the test beside this to compare with byte for byte.

    python3 -m venv /tmp/alicloud && /tmp/alicloud/bin/pip install aliyun-python-sdk-core==2.16.1
    /tmp/alicloud/bin/python plugins/auth-alicloud/tests/golden/record.py

The parameters are those that Infisical sends on: this SDK would add an empty SignatureType, which Infisical leaves out. The
nonces are what the test host's random numbers make of its seed. A second recording gives the same file.
"""
import json
from pathlib import Path

from aliyunsdkcore.auth.composer import rpc_signature_composer as composer

HERE = Path(__file__).parent
CASES = [
    (7, "LTAI5tExampleExample", "0123456789abcdefghijABCDEFGHIJ", 1767225600, "2026-01-01T00:00:00Z", "f400927857aaf64114f561baacb37970"),
    (8, "LTAI5tExampleExample", "0123456789abcdefghijABCDEFGHIJ", 1767225600, "2026-01-01T00:00:00Z", "c2206fc0bd318594f8cc73bc35106fba"),
    (9, "L1", "a+/=&% ~é", 1961711999, "2032-02-29T23:59:59Z", "f2a76980dfc7a4924b326a129e9e7c7e"),
]

recorded = []
for seed, key_id, secret, now, timestamp, nonce in CASES:
    parameters = {
        "AccessKeyId": key_id,
        "Action": "GetCallerIdentity",
        "Format": "JSON",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": nonce,
        "SignatureVersion": "1.0",
        "Timestamp": timestamp,
        "Version": "2015-04-01",
    }
    signed = composer.__compose_string_to_sign("GET", parameters)
    signature = composer.__get_signature(signed, secret)
    recorded.append({
        "seed": seed,
        "secret": secret,
        "now": now,
        "signed": signed,
        "body": {**parameters, "Signature": signature},
    })
(HERE / "recorded.json").write_text(json.dumps(recorded, indent=2) + "\n")
