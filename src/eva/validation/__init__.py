"""Validation of a prepared corpus with Great Expectations: tables, rules, verdict and HTML page."""
