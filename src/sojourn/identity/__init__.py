"""Who somebody is: passwords now, identity providers later."""
