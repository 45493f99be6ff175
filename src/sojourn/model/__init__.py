"""The nouns of Sojourn as frozen values, and the rules about them that need nothing else. No I/O."""
