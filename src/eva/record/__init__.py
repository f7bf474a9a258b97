"""The record of what ran: files first, MLflow as a view of them.

Importing this package is cheap; MLflow itself is imported when a run is announced, or never.
"""

from eva.record.lookup import find_maker
from eva.record.records import Record, Stored, read_record, record_path
from eva.record.stage_run import StageRun, stage_run

__all__ = ["Record", "StageRun", "Stored", "find_maker", "read_record", "record_path", "stage_run"]
