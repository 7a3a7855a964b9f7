"""The crash laboratory: the engine under every kind of accident.

`python -m tests.laboratory simulate` replays histories of a simulated world, one per seed: the real engine over a real
SQLite store, on an event loop whose time is virtual. `python -m tests.laboratory kill` kills real processes of a real
service. Both end with the same question: does everything hold that docs/guarantees.md promises?
"""
