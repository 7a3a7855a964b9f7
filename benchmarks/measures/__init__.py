"""One module per measure; each has `measure(size)`, where size 1 is as published, and gives figures."""
