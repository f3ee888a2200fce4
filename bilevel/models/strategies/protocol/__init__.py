"""What a strategy is, and what strategies ask of a game."""
