"""Functions, triggers, events, runs, costs and payloads on disk."""
