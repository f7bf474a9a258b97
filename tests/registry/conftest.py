"""The registry is tested in the checkouts that the record is tested in."""

from tests.record.conftest import bare, checkout, empty_database

__all__ = ["bare", "checkout", "empty_database"]
