"""FreeSWITCH's files and the desired state: read from a folder, and written as one."""

from controlplane.exchange.errors import ExchangeError, Place, Refused
from controlplane.exchange.imported import Imported, Row
from controlplane.exchange.reading import read_folder

__all__ = ["ExchangeError", "Imported", "Place", "Refused", "Row", "read_folder"]
