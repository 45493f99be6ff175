"""Who acts, with which rights: actors, operators, and `Security` for code that acts for somebody."""
