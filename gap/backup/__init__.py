"""A backup of everything that is kept, and its return: the database at one instant, and the files (docs/adr/0016)."""
