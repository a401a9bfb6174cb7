"""What a real Flowtly would have sent. Must never send anything: it is a list that a person or a test looks at."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail that stayed here. ``invoice`` is an IRI, ``at`` the time as the API writes it."""

    invoice: str
    recipients: tuple[str, ...]
    subject: str
    message: str
    at: str


class Outbox:
    """The last thousand letters of one sandbox. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: deque[Letter] = deque(maxlen=_KEPT)

    def put(self, letter: Letter) -> None:
        """Keep one letter."""
        with self._lock:
            self._letters.append(letter)

    def letters(self) -> list[dict[str, Any]]:
        """All kept letters as JSON data, oldest first."""
        with self._lock:
            return [{**asdict(each), "recipients": list(each.recipients)} for each in self._letters]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._letters.clear()
