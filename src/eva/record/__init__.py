"""Records of stage runs: JSON files, which are also written into MLflow.

The files are the source of truth; MLflow can always be filled from them again. Importing this package is
fast: MLflow is imported only when a run is announced.
"""

from eva.record.lookup import find_maker
from eva.record.records import Record, Stored, read_record, record_path
from eva.record.stage_run import StageRun, stage_run

__all__ = ["Record", "StageRun", "Stored", "find_maker", "read_record", "record_path", "stage_run"]
