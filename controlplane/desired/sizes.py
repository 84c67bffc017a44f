"""What FreeSWITCH would not take for its size: mod_xml_curl throws an answer away that is too large.

A document, or an extension, goes out whole or not at all, so it is measured when it is written.
"""

from collections.abc import Iterable, Iterator

from controlplane.desired.catalog import Catalog, rank
from controlplane.desired.errors import FieldError
from controlplane.desired.values import Document, Extension, Key, Node

Wrong = Iterator[tuple[Key, FieldError]]

_AROUND = 512
"""Bytes that an answer has around what is stored."""


def size(value: Document | Extension) -> int:
    """Give the bytes of an answer that holds it, or a little more."""
    return len(value.xml.encode()) + _AROUND


def too_large(value: Document | Extension, after: Catalog) -> Wrong:
    """Say which node would not take the value."""
    needed = size(value)
    for row in after.nodes.values():
        node = row.value
        if needed > node.response_max_bytes and rank(node, value.scope) is not None:
            reason = f"takes {needed} bytes, but {node.name} takes {node.response_max_bytes} at most"
            yield value.key, FieldError("xml", f"{reason} (response_max_bytes)")
            return


def too_small(node: Node, documents: Iterable[Document]) -> Wrong:
    """Say which document the node could not take any more."""
    for document in documents:
        if size(document) > node.response_max_bytes:
            reason = f"is less than the {size(document)} bytes of {document.name}"
            yield node.key, FieldError("response_max_bytes", reason)
            return
