"""`python -m flows.dvc_hooks ARGUMENTS` is `dvc ARGUMENTS` as a flow run starts it.

It does not outlive the flow run, even one that is killed: the stage's locks would stay held by a DVC that
nobody waits for. And it hears Ctrl-C, which a worker that was started in the background would make it ignore.
"""

import signal
import sys

from eva.compat.parent_death import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from dvc.cli import main

    sys.exit(main(sys.argv[1:]))
