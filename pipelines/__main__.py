"""`python -m pipelines STAGE [ITEM] --OPTION PATH ...`: run one stage, as `dvc.yaml` does."""

import sys

from eva.compat.openmp import wait_asleep
from pipelines.runner import main

wait_asleep()
sys.exit(main(sys.argv[1:]))
