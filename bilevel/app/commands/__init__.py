"""The commands, one module each; `run(options)` prints the answer and returns the exit status."""
