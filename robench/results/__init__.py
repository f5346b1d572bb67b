"""The runs folder, and all arithmetic on its results."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.results.cells import Result, read_results
    from robench.results.entries import load_entries, read_entry
    from robench.results.entry_form import Entry
    from robench.results.info import (
        AdversarialInfo,
        CellInfo,
        CertificatesInfo,
        ModelInfo,
        StatisticsInfo,
        TransferInfo,
    )
    from robench.results.records import Record
    from robench.results.selection import NoResultsError, Selection
    from robench.results.store import Store, StoredStage

__all__ = [
    "AdversarialInfo",
    "CellInfo",
    "CertificatesInfo",
    "Entry",
    "ModelInfo",
    "NoResultsError",
    "Record",
    "Result",
    "Selection",
    "StatisticsInfo",
    "Store",
    "StoredStage",
    "TransferInfo",
    "load_entries",
    "read_entry",
    "read_results",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
