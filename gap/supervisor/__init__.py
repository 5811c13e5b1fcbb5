"""Starts and stops the processes that a machine without servers needs: see `python -m gap.supervisor --help`."""
