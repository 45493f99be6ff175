"""The watch over the session store: what it can do, whether it is the same, its clock and its delay."""
