"""``python -m starter.cli``: the same program where no script is installed."""

from starter.cli.main import entry

if __name__ == "__main__":
    entry()
