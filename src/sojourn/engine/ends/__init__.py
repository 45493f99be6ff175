"""How sessions end, for good: journal, announced drops, and what is repeated after a fault."""
