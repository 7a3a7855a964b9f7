"""What makes events: files, schedules, topics, other functions."""
