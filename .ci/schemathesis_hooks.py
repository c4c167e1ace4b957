"""Logs in for schemathesis, and counts the requests that it sends.

The environment says as whom: CHAIRBOOK_URL, CHAIRBOOK_EMAIL, CHAIRBOOK_PASSWORD; and where the number of requests goes:
CHAIRBOOK_COUNT. Operations that guess at the caller's password are called as CHAIRBOOK_GUESSER, whose account they lock:
nobody can log in to it any more, but its session goes on.
"""

import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import schemathesis

URL = os.environ["CHAIRBOOK_URL"]
COUNT = Path(os.environ["CHAIRBOOK_COUNT"])
GUESSES = {"changePassword", "deleteProfile"}
ENDS_SESSION = {"logOut", "logOutEverywhere", "endSession"}

sent = 0
tokens = {}


def log_in(email):
    request = urllib.request.Request(
        f"{URL}/api/v1/auth/login",
        data=json.dumps({"email": email, "password": os.environ["CHAIRBOOK_PASSWORD"]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    while True:
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)["data"]["accessToken"]
        except urllib.error.HTTPError as error:
            # A generated login has guessed at this account's password.
            if error.code != 429:
                raise
            time.sleep(int(error.headers["Retry-After"]))


def caller(case):
    operation = case.operation.definition.raw["operationId"]
    return os.environ["CHAIRBOOK_GUESSER" if operation in GUESSES else "CHAIRBOOK_EMAIL"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Adds the access token, of a new session where the last one has ended."""
    email = caller(case)
    if email not in tokens:
        tokens[email] = log_in(email)
    case.headers["Authorization"] = f"Bearer {tokens[email]}"


@schemathesis.hook
def after_call(context, case, response):
    """Counts the request, and forgets a token whose session the request has ended."""
    global sent
    sent += 1
    COUNT.write_text(str(sent))
    if case.operation.definition.raw["operationId"] in ENDS_SESSION:
        tokens.pop(caller(case), None)
