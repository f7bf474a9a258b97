"""Where a step of SFT spends its time: torch's profiler over one step on two typical dialogues, in bf16.

python -m benchmarks.step_profile ESCONV
"""

import sys
import tempfile
from pathlib import Path

from benchmarks import acquisition, corpus
from torch.profiler import ProfilerActivity, profile


def main(esconv: Path) -> str:
    """The operations that take most of the time, as the profiler's table; a step before it warms up."""
    model = corpus.model_folder()
    chosen = corpus.typical(corpus.encoded(esconv, model), 2)
    with tempfile.TemporaryDirectory() as folder:
        trainer = acquisition.ours(model, chosen, Path(folder), precision="bf16")
        trainer.train()
        with profile(activities=[ProfilerActivity.CPU]) as found:
            trainer.train()
    return str(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1])) + "\n")
