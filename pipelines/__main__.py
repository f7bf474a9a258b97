"""`python -m pipelines STAGE [ITEM] --OPTION PATH ...`: run one stage, as `dvc.yaml` does."""

import os
import sys

from eva.compat.openmp import wait_asleep
from eva.compat.parent_death import end_with_caller
from pipelines.runner import main

wait_asleep()
if "DVC_STAGE" in os.environ:  # DVC sets it; a stage that is started by hand may outlive its shell
    end_with_caller()
sys.exit(main(sys.argv[1:]))
