"""Collection of preference pairs: candidates, their ranking by a machine, and the set (Appendix E)."""
