"""What the command line can do: `making`, `looking` and `running` hold the commands, the others their parts."""
