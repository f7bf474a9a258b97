"""`params.yaml`, read into frozen models; the only place for knobs. A module for each section."""
