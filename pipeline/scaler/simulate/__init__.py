"""A world of exports and dynos on paper, in which the scaler's own `decide` and other ways are tried."""
