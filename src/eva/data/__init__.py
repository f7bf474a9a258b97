"""Corpora in their official formats, as one `Dialogue` type."""
