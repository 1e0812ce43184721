"""Small exports and previews, made in a process beside the web process: no dyno boots for them."""
