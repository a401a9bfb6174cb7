"""One thing after another: what the product does in several threads is done in one, so that steps come in one order.

Only the order is taken away. Nothing the product decides depends on it, and other tests run the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import Any, Self
from unittest.mock import patch

from syncd.wiring import load_connector


class _Inline:
    """An executor that has done what it was given before it gives the future back."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it, as from any executor
            future.set_exception(error)
        return future

    def map(self, call: Callable[..., Any], *iterables: Any) -> Iterator[Any]:
        return iter([call(*arguments) for arguments in zip(*iterables, strict=False)])


def _read_inline(produce: Callable[[Event], Iterator[Any]]) -> Iterator[Any]:
    return produce(Event())


@contextmanager
def one_after_another() -> Iterator[None]:
    """Threads of the engine and of Flowtly's connector are none inside the block; connectors are looked up once."""
    classes: dict[str, Any] = {}

    def load(kind: str, node: Any) -> Any:
        if kind not in classes:
            classes[kind] = load_connector(kind, node)
        return classes[kind]

    with (
        patch("syncd.wiring.load_connector", load),
        patch("syncd.engine.read.ThreadPoolExecutor", _Inline),
        patch("syncd.engine.apply.ThreadPoolExecutor", _Inline),
        patch("syncd.connectors.flowtly.reading.ThreadPoolExecutor", _Inline),
        patch("syncd.connectors.flowtly.connector.read_ahead", _read_inline),
    ):
        yield
