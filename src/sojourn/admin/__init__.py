"""The admin listener: health with causes, metrics; the admin API and the console come here."""
