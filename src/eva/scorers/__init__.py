"""The trained scorers of validation levels and of EPITOME's mechanisms: models, training and evaluation."""
