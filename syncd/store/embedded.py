"""A PostgreSQL of our own under the data directory, for a first try and for tests. Must never be left running alone.

One process owns the server (a file lock says which) and the server ends with it, whatever kills it. Other processes
attach through the same socket; when the owner ends, one of them takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, Final, Self
from urllib.parse import quote

import psycopg
from psycopg import errors, sql

from syncd.errors import StoreUnavailable
from syncd.store.binaries import find_binaries
from syncd.store.identity import Identity, choose
from syncd.store.server import Server, log_tail

_USER: Final = "postgres"
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH: Final = 100  # the kernel's limit is 107 bytes; 103 on some systems
_SHORT_ROOT: Final = Path("/tmp")  # noqa: S108 - its only use is for a private directory that is checked
_POLL_SECONDS: Final = 0.02
_WATCH_SECONDS: Final = 0.2
_INITDB: Final = ("-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions")
