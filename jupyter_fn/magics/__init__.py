"""%%fn and %fn."""
