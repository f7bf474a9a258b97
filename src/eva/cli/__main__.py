"""`python -m eva.cli` is `eva`, for a checkout that is not installed."""

from eva.cli import main

if __name__ == "__main__":
    main()
