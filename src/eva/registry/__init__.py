"""The MLflow model registry: promotion, model card, serving."""
