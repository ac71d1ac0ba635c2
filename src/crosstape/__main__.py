"""`python -m crosstape` is the command line."""

from crosstape.cli import main

if __name__ == "__main__":
    main()
