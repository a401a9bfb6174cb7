"""One HTTP client for every peer that speaks HTTP: pacing, retries, limits, and statuses turned into typed errors.

It never repeats a request that may have changed something, and never follows a redirect: the credentials stay with
the host they were given for.
"""

from __future__ import annotations

import logging
from typing import Final

from syncd.connectors.http.answers import Answer
from syncd.connectors.http.client import HttpClient, Options
from syncd.connectors.http.credentials import Credentials, LoginToken, StaticToken
from syncd.connectors.http.jsontext import JsonTrouble, dump_json, parse_json
from syncd.connectors.http.multipart import Multipart
from syncd.connectors.http.requests import Request, Sink
from syncd.connectors.http.trouble import is_api_error, is_router_error, trouble, unreadable

__all__: Final = [
    "Answer",
    "Credentials",
    "HttpClient",
    "JsonTrouble",
    "LoginToken",
    "Multipart",
    "Options",
    "Request",
    "Sink",
    "StaticToken",
    "dump_json",
    "is_api_error",
    "is_router_error",
    "parse_json",
    "trouble",
    "unreadable",
]

# The libraries below log URLs (which carry names and tax numbers) and response headers; our own log line is enough.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)
