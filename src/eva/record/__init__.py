"""The record of what ran: files first, MLflow as a view of them.

Importing this package is cheap; MLflow itself is imported when a run starts, or never.
"""

from eva.record.lookup import current_record, find_record
from eva.record.records import Record, Stored, outputs_digest, read_record, record_path
from eva.record.stage_run import StageRun, stage_run

__all__ = [
    "Record",
    "StageRun",
    "Stored",
    "current_record",
    "find_record",
    "outputs_digest",
    "read_record",
    "record_path",
    "stage_run",
]
