"""Sessions for frameworks with an interface of their own; importing one of these modules imports its framework."""
