"""Identity providers: which there are, who somebody there is here, logins and logouts through them."""
