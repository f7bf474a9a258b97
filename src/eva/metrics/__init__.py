"""The paper's metrics, with counts and intervals."""
