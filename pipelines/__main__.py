"""`python -m pipelines STAGE [ITEM] --OPTION PATH ...`: run one stage, as `dvc.yaml` does."""

import os
import sys

from eva.compat.parent_death import end_with_caller
from eva.compat.process_start import start_again
from pipelines.preloading import hand_over

if "DVC_STAGE" in os.environ:  # DVC sets it; a stage that is started by hand may outlive its shell
    end_with_caller()
code = hand_over(sys.argv[1:])
if code is None:
    start_again()
    from pipelines.runner import main

    code = main(sys.argv[1:])
sys.exit(code)
