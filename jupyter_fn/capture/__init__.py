"""Floor 1: cell, function or notebook → draft. Options, free names, values, imports, digest. cloudpickle is loaded lazily."""
