"""Counts the SQL statements that a piece of code runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from controlplane.store import Store

# What a transaction begins with, on either database.
_FRAME = ("BEGIN", "SET TRANSACTION", "SELECT pg_advisory")


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """Give a list that grows with every statement run on the store, the frames of transactions left out.

    `with counted(store) as statements: ...` and then `assert len(statements) == 2`.
    """
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        if not statement.startswith(_FRAME):
            statements.append(statement)

    for engine in (store.writer, store.reader):
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        for engine in (store.writer, store.reader):
            event.remove(engine, "before_cursor_execute", note)
