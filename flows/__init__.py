"""When and where DVC's stages run: Prefect flows over the DAG of `dvc.yaml`, and their services."""
