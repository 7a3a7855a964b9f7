"""One table of commands for the shell and the line magic."""
