"""REST of patients, stays, cards and coverages. Writes call the services that the screens call."""
