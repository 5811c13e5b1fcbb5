"""A copy of the hospital for training: the same dossiers, nobody's names."""
