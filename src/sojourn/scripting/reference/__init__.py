"""What follows from the declarations for people and editors: the reference page, the table of rights, ``sojourn.d.ts``."""
