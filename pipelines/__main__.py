"""`python -m pipelines STAGE [ITEM] --OPTION PATH ...`: run one stage, as `dvc.yaml` does."""

import sys

from pipelines.runner import main

sys.exit(main(sys.argv[1:]))
