"""Who somebody is: passwords, signed tokens of others, identity providers. Rules without an engine."""
