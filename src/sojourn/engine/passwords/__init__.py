"""Passwords: one check for every way in, throttles, changes, resets, and the mails about them."""
