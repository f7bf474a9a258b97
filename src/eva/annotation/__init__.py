"""People rank candidates or label their levels: pages, assignments, answers, agreement (Appendix E)."""
