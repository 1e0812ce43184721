"""How many workers: measure, decide, resize. Never imports tasks; they meet at the ledger and in Redis."""
