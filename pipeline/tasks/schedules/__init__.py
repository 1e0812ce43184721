"""What runs by the clock: which entries there are, when each is due, and what it does."""
