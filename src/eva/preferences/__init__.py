"""Building of preference pairs from EVAD's file or from a corpus with strategies (ADR 12)."""
