"""Everything that connects out on somebody's word goes through here: the egress guard and what is built on it."""
