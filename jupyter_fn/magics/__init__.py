"""Floor 7: `%%fn` publishes a cell, `%fn CMD …` is the command line; completion for both."""
