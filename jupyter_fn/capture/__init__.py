"""From a cell or function to a draft."""
