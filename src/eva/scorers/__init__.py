"""The trained scorers: validation levels and EPITOME's mechanisms, from encoder to scorecard."""
