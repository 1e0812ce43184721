"""Redis: leases, counters, progress, workers. All of it can be rebuilt."""
