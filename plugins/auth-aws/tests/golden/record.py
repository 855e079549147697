#!/usr/bin/env python3
"""Records what botocore signs, as the tests of this plugin expect it.

    python3 -m venv /tmp/botocore && /tmp/botocore/bin/pip install botocore
    /tmp/botocore/bin/python plugins/auth-aws/tests/golden/record.py

Writes signatures.json beside this file. Keys and tokens are made up; time stands still.
"""

import base64
import datetime
import json
import pathlib

import botocore
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ==+/"

CASES = [
    ("a user", "eu-central-1", "2026-01-01T00:00:00Z", KEY, SECRET, None),
    ("temporary keys", "us-east-1", "2026-02-28T23:59:59Z", "ASIAEXAMPLE", SECRET, TOKEN),
    ("China", "cn-north-1", "2024-02-29T12:34:56Z", KEY, SECRET, None),
    ("China, temporary keys", "cn-northwest-1", "2030-12-31T23:59:59Z", "ASIAEXAMPLE", SECRET, TOKEN),
    ("GovCloud", "us-gov-west-1", "2026-07-04T04:05:06Z", KEY, SECRET, None),
    ("a long region", "ap-southeast-5", "2026-10-10T10:10:10Z", "ASIAEXAMPLE", SECRET, TOKEN),
    ("a key with every sign that keys have", "sa-east-1", "2026-01-01T00:00:01Z", KEY, "a/b+c=d" * 5, None),
]


def record(name, region, time, key, secret, token):
    resolver = Session().get_component("endpoint_resolver")
    partition = resolver.get_partition_for_region(region)
    host = resolver.construct_endpoint("sts", region, partition_name=partition)["hostname"]
    assert host.startswith(f"sts.{region}."), host
    now = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    # Where the signer takes the time from.
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: now.replace(tzinfo=None)

    # Signed is what Infisical's clients sign: Content-Type goes along unsigned.
    request = AWSRequest("POST", f"https://{host}/", headers={"Content-Length": str(len(BODY))}, data=BODY)
    botocore.auth.SigV4Auth(Credentials(key, secret, token), "sts", region).add_auth(request)
    headers = {
        "Content-Length": str(len(BODY)),
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Host": host,
        **{name: value for name, value in request.headers.items()},
    }
    document = json.dumps(headers, sort_keys=True, separators=(",", ":"))
    return {
        "name": name,
        "region": region,
        "time": int(now.timestamp()),
        "accessKeyId": key,
        "secretAccessKey": secret,
        "sessionToken": token,
        "login": {
            "identityId": "11111111-2222-4333-8444-555555555555",
            "iamHttpRequestMethod": "POST",
            "iamRequestBody": base64.b64encode(BODY.encode()).decode(),
            "iamRequestHeaders": base64.b64encode(document.encode()).decode(),
        },
    }


def hosts():
    """STS of every region of the partitions that Infisical's server reaches."""
    session = Session()
    resolver = session.get_component("endpoint_resolver")
    found = {}
    for partition in ["aws", "aws-cn", "aws-us-gov"]:
        for region in session.get_available_regions("sts", partition, allow_non_regional=False):
            found[region] = resolver.construct_endpoint("sts", region, partition_name=partition)["hostname"]
    return found


if __name__ == "__main__":
    recorded = {"botocore": botocore.__version__, "hosts": hosts(), "cases": [record(*case) for case in CASES]}
    file = pathlib.Path(__file__).with_name("signatures.json")
    file.write_text(json.dumps(recorded, indent=2) + "\n")
    print(file)
