"""Other ways to run a function durably, each set up as its docs want it for low latency: `running(workers)` gives a `Peer`."""
