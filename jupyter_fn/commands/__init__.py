"""Floor 6: one table of commands, for the shell and for `%fn`."""
