"""A project's files as typed settings and realms; whatever is wrong in them is said with file and line, all at once."""
