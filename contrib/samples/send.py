#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Send one message and follow it: send.py TO TEXT.  POSTHORN_URL and POSTHORN_KEY say where and as whom.

The same Idempotency-Key is used for every attempt, so a repetition after a lost answer does not send twice.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("POSTHORN_URL", "http://127.0.0.1:8775")
FINAL = {"delivered", "undelivered", "rejected", "expired", "cancelled", "unconfirmed"}


def call(method, path, body=None, headers=None):
    request = urllib.request.Request(URL + path, json.dumps(body).encode() if body else None, method=method, headers={
        "Authorization": "Bearer " + os.environ["POSTHORN_KEY"], "Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def send(message, tries=6):
    key = str(uuid.uuid4())
    for attempt in range(tries):
        try:
            return call("POST", "/v1/messages", message, {"Idempotency-Key": key})
        except urllib.error.HTTPError as e:
            error = json.load(e)["error"]
            # 409 in progress, 429 and 503 pass; every other refusal stays one.
            if e.code not in (429, 503) and error["code"] != "idempotency_in_progress" or attempt == tries - 1:
                sys.exit(f"refused: {error['message']} ({error['code']})")
            wait_s = float(e.headers.get("Retry-After", 1))
        except OSError as e:
            if attempt == tries - 1:
                sys.exit(f"{URL}: {e}")
            wait_s = 2 ** attempt / 4
        time.sleep(wait_s)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: send.py TO TEXT")
    message = send({"to": sys.argv[1], "text": sys.argv[2]})
    print(f"{message['id']}: accepted, {message['parts']} part(s) of {message['encoding']}")
    # A program that sends much would rather have a webhook; see webhook.py.
    while message["state"] not in FINAL:
        time.sleep(0.5)
        message = call("GET", "/v1/messages/" + message["id"])
    print(f"{message['id']}: {message['state']}")
    sys.exit(0 if message["state"] == "delivered" else 1)


if __name__ == "__main__":
    main()
