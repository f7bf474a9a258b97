"""Preference pairs: from EVAD's file or from public labels."""
