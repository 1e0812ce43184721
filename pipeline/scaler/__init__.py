"""How many workers: measure, decide, resize. Never imports tasks; they meet in the bucket and in Redis."""
