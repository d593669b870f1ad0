"""Floor 5 · cli — `python -m mailrail` is `mailrail`."""

from mailrail.cli import main

if __name__ == "__main__":
    main()
