"""`eva`, also as `python -m eva`: the command line, in a process that has its environment."""

from eva.compat.process_start import start_again


def main() -> None:
    """Start again with the environment before anything slow is imported, then run the command."""
    start_again()
    from eva.cli import main as run

    run()


if __name__ == "__main__":
    main()
