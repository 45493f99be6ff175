"""What scripts see: one class a file, each host function with the right that it needs."""
