"""Floor 0: frozen values, units, ids, the exception tree, the codec. Standard library only."""
