"""A discrete-event simulation of exports and dynos, in which `decide` is compared with other strategies."""
