"""`python -m pipelines STAGE [ITEM] --OPTION PATH ...`: run one stage, as `dvc.yaml` does."""

import os
import sys

# GNU OpenMP's threads wait for one another spinning. Where other work shares the cores, the wait costs more
# than the computation: a training step of 2 s took 60 s. Read when torch is imported, so set before.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from pipelines.runner import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
