"""Real kills: a real service with real workers under load, `kill -9` at random, and a proof from the outside."""
